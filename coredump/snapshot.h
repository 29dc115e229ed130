// One immutable picture of one process: threads with their registers, modules, memory. Everything later works
// on this and does not care whether a core file or a process was the source. What only a live process knows
// is optional.
#pragma once

#include "base/error.h"
#include "base/interval_map.h"
#include "coredump/leak_search.h"
#include "coredump/live_facts.h"
#include "coredump/memory_view.h"
#include "coredump/module.h"
#include "coredump/thread.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace standstill {

enum class SnapshotSource { CORE, LIVE, CAPTURE };

// A file mapping as NT_FILE (or /proc/PID/maps) lists it.
struct FileMapping {
  Address start;
  Address end;
  std::uint64_t file_offset = 0;  // bytes
  std::string path;               // as recorded, with a " (deleted)" suffix if it had one
};

// The signal that made the kernel write the core (NT_SIGINFO, or pr_cursig of the first thread); absent for
// gcore of a quiet process.
struct DeathSignal {
  int number = 0;
  int tid = 0;
};

struct ProcessInfo {
  int pid = 0;
  int parent_pid = 0;
  std::string name;        // pr_fname: at most 15 characters
  std::string executable;  // path of the program as the process saw it; "" where unknown
  std::vector<std::string>
      command_line;  // from the target's memory where readable, else pr_psargs split at spaces
  std::optional<DeathSignal> signal;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> auxiliary_vector;  // (AT_*, value)

  std::optional<std::uint64_t> auxiliary(std::uint64_t type) const;
};

// How much of the dump is there. `missing_bytes` counts what program headers promise beyond the end of the
// file.
struct Completeness {
  std::uint64_t file_bytes = 0;
  std::uint64_t missing_bytes = 0;
  std::uint64_t promised_segments = 0;
  std::uint64_t missing_segments = 0;  // segments cut or absent
  bool lost_headers = false;           // the file ends within its program headers: far more may be missing
  bool is_selection = false;  // a capture that leaves out, on purpose, what an analysis does not read
};

struct Snapshot {
  SnapshotSource source = SnapshotSource::CORE;
  std::string path;  // of the core; "" for a live process
  std::string architecture = "x86_64";
  ProcessInfo process;
  std::vector<Thread> threads;  // in the order of the dump; the first is the one that got the signal, if any
  std::vector<Module> modules;  // by start address
  std::vector<FileMapping> file_mappings;
  // All memory ranges the dump describes, readable or not, with their PF_* flags.
  IntervalMap<std::uint32_t> ranges;
  MemoryView memory;
  Completeness completeness;
  std::optional<ProcessFacts> facts;      // as Thread::facts
  std::optional<LeakSearch> leak_search;  // of a capture, where the process had Go's heap
  std::vector<Note> notes;
  // So many of the notes, the first ones, tell how a live process was looked at; the others, what files were
  // found for it.
  std::size_t notes_of_picture = 0;
  // Where the target's file system lies, for debug files: "/proc/PID/root" of a process in a container, else
  // "".
  std::string file_system_root;

  std::optional<std::uint64_t> auxiliary(std::uint64_t type) const;
  std::optional<ModuleIndex> find_module(Address address) const;
  // Whether the range that holds `address` may be executed; false where no range holds it.
  bool is_executable(Address address) const;
};

}  // namespace standstill

// All that one run concluded, as plain values. Formats see nothing else; this file knows nothing of
// snapshots, stacks or symbols, and has no print function. Field names and enums follow report.proto (docs:
// contract of the JSON).
#pragma once

#include "base/address.h"
#include "base/error.h"
#include "reports/heap_record.h"
#include "reports/runtime_profile_record.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace standstill {

struct TargetRecord {
  std::string source = "CORE";  // CORE | LIVE | CAPTURE
  std::string path;
  int pid = 0;
  std::string executable;
  std::vector<std::string> command_line;
  std::string architecture;
  int signal_number = 0;  // 0: none
  std::string signal_name;
  std::string signal_task;  // task id
  std::string captured_at;  // RFC 3339, in UTC; "" where unknown
  // The clocks at the picture, for a comparison with another one.
  std::optional<double> realtime_seconds;   // since 1970
  std::optional<double> monotonic_seconds;  // CLOCK_MONOTONIC of its machine; not of a plain core
  bool is_time_of_file = false;  // a core has no clock: realtime_seconds is when its file was written
  std::optional<double> pause_ms;
  std::uint64_t thread_count = 0;
  std::uint64_t goroutine_count = 0;
  struct Runtime {
    std::string name;
    std::string version;
  };
  std::vector<Runtime> runtimes;
  // Where several processes were looked at together: all of them, and `pid` and the like are of the first.
  struct Process {
    int pid = 0;
    std::string name;
    std::string executable;
    std::uint64_t thread_count = 0;
  };
  std::vector<Process> processes;
  std::vector<std::string> allocators;
  std::uint64_t missing_bytes = 0;  // of a truncated core
  std::uint64_t promised_segments = 0;
  std::uint64_t missing_segments = 0;  // cut or absent
  bool lost_headers = false;           // `missing_bytes` is the least that it can be
  std::uint64_t file_bytes = 0;
};

// One piece of what stands between a Go function's parentheses in a traceback.
struct ArgumentPiece {
  enum class Kind : std::uint8_t { VALUE, STALE_VALUE, OPEN, CLOSE, MORE, OUT_OF_REACH };
  Kind kind = Kind::VALUE;
};

struct FrameRecord {
  Address pc;
  std::string function;      // "" where unknown: see `missing`
  std::uint64_t offset = 0;  // of the pc from the start of the function that holds it
  std::string file;
  std::uint32_t line = 0;
  bool inlined = false;
  bool is_exact = false;            // pc is the instruction itself, not a return address
  std::string module;               // path
  std::uint64_t module_offset = 0;  // virtual address of the pc in the module's file, as addr2line takes it
  std::string build_id;
  std::string found_by;  // REGISTERS | CFI | FRAME_POINTER | GO_PCLNTAB | SCAN
  std::string missing;   // one line: why there is no name

  // Of goroutines' stacks, as Go's own dumps treat the frame.
  bool is_foreign = false;       // C code or the way there: they do not show it
  bool skips_profile = false;    // a wrapper that the compiler made: not counted in profiles
  bool skips_traceback = false;  // a function of the runtime, or a wrapper
  Address
      counted_pc;  // the return address that profiles count, of an inlined frame its own; 0: of no goroutine
  std::vector<ArgumentPiece> arguments;  // where they were asked for; values are kept for each goroutine
};

struct WaitRecord {
  std::string kind;    // contract.md, words for waits: "MUTEX"; "" where not known
  std::string reason;  // the runtime's own words
  std::string resource;
  std::optional<double> duration_seconds;
  std::string bound = "UNKNOWN";  // EXACT | AT_LEAST | UNKNOWN
  std::string detail;
  std::string open_files;  // part of `detail`: what the descriptors are that it waits on
};

struct CreatedBy {
  std::string function;
  std::string file;
  std::uint32_t line = 0;
  std::uint64_t offset = 0;  // of the return address in the function
  std::string task;
};

// What shows whether a task has moved between two pictures. A core knows only where it stood.
struct MotionRecord {
  Address stack_pointer;                  // 0: not known
  std::uint64_t registers = 0;            // a digest of those that stay the same while it waits; 0: not known
  std::optional<double> run_seconds;      // on a processor, since it began
  std::optional<std::uint64_t> switches;  // how often it has given up the processor to wait
};

struct TaskRecord {
  std::string id;  // "thread:10995"
  std::string kind = "THREAD";
  std::uint64_t number = 0;
  std::string name;
  std::uint64_t os_thread = 0;
  std::string state;
  std::optional<WaitRecord> wait;
  std::uint32_t group = 0;  // index into Findings::groups
  std::map<std::string, std::string> labels;
  std::optional<CreatedBy> created_by;
  bool locked_to_thread = false;
  bool is_idle = false;     // waits for work or events, and nobody waits for it
  bool is_blocked = false;  // waits for what another task holds, or for something nobody will give
  std::string stack_end;    // one line
  MotionRecord motion;
};

struct GroupRecord {
  std::vector<std::uint32_t>
      tasks;  // indices into Findings::tasks, ascending; their number is the group's count
  std::vector<FrameRecord> frames;  // innermost first, inlined frames unfolded
  bool is_hidden = false;           // of tasks that were not asked for; behind all others
  std::string broken_end;  // one line: why the stack ends before its outermost frame; "" where it does not
  bool is_cut = false;     // it ends because no more frames were asked for
  std::optional<double> wait_min_seconds;
  std::optional<double> wait_max_seconds;
};

// A goroutine, in few bytes: there may be a million. What many share stands once, in the tables of GoRecord.
struct GoroutineRecord {
  static constexpr std::uint32_t NONE = UINT32_MAX;

  std::uint64_t number = 0;
  std::uint64_t parent = 0;       // the number of the goroutine that started it; 0: not known
  std::uint64_t arguments = 0;    // offset in its block of GoRecord::arguments
  std::int64_t waited_ns = -1;    // at least; -1: not known
  std::uint32_t group = 0;        // index into Findings::groups
  std::uint32_t state = 0;        // index into GoRecord::states
  std::uint32_t creator = NONE;   // index into GoRecord::creators
  std::uint32_t labels = NONE;    // index into GoRecord::label_sets
  std::uint32_t resource = NONE;  // index into Findings::resources
  std::uint32_t thread = NONE;    // index into Findings::tasks
  std::uint32_t remark = NONE;    // index into GoRecord::remarks
  std::uint16_t process = 0;      // index into TargetRecord::processes, where there are several
  bool is_locked_to_thread = false;
  bool is_blocked = false;  // waits for what a task holds, or for something nobody will give
};

// What goroutines share, and what is to be known of their Go.
struct GoRecord {
  struct State {
    std::string text;             // "chan receive", "syscall": the runtime's own words
    std::string mark;             // " (scan)", " (leaked)", " (durable)": stands behind them
    std::string kind;             // of the wait; "" where unknown
    bool counts_minutes = false;  // the runtime tells since when, at this status
  };
  // A goroutine that waits for any of several channels.
  struct Select {
    std::uint32_t goroutine = 0;         // index into Findings::goroutines
    std::uint32_t first = 0, count = 0;  // in `channels`
  };
  int minor_version = 0;
  std::vector<Select> selects;          // by goroutine, ascending
  std::vector<std::uint32_t> channels;  // indices into Findings::resources
  std::vector<State> states;
  std::vector<std::string> remarks;  // ", synctest bubble 3": stand behind states where a version prints them
  bool prints_labels = false;        // in tracebacks, as the program was told to (GODEBUG=tracebacklabels=1)
  std::vector<CreatedBy> creators;
  std::vector<std::map<std::string, std::string>> label_sets;
  // Of each goroutine, in the order of its group's frames, each VALUE of each frame, as ULEB128; a block for
  // each ARGUMENT_BLOCK goroutines. Empty where they were not asked for.
  static constexpr std::size_t ARGUMENT_BLOCK = 4096;
  std::vector<std::vector<std::uint8_t>> arguments;
  bool has_arguments = false;
};

struct HolderRecord {
  std::string task;
  std::string evidence;
  std::string confidence;  // CERTAIN | PROBABLE | POSSIBLE
};

struct ResourceRecord {
  std::string id;
  std::string kind;
  Address address;
  std::string symbol;
  std::vector<HolderRecord> holders;
  std::vector<std::string> waiters;
  std::string detail;
};

struct FindingRecord {
  std::string kind;        // DEADLOCK | SELF_DEADLOCK | ORPHANED_LOCK | ROOT_BLOCKER | ...
  std::string confidence;  // CERTAIN | PROBABLE | POSSIBLE
  std::string title;
  std::string explanation;
  std::vector<std::string> tasks;  // a cycle lists its tasks in waiting order
  std::vector<std::string> resources;
  std::vector<std::string> behind;  // of a deadlock of goroutines: others that stand still because of it
};

struct ModuleRecord {
  std::string path;
  bool is_main_program = false;
  Address start;
  Address end;
  std::uint64_t file_offset = 0;  // of its first executable mapping, for pprof's mapping table
  Address text_start;             // of that mapping; 0 where unknown
  Address text_end;
  std::string build_id;
  std::string debug_file;
  std::string status;                   // OK | NO_FILE | BUILD_ID_MISMATCH | NO_SYMBOLS | NO_DEBUG_INFO
  std::string advice;                   // the file or command that would help; "" where all is well
  std::vector<std::string> looked_for;  // places that were asked for its files in vain
  std::uint64_t frames = 0;             // distinct frames of the groups that lie in it
  std::uint64_t unnamed_frames = 0;
};

struct Findings {
  TargetRecord target;
  std::string headline;  // the verdict in one sentence
  std::vector<FindingRecord> findings;
  std::vector<TaskRecord> tasks;  // threads
  // Goroutines are tasks, too: index tasks.size() and up, wherever a list of tasks is indices
  // (reports/tasks.h).
  std::vector<GoroutineRecord> goroutines;
  GoRecord go;
  std::vector<GroupRecord> groups;  // largest first
  std::vector<ResourceRecord> resources;
  std::vector<ModuleRecord> modules;
  std::vector<HeapRecord> heaps;  // the largest first
  std::vector<RuntimeProfileRecord> runtime_profiles;
  std::vector<Note> notes;
};

}  // namespace standstill

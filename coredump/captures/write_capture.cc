#include "coredump/captures/write_capture.h"

#include "coredump/architecture.h"
#include "coredump/captures/core_note_writer.h"
#include "coredump/captures/core_writer.h"
#include "coredump/captures/dump_filter.h"
#include "coredump/captures/full_memory.h"

#include <algorithm>
#include <string_view>

#include <elf.h>
#include <fmt/format.h>

namespace standstill {
namespace {

constexpr std::uint64_t PAGE = 4096;

// A library that was replaced while the process runs has a file only as long as the process lives; its code
// and names are taken along.
std::vector<AddressRange> modules_without_file(const Snapshot& snapshot) {
  constexpr std::uint64_t most = 32 << 20;
  std::vector<AddressRange> ranges;
  for (const Module& module : snapshot.modules) {
    // "/proc/PID/exe", "/proc/PID/map_files/..."; what lies below "root" is in a container's image.
    const bool is_in_process =
        module.file_path.starts_with("/proc/") && module.file_path.find("/root/") == std::string::npos;
    if (!module.is_deleted && !is_in_process) continue;
    for (const FileMapping& mapping : snapshot.file_mappings) {
      if (module.contains(mapping.start) && mapping.end - mapping.start <= most)
        ranges.push_back({mapping.start, mapping.end});
    }
  }
  return ranges;
}

// The variables of the C library and the loader: gdb's libthread_db follows their lists of threads.
std::vector<AddressRange> lists_of_threads(const Snapshot& snapshot) {
  constexpr std::uint64_t most = 1 << 20;
  std::vector<AddressRange> ranges;
  for (const Module& module : snapshot.modules) {
    const std::string_view name = std::string_view(module.path).substr(module.path.rfind('/') + 1);
    const bool is_libc = name.starts_with("libc.so") || name.starts_with("libc-") ||
                         name.starts_with("libpthread") || name.starts_with("ld-");
    if (!is_libc || module.image == nullptr) continue;
    for (const Elf64_Phdr& segment : module.image->program_headers()) {
      if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) == 0 || segment.p_memsz > most) continue;
      const Address start = module.from_vaddr(segment.p_vaddr);
      ranges.push_back({start, start + segment.p_memsz});
    }
  }
  return ranges;
}

std::vector<AddressRange> held_memory(const Snapshot& snapshot, CaptureMemory memory) {
  std::vector<AddressRange> held = memory_looked_at(snapshot);
  std::ranges::copy(used_stacks(snapshot), std::back_inserter(held));
  std::ranges::copy(modules_without_file(snapshot), std::back_inserter(held));
  std::ranges::copy(lists_of_threads(snapshot), std::back_inserter(held));
  if (memory != CaptureMemory::FULL) return held;
  for (const Thread& thread : snapshot.threads) {
    const auto dumped = find_dumped_ranges(thread.tid);
    std::ranges::copy(dumped, std::back_inserter(held));
    if (!dumped.empty()) break;  // a main thread that has ended shows no memory
  }
  return held;
}

}  // namespace

Result<void> write_capture(CoreSink& sink, const Snapshot& snapshot, const CaptureOptions& options) {
  const Architecture* architecture = find_architecture(snapshot.architecture);
  if (architecture == nullptr) return failure(fmt::format("no support for {}", snapshot.architecture));
  CoreContents contents;
  contents.machine = architecture->machine;
  contents.notes = make_core_notes(snapshot, *architecture,
                                   make_capture_note(snapshot, options.memory, options.tool_version));
  contents.segments = make_segments(snapshot.ranges, held_memory(snapshot, options.memory));
  FullMemoryReader full(snapshot);
  contents.read = [&](Address address, std::uint64_t most) {
    if (options.memory == CaptureMemory::FULL) return full.read(address, most);
    const Bytes bytes = clipped(snapshot.memory.bytes_at(address), 0, most);
    // A page that went away since: zeros, as gcore writes them.
    return bytes.empty() ? CorePart{{}, std::min(PAGE, most)} : CorePart{bytes, 0};
  };
  return write_core(sink, contents);
}

}  // namespace standstill

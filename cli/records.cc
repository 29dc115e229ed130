#include "cli/records.h"

#include "cli/module_advice.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <iterator>
#include <optional>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace standstill {

namespace {

std::string thread_id(int tid) { return fmt::format("thread:{}", tid); }

// "SIGABRT"; "" for numbers that have no name of their own (real-time signals).
std::string signal_name(int number) {
  const char* abbreviation = sigabbrev_np(number);
  return abbreviation == nullptr ? "" : fmt::format("SIG{}", abbreviation);
}

std::string time_text(std::time_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds));
}

// A core has no time of its own: when its file was last written is the next best.
std::string time_of_file(const std::string& path) {
  struct stat status{};
  if (path.empty() || path == "-" || stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return time_text(status.st_mtime);
}

std::string_view reason(MissingName missing) {
  switch (missing) {
    case MissingName::NONE:
      return "";
    case MissingName::NO_MODULE:
      return "in no module";
    case MissingName::NO_FILE:
      return "its file is not here";
    case MissingName::BUILD_ID_MISMATCH:
      return "the file here is another build";
    case MissingName::NO_SYMBOL:
      return "no symbol covers it";
  }
  return "";
}

std::string_view status_word(SymbolStatus status) {
  switch (status) {
    case SymbolStatus::OK:
      return "OK";
    case SymbolStatus::NO_FILE:
      return "NO_FILE";
    case SymbolStatus::BUILD_ID_MISMATCH:
      return "BUILD_ID_MISMATCH";
    case SymbolStatus::NO_SYMBOLS:
      return "NO_SYMBOLS";
    case SymbolStatus::NO_DEBUG_INFO:
      return "NO_DEBUG_INFO";
  }
  return "";
}

// Each module's first executable mapping: what pprof lists as its range and file offset.
void find_text(std::vector<ModuleRecord>& records, const Snapshot& snapshot) {
  for (const FileMapping& mapping : snapshot.file_mappings) {
    if (!snapshot.is_executable(mapping.start)) continue;
    const auto module = snapshot.find_module(mapping.start);
    if (!module || records.at(*module).text_end) continue;
    ModuleRecord& record = records[*module];
    record.file_offset = mapping.file_offset;
    record.text_start = mapping.start;
    record.text_end = mapping.end;
  }
}

// While a thread waits in a system call, the kernel changes rax, and the call's number where it restarts the
// call after an interruption (restart_syscall(2)); everything else stays. FNV-1a, 64 bits.
std::uint64_t digest_of(const Registers& registers) {
  std::uint64_t digest = 0xcbf29ce484222325;
  const auto add = [&digest](std::uint64_t value) {
    for (int i = 0; i < 64; i += 8) digest = (digest ^ (value >> i & 0xff)) * 0x100000001b3;
  };
  for (unsigned number = 0; number < Registers::COUNT; ++number) {
    if (number != Registers::RAX || !registers.in_system_call()) add(registers.by_dwarf_number[number]);
  }
  add(registers.in_system_call() ? 1 : 0);
  add(registers.thread_pointer);
  return digest == 0 ? 1 : digest;
}

MotionRecord to_motion_record(const Thread& thread) {
  MotionRecord motion;
  if (thread.registers.knows(Registers::RSP)) motion.stack_pointer = thread.registers.stack_pointer();
  if (thread.registers.unknown == 0) motion.registers = digest_of(thread.registers);
  if (!thread.facts) return motion;
  if (thread.facts->run_time_ns) motion.run_seconds = static_cast<double>(*thread.facts->run_time_ns) / 1e9;
  motion.switches = thread.facts->voluntary_switches;
  return motion;
}

// A core has no clock; its file's time is a little after the picture was taken.
void set_clocks(TargetRecord& record, const Snapshot& snapshot) {
  if (snapshot.facts) {
    record.realtime_seconds = static_cast<double>(snapshot.facts->clocks.realtime_ns) / 1e9;
    record.monotonic_seconds = static_cast<double>(snapshot.facts->clocks.monotonic_ns) / 1e9;
  } else {
    record.realtime_seconds = time_of_picture(snapshot);
    record.is_time_of_file = record.realtime_seconds.has_value();
  }
}

}  // namespace

TargetRecord to_target_record(const Snapshot& snapshot) {
  TargetRecord record;
  record.source = snapshot.source == SnapshotSource::CORE   ? "CORE"
                  : snapshot.source == SnapshotSource::LIVE ? "LIVE"
                                                            : "CAPTURE";
  record.path = snapshot.path;
  record.pid = snapshot.process.pid;
  record.executable =
      snapshot.process.executable.empty() ? snapshot.process.name : snapshot.process.executable;
  record.command_line = snapshot.process.command_line;
  record.architecture = snapshot.architecture;
  if (const auto& signal = snapshot.process.signal) {
    record.signal_number = signal->number;
    record.signal_name = signal_name(signal->number);
    if (signal->tid != 0) record.signal_task = thread_id(signal->tid);
  }
  record.captured_at = time_of_file(snapshot.path);
  if (snapshot.facts) {
    record.captured_at = time_text(snapshot.facts->clocks.realtime_ns / 1'000'000'000);
    record.pause_ms = snapshot.facts->pause_ms;
  }
  set_clocks(record, snapshot);
  record.thread_count = snapshot.threads.size();
  record.missing_bytes = snapshot.completeness.missing_bytes;
  record.promised_segments = snapshot.completeness.promised_segments;
  record.missing_segments = snapshot.completeness.missing_segments;
  record.lost_headers = snapshot.completeness.lost_headers;
  record.file_bytes = snapshot.completeness.file_bytes;
  return record;
}

std::optional<double> time_of_picture(const Snapshot& snapshot) {
  if (snapshot.facts) return static_cast<double>(snapshot.facts->clocks.realtime_ns) / 1e9;
  struct stat status{};
  if (snapshot.path.empty() || snapshot.path == "-" || stat(snapshot.path.c_str(), &status) != 0 ||
      !S_ISREG(status.st_mode))
    return std::nullopt;
  return static_cast<double>(status.st_mtime);
}

std::vector<TaskRecord> to_task_records(const Snapshot& snapshot, std::span<const Stack> stacks) {
  std::vector<TaskRecord> records;
  records.reserve(snapshot.threads.size());
  for (std::size_t i = 0; i < snapshot.threads.size(); ++i) {
    const Thread& thread = snapshot.threads[i];
    TaskRecord record;
    record.id = thread_id(thread.tid);
    record.number = static_cast<std::uint64_t>(thread.tid);
    record.name = thread.name;
    record.os_thread = record.number;
    record.state = thread.registers.in_system_call() ? "syscall" : "running";
    if (i < stacks.size()) record.stack_end = describe(stacks[i].end);
    record.motion = to_motion_record(thread);
    records.push_back(std::move(record));
  }
  return records;
}

const Location& NamedAddresses::at(Address address) const {
  const auto found = std::ranges::lower_bound(addresses, address);
  assert(found != addresses.end() && *found == address);
  return locations.at(static_cast<std::size_t>(found - addresses.begin()));
}

std::vector<FrameRecord> to_frame_records(const Frame& frame, const Location& location,
                                          const Snapshot& snapshot) {
  std::vector<FrameRecord> records;
  FrameRecord common;
  common.pc = frame.pc;
  common.is_exact = frame.is_exact || frame.is_signal_frame;
  common.found_by = to_string(frame.found_by);
  if (location.function_start && location.function_start <= frame.pc)
    common.offset = frame.pc - location.function_start;
  if (location.module) {
    const Module& module = snapshot.modules.at(*location.module);
    common.module = module.path;
    common.module_offset = module.to_vaddr(frame.pc);
    common.build_id = module.build_id.hex();
  }
  if (frame.is_signal_frame) {
    // The kernel's trampoline; its symbol, where it has one, says less.
    common.function = "<signal handler called>";
    records.push_back(std::move(common));
    return records;
  }
  if (location.chain.empty()) {
    common.missing = reason(location.missing);
    records.push_back(std::move(common));
    return records;
  }
  for (const CodeLocation& code : location.chain) {
    FrameRecord record = common;
    record.function = code.function;
    record.file = code.file;
    record.line = code.line;
    record.inlined = code.inlined;
    if (record.function.empty()) record.missing = "the debug info has no name for it";
    records.push_back(std::move(record));
  }
  return records;
}

GroupRecord to_group_record(const StackGroup& group, const NamedAddresses& names, const Snapshot& snapshot) {
  GroupRecord record;
  record.tasks = group.members;
  record.frames.reserve(group.frames.size());
  for (const Frame& frame : group.frames)
    std::ranges::move(to_frame_records(frame, names.at(frame.lookup_address()), snapshot),
                      std::back_inserter(record.frames));
  if (group.end != StackEnd::OUTERMOST) record.broken_end = describe(group.end);
  return record;
}

std::vector<FrameRecord> to_frame_records(Address return_address, const Location& location,
                                          const Snapshot& snapshot) {
  Frame frame;
  frame.pc = return_address;
  std::vector<FrameRecord> records = to_frame_records(frame, location, snapshot);
  for (FrameRecord& record : records) record.found_by.clear();  // nobody unwound it
  return records;
}

std::vector<ModuleRecord> to_module_records(const Snapshot& snapshot, const Symbolizer& symbolizer,
                                            const NamedAddresses& names, bool inspect_all) {
  std::vector<ModuleRecord> records(snapshot.modules.size());
  for (const Location& location : names.locations) {
    if (!location.module) continue;
    ModuleRecord& record = records.at(*location.module);
    ++record.frames;
    if (location.chain.empty()) ++record.unnamed_frames;
  }
  find_text(records, snapshot);
  for (ModuleIndex i = 0; i < records.size(); ++i) {
    const Module& module = snapshot.modules[i];
    ModuleRecord& record = records[i];
    record.path = module.path;
    record.is_main_program = module.is_main_program;
    record.start = module.start;
    record.end = module.end;
    record.build_id = module.build_id.hex();
    if (record.frames == 0 && !inspect_all) continue;
    ModuleSymbols symbols = symbolizer.module_symbols(i);
    record.status = status_word(symbols.status);
    record.advice = advice_for(module, symbols.status);
    record.debug_file = std::move(symbols.debug_file);
    record.looked_for = std::move(symbols.looked_for);
  }
  return records;
}

}  // namespace standstill

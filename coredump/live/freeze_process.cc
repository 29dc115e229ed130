#include "coredump/live/freeze_process.h"

#include "base/descriptor.h"
#include "coredump/find_modules.h"
#include "coredump/live/earlier_look.h"
#include "coredump/live/live_files.h"
#include "coredump/live/proc_maps.h"
#include "coredump/live/proc_text.h"
#include "coredump/live/process_check.h"
#include "coredump/live/process_facts.h"
#include "coredump/live/process_memory.h"
#include "coredump/live/read_threads.h"
#include "coredump/live/stack_memory.h"
#include "coredump/live/still_threads.h"
#include "coredump/live/stop_threads.h"
#include "coredump/module_memory.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>

namespace standstill {
namespace {

// Copied in one stop beyond what every thread gets, of threads that were running.
constexpr std::uint64_t DEEP_STACKS_IN_ALL = 32 << 20;
// A stack that is deeper than this is read when it is asked for, however it looks by then.
constexpr std::uint64_t DEEPEST_STACK = 1 << 20;
constexpr std::uint64_t DEEPEST_STACKS_IN_ALL = 256 << 20;
constexpr std::uint32_t ALL_REGISTERS = (1u << Registers::COUNT) - 1;

class Picture {
 public:
  Picture(ProcessIdentity process, const FreezeOptions& options)
      : process_(std::move(process)), options_(options), diary_(options.looks_folder, process_.pid) {
    snapshot_.source = SnapshotSource::LIVE;
  }

  // After a failure: all may be different when it is tried again.
  bool has_started_anew() const { return has_started_anew_; }

  Result<Snapshot> take() {
    seen_ = read_threads(process_.pid, {.gentle = !options_.stop});
    if (!read_maps()) return ended();
    has_own_numbering_ =
        read_link(AT_FDCWD, proc_path("ns/pid").c_str()) != read_link(AT_FDCWD, "/proc/self/ns/pid");
    memory_ = std::make_shared<ProcessMemory>(process_.living_tid, open_memory(), mapped_ranges_,
                                              options_.memory_limit);
    memory_->set_silent(LiveFiles(process_.living_tid, maps_).silent_mappings());
    if (options_.stop) {
      memory_->make_room(seen_.threads.size() * 2 * ProcessMemory::PAGE);
      if (auto stopped = stop_and_copy(); !stopped) return std::unexpected(std::move(stopped).error());
    } else {
      add_still_threads(tids());
    }
    if (snapshot_.threads.empty()) return ended();
    if (!is_finished_) finish();
    if (options_.stop) diary_.keep(snapshot_.threads);
    return std::move(snapshot_);
  }

 private:
  std::unexpected<Error> ended() const {
    return failure(fmt::format("process {} ({}) ended while it was looked at", process_.pid, process_.name));
  }

  std::string proc_path(std::string_view file) const {
    return fmt::format("/proc/{}/{}", process_.living_tid, file);
  }

  bool read_maps() {
    std::vector<MapsLine> lines = standstill::read_maps(process_.living_tid);
    if (lines.empty()) return false;
    maps_ = std::move(lines);
    mapped_ranges_ = IntervalMap<std::uint32_t>(ranges_of(maps_));
    return true;
  }

  Descriptor open_memory() const {
    return Descriptor(::open(proc_path("mem").c_str(), O_RDONLY | O_CLOEXEC));
  }

  std::vector<int> tids() const {
    std::vector<int> tids;
    tids.reserve(seen_.threads.size());
    for (const LiveThread& thread : seen_.threads)
      if (const char state = thread.facts.state; state != 'Z' && state != 'X') tids.push_back(thread.tid);
    return tids;
  }

  // A thread that has slept for longer than the stop will last is taken for one that sleeps on. One of which
  // nobody knows how long it has slept is taken for one that works.
  ThreadsToStop threads_to_stop() const {
    constexpr std::int64_t STOP_OF_ONE = 20'000, SHORTEST = 5'000'000;  // nanoseconds
    const std::int64_t stop = std::max(SHORTEST, STOP_OF_ONE * std::ssize(seen_.threads));
    ThreadsToStop threads;
    for (const int tid : tids()) {
      const auto since = find_seen(tid)->facts.blocked_since_ns;
      const bool is_sleeper = since && *since < seen_.clocks.monotonic_ns - stop;
      (is_sleeper ? threads.sleepers : threads.others).push_back(tid);
    }
    return threads;
  }

  Result<bool> stop_and_copy() {
    const auto while_stopped = [&](const StoppedProcess& stopped) {
      copy_memory(stopped);
      if (!options_.while_stopped) return;
      add_stopped_threads(stopped);
      finish();
      options_.while_stopped(snapshot_);
    };
    const auto stopped = stop_threads(process_.pid, threads_to_stop(), while_stopped);
    if (!stopped) {
      if (stopped.error().message == "EPERM") return std::unexpected(explain_refusal(process_));
      return ended();
    }
    if (stopped->has_started_anew) {
      has_started_anew_ = true;
      return failure(fmt::format("process {} starts one program after the other", process_.pid));
    }
    pause_ms_ = stopped->pause_ms;
    if (is_finished_)
      snapshot_.facts->pause_ms = pause_ms_;
    else
      add_stopped_threads(*stopped);
    read_deep_stacks_of(*stopped);
    return true;
  }

  // Of blocked threads only the shallow part was copied. Their stacks stay as they are while they sleep on. A
  // mapping that holds several threads' stack pointers is a runtime's heap (Go's), not a stack.
  void read_deep_stacks_of(const StoppedProcess& stopped) {
    std::map<Address, int> pointers_in;
    for (const StoppedThread& thread : stopped.threads)
      if (const auto* range = mapped_ranges_.find(thread.registers.stack_pointer()))
        ++pointers_in[range->start];
    std::vector<DeepStack> deep;
    std::uint64_t left = DEEPEST_STACKS_IN_ALL;
    for (const StoppedThread& thread : stopped.threads) {
      const auto* range = mapped_ranges_.find(thread.registers.stack_pointer());
      if (range == nullptr || pointers_in[range->start] > 1 || !thread.registers.in_system_call()) continue;
      const auto stack = used_stack(thread.registers, mapped_ranges_, std::min(DEEPEST_STACK, left));
      if (stack.end - stack.start <= SHALLOW_STACK) continue;
      left -= stack.end - stack.start;
      deep.push_back({thread.tid, thread.registers, stack});
    }
    if (const std::size_t moved = read_deep_stacks(process_.pid, std::move(deep), *memory_); moved != 0)
      note(fmt::format(
          "{} ran on before the outer part of a deep stack was read: frames beyond the first {} KiB "
          "may be newer than the others",
          counted(moved), SHALLOW_STACK / 1024));
  }

  void copy_memory(const StoppedProcess& stopped) {
    std::vector<ProcessMemory::Range> wanted;
    wanted.reserve(stopped.threads.size() * 2);
    std::uint64_t deep_left = DEEP_STACKS_IN_ALL;
    for (const StoppedThread& thread : stopped.threads) {
      const bool is_blocked = thread.registers.in_system_call();
      const std::uint64_t depth =
          is_blocked ? SHALLOW_STACK : std::max(SHALLOW_STACK, std::min(DEEP_STACK, deep_left));
      add_wanted_memory(thread.registers, mapped_ranges_, depth, wanted);
      if (!is_blocked) deep_left -= std::min(deep_left, depth);
    }
    memory_->read_now(std::move(wanted));
  }

  // The facts that were read before the stop, by tid.
  const LiveThread* find_seen(int tid) const {
    const auto found = std::ranges::lower_bound(seen_.threads, tid, {}, &LiveThread::tid);
    return found != seen_.threads.end() && found->tid == tid ? &*found : nullptr;
  }

  // The last of the numbers in "NSpid:\t4711\t17", where there are several: that of the innermost namespace.
  int namespace_tid_of(int tid) const {
    if (!has_own_numbering_) return 0;
    const auto text =
        read_proc_file(AT_FDCWD, fmt::format("/proc/{}/task/{}/status", process_.pid, tid).c_str());
    std::string_view rest = text ? std::string_view(*text) : std::string_view();
    std::string_view line;
    while (take_line(rest, line)) {
      constexpr std::string_view TITLE = "NSpid:";
      if (!line.starts_with(TITLE)) continue;
      line = trimmed(line);
      return to_number<int>(line.substr(line.find_last_of(" \t") + 1)).value_or(0);
    }
    return 0;
  }

  Thread make_thread(int tid) const {
    Thread thread;
    thread.tid = tid;
    thread.namespace_tid = namespace_tid_of(tid);
    if (const LiveThread* seen = find_seen(tid)) {
      thread.name = seen->name;
      thread.facts = seen->facts;
    } else {
      const auto name =
          read_proc_file(AT_FDCWD, fmt::format("/proc/{}/task/{}/comm", process_.pid, tid).c_str());
      if (name) thread.name = trimmed(*name);
    }
    return thread;
  }

  void add_stopped_threads(const StoppedProcess& stopped) {
    for (const StoppedThread& one : stopped.threads) {
      Thread thread = make_thread(one.tid);
      thread.registers = one.registers;
      thread.signal = one.signal;
      snapshot_.threads.push_back(std::move(thread));
    }
    if (!stopped.not_stopped.empty()) {
      add_still_threads(stopped.not_stopped);
      note(fmt::format(
          "{} could not be stopped (in uninterruptible sleep, or traced by another process) and {} "
          "looked at as {}",
          counted(stopped.not_stopped.size()), stopped.not_stopped.size() == 1 ? "was" : "were",
          stopped.not_stopped.size() == 1 ? "it is" : "they are"));
    }
    if (stopped.is_group_stopped)
      snapshot_.notes.push_back(
          {Severity::INFO, "the process is stopped (SIGSTOP or the like), and stays so", ""});
  }

  void add_still_threads(const std::vector<int>& tids) {
    std::size_t moving = 0;
    const Pace pace = options_.stop ? Pace::FAST : Pace::GENTLE;
    const Patience patience = options_.stop ? Patience::NONE : Patience::A_FEW_MS;  // while others stand
    for (StillThread& still :
         look_at_still_threads(process_.pid, tids, *memory_, mapped_ranges_, patience, pace)) {
      Thread thread = make_thread(still.tid);
      if (thread.facts && still.system_call) thread.facts->system_call = still.system_call;
      if (still.registers) {
        thread.registers = *still.registers;
      } else {
        thread.registers.unknown = ALL_REGISTERS;
        ++moving;
      }
      snapshot_.threads.push_back(std::move(thread));
    }
    if (moving != 0 && !options_.stop)
      snapshot_.notes.push_back(
          {Severity::INFO,
           fmt::format("{} ran while the process was looked at without stopping it: {} no stack",
                       counted(moving), moving == 1 ? "it has" : "they have"),
           ""});
  }

  static bool may_wait_for_file_lock(const Thread& thread) {
    std::int64_t call = thread.registers.system_call;
    if (thread.registers.unknown != 0) {  // it could not be stopped
      if (!thread.facts || !thread.facts->system_call) return true;
      call = thread.facts->system_call->number;
    }
    return call == SYS_flock || call == SYS_fcntl;
  }

  static std::string counted(std::size_t threads) {
    return threads == 1 ? "one thread" : fmt::format("{} threads", threads);
  }

  void note(std::string text) { snapshot_.notes.push_back({Severity::WARNING, std::move(text), ""}); }

  // Everything that does not need the process to stand still.
  void finish() {
    is_finished_ = true;
    diary_.continue_waits(snapshot_.threads);
    std::ranges::sort(snapshot_.threads, {}, [&](const Thread& thread) {
      return std::pair(thread.tid != process_.pid, thread.tid);  // the main thread first
    });
    learn_new_mappings();
    describe_process();
    snapshot_.notes_of_picture = snapshot_.notes.size();
    add_modules();
    snapshot_.facts = read_process_facts(
        process_.pid, seen_.clocks,
        std::ranges::any_of(snapshot_.threads, may_wait_for_file_lock) ? FileLocks::READ : FileLocks::SKIP);
    if (options_.stop) snapshot_.facts->pause_ms = pause_ms_;
  }

  // A thread that began after the list of mappings was read has its stack in none of them. What was mapped
  // then and is not any more stays known.
  void learn_new_mappings() {
    const bool is_known = std::ranges::all_of(snapshot_.threads, [&](const Thread& thread) {
      return !thread.registers.knows(Registers::RSP) ||
             mapped_ranges_.find(thread.registers.stack_pointer()) != nullptr;
    });
    MemoryRanges before = ranges_of(maps_);
    if (!is_known && read_maps()) {
      mapped_ranges_ = IntervalMap<std::uint32_t>(fill_ranges(ranges_of(maps_), std::move(before)));
      memory_->set_silent(LiveFiles(process_.living_tid, maps_).silent_mappings());
    }
    memory_->set_ranges(mapped_ranges_);
    snapshot_.ranges = mapped_ranges_;
    snapshot_.file_mappings = file_mappings_of(maps_);
  }

  void describe_process() {
    ProcessInfo& info = snapshot_.process;
    info.pid = process_.pid;
    info.parent_pid = process_.parent_pid;
    info.name = process_.name;
    if (const auto text = read_proc_file(AT_FDCWD, proc_path("cmdline").c_str())) {
      for (std::string_view rest = *text; !rest.empty();) {
        const std::size_t end = rest.find('\0');
        info.command_line.emplace_back(rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      }
    }
    if (const auto text = read_proc_file(AT_FDCWD, proc_path("auxv").c_str())) {
      Cursor cursor(Bytes(reinterpret_cast<const std::uint8_t*>(text->data()), text->size()));
      while (cursor.remaining() >= 16) {
        const auto type = cursor.read<std::uint64_t>(), value = cursor.read<std::uint64_t>();
        if (type == AT_NULL) break;
        info.auxiliary_vector.emplace_back(type, value);
      }
    }
  }

  void add_modules() {
    const LiveFiles files(process_.living_tid, maps_);
    OpenOptions open = options_.open;
    open.find_mapped_file = [&](const ModuleEvidence& evidence) { return files.find(evidence); };
    snapshot_.file_system_root = files.root();
    if (open.sysroot.empty()) open.sysroot = files.root();
    CoreNotes notes;
    notes.process = snapshot_.process;
    notes.file_mappings = snapshot_.file_mappings;
    notes.has_file_mappings = true;
    const MemoryView memory({}, {}, nullptr, memory_);
    std::vector<FoundModule> modules = find_modules(memory, snapshot_.ranges, notes, open, snapshot_.notes);
    // What the program may not write to is in the files; everything else is read from the process.
    MemoryPieces pieces;
    std::vector<std::shared_ptr<const void>> owners;
    for (FoundModule& found : modules) {
      std::ranges::move(pieces_of_file(found, false, {}), std::back_inserter(pieces));
      if (found.module.image) owners.push_back(found.module.image);
      if (found.module.is_main_program) snapshot_.process.executable = found.module.path;
      snapshot_.modules.push_back(std::move(found.module));
    }
    snapshot_.memory = MemoryView(fill_memory({}, std::move(pieces)), std::move(owners), nullptr, memory_);
  }

  ProcessIdentity process_;
  const FreezeOptions& options_;
  LookDiary diary_;
  ThreadsSeen seen_;
  std::vector<MapsLine> maps_;
  IntervalMap<std::uint32_t> mapped_ranges_;
  std::shared_ptr<ProcessMemory> memory_;
  Snapshot snapshot_;
  double pause_ms_ = 0;
  bool has_own_numbering_ = false;  // it lives in another PID namespace
  bool is_finished_ = false;
  bool has_started_anew_ = false;
};

}  // namespace

Result<Snapshot> freeze_process(int pid, const FreezeOptions& options) {
  constexpr int MOST_ATTEMPTS = 5;
  for (int attempt = 1;; ++attempt) {
    auto process = check_process(pid, options.stop);
    if (!process) return std::unexpected(std::move(process).error());
    Picture picture(std::move(*process), options);
    Result<Snapshot> snapshot = picture.take();
    if (snapshot || !picture.has_started_anew() || attempt == MOST_ATTEMPTS) return snapshot;
  }
}

}  // namespace standstill

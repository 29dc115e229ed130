#include "coredump/live/earlier_look.h"

#include "base/replace_file.h"
#include "coredump/live/proc_text.h"
#include "coredump/live/proc_thread.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>

namespace standstill {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view TITLE = "standstill look 1";
constexpr std::string_view SUFFIX = ".look";
constexpr std::uint64_t LARGEST_FILE = 64 << 20;  // half a million threads
constexpr std::uint64_t SWITCHES_OF_A_STOP = 2;
// Waking, standing still, asking again for what was waited for: 20 to 60 microseconds where measured.
constexpr std::uint64_t RUN_TIME_OF_A_STOP = 1'000'000;
// A stop takes 20 microseconds a thread and some more; whether a wait was far longer than that decides.
constexpr std::int64_t SHORTEST_WINDOW = 100'000'000, WINDOW_OF_ONE = 2'000'000;
// So many files are looked at when old ones are removed.
constexpr int FILES_LOOKED_AT = 1000;

// Takes the next word as a number; sets `ok` to false where it is none.
template <class T>
T next_number(std::string_view& rest, bool& ok, int base = 10) {
  const auto value = to_number<T>(take_word(rest), base);
  if (!value) ok = false;
  return value.value_or(T{});
}

std::optional<EarlierThread> parse_line(std::string_view line) {
  EarlierThread thread;
  bool ok = true;
  thread.tid = next_number<int>(line, ok);
  thread.since_ns = next_number<std::int64_t>(line, ok);
  const std::string_view bound = take_word(line);
  if (bound == "E") thread.bound = Bound::EXACT;
  if (bound == "A") thread.bound = Bound::AT_LEAST;
  thread.voluntary_switches = next_number<std::uint64_t>(line, ok);
  thread.run_time_ns = next_number<std::uint64_t>(line, ok);
  thread.system_call = next_number<std::int64_t>(line, ok);
  thread.pc = next_number<std::uint64_t>(line, ok, 16);
  thread.stack_pointer = next_number<std::uint64_t>(line, ok, 16);
  for (std::uint64_t& argument : thread.arguments) argument = next_number<std::uint64_t>(line, ok, 16);
  if (!ok || thread.bound == Bound::UNKNOWN || !trimmed(line).empty()) return std::nullopt;
  return thread;
}

// A wait with a timeout goes on as restart_syscall (its registers are those of the first call).
bool is_same_call(std::int64_t before, std::int64_t now) {
  return before == now || before == SYS_restart_syscall || now == SYS_restart_syscall;
}

bool stands_still(const EarlierThread& before, const EarlierThread& now) {
  return now.voluntary_switches == before.voluntary_switches + SWITCHES_OF_A_STOP &&
         now.run_time_ns >= before.run_time_ns && now.run_time_ns - before.run_time_ns < RUN_TIME_OF_A_STOP &&
         now.pc == before.pc && now.stack_pointer == before.stack_pointer &&
         now.arguments == before.arguments && is_same_call(before.system_call, now.system_call);
}

// What makes a pid one process among all that had or will have the number: when it was started, in clock
// ticks since the machine was.
std::string name_of(int pid, std::uint64_t start_time) {
  return fmt::format("{}-{}{}", pid, start_time, SUFFIX);
}

std::optional<std::string> name_of_living(int pid) {
  const auto text = read_small_proc_file(AT_FDCWD, fmt::format("/proc/{}/stat", pid).c_str());
  const auto stat = text ? parse_stat(*text) : std::nullopt;
  if (!stat || stat->start_time == 0) return std::nullopt;
  return name_of(pid, stat->start_time);
}

void remove_those_that_ended(const std::string& folder) {
  std::error_code error;
  int left = FILES_LOOKED_AT;
  for (fs::directory_iterator i(folder, error), end; !error && i != end && left > 0;
       i.increment(error), --left) {
    const std::string name = i->path().filename().string();
    if (!name.ends_with(SUFFIX)) continue;
    const auto pid = to_number<int>(std::string_view(name).substr(0, name.find('-')));
    std::error_code gone;
    if (!pid || name_of_living(*pid) != name) fs::remove(i->path(), gone);
  }
}

}  // namespace

std::optional<EarlierLook> parse_earlier_look(std::string_view text) {
  EarlierLook look;
  std::string_view line;
  if (!take_line(text, line) || line != TITLE || !take_line(text, line) || line.empty()) return std::nullopt;
  look.boot_id = line;
  while (take_line(text, line))
    if (const auto thread = parse_line(line)) look.threads.push_back(*thread);
  std::ranges::sort(look.threads, {}, &EarlierThread::tid);
  return look;
}

std::string format_earlier_look(const EarlierLook& look) {
  std::string text = fmt::format("{}\n{}\n", TITLE, look.boot_id);
  for (const EarlierThread& thread : look.threads) {
    fmt::format_to(std::back_inserter(text), "{} {} {} {} {} {} {:x} {:x} {:x} {:x} {:x}\n", thread.tid,
                   thread.since_ns, thread.bound == Bound::EXACT ? 'E' : 'A', thread.voluntary_switches,
                   thread.run_time_ns, thread.system_call, thread.pc, thread.stack_pointer,
                   thread.arguments[0], thread.arguments[1], thread.arguments[2]);
  }
  return text;
}

std::optional<EarlierThread> to_earlier_thread(const Thread& thread) {
  constexpr std::uint32_t WANTED = 1u << Registers::RSP | 1u << Registers::RIP | 1u << Registers::RDI |
                                   1u << Registers::RSI | 1u << Registers::RDX;
  if (!thread.facts || !thread.registers.in_system_call() || (thread.registers.unknown & WANTED) != 0)
    return std::nullopt;
  const ThreadFacts& facts = *thread.facts;
  // Others than sleepers ('S') are not woken by a stop: they stand already, or cannot be stopped.
  if (facts.state != 'S' || !facts.blocked_since_ns || facts.blocked_bound == Bound::UNKNOWN ||
      !facts.voluntary_switches || !facts.run_time_ns)
    return std::nullopt;
  EarlierThread earlier{.tid = thread.tid,
                        .since_ns = *facts.blocked_since_ns,
                        .bound = facts.blocked_bound,
                        .voluntary_switches = *facts.voluntary_switches,
                        .run_time_ns = *facts.run_time_ns,
                        .system_call = thread.registers.system_call,
                        .pc = thread.registers.pc().value(),
                        .stack_pointer = thread.registers.stack_pointer().value()};
  for (unsigned i = 0; i < earlier.arguments.size(); ++i)
    earlier.arguments[i] = thread.registers.system_call_argument(i);
  return earlier;
}

void continue_wait(const EarlierThread& earlier, std::int64_t window_ns, Thread& thread) {
  const auto now = to_earlier_thread(thread);
  if (!now || !stands_still(earlier, *now) || earlier.since_ns > now->since_ns) return;
  if (now->since_ns - earlier.since_ns < window_ns) {
    thread.facts->blocked_bound = Bound::AT_LEAST;
    return;
  }
  thread.facts->blocked_since_ns = earlier.since_ns;
  thread.facts->blocked_bound = earlier.bound;
}

LookDiary::LookDiary(std::string folder, int pid) : folder_(std::move(folder)) {
  if (folder_.empty()) return;
  const auto boot = read_small_proc_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id");
  const auto name = name_of_living(pid);
  if (!boot || !name) return;
  boot_id_ = trimmed(*boot);
  path_ = folder_ + "/" + *name;
  const std::vector<std::uint8_t> bytes = read_whole_file(path_, LARGEST_FILE);
  earlier_ = parse_earlier_look({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (earlier_ && earlier_->boot_id != boot_id_) earlier_.reset();
}

void LookDiary::continue_waits(std::vector<Thread>& threads) const {
  if (!earlier_) return;
  const std::int64_t window = std::max(SHORTEST_WINDOW, WINDOW_OF_ONE * std::ssize(earlier_->threads));
  for (Thread& thread : threads) {
    const auto found = std::ranges::lower_bound(earlier_->threads, thread.tid, {}, &EarlierThread::tid);
    if (found != earlier_->threads.end() && found->tid == thread.tid) continue_wait(*found, window, thread);
  }
}

void LookDiary::keep(const std::vector<Thread>& threads) const {
  if (path_.empty()) return;
  EarlierLook look{boot_id_, {}};
  for (const Thread& thread : threads)
    if (const auto earlier = to_earlier_thread(thread)) look.threads.push_back(*earlier);
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return;
  const std::string text = format_earlier_look(look);
  replace_file(path_, Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  remove_those_that_ended(folder_);
}

}  // namespace standstill

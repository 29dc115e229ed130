#include "coredump/live/read_threads.h"

#include "base/descriptor.h"
#include "coredump/live/proc_numbers.h"
#include "coredump/live/proc_text.h"
#include "coredump/live/proc_thread.h"
#include "coredump/live/processor_clock.h"
#include "coredump/live/share_out.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <map>
#include <optional>
#include <set>

#include <fcntl.h>
#include <unistd.h>

namespace standstill {

namespace {

// One look at one thread. The state comes first: what the later files say is then at most newer, and a thread
// that wakes meanwhile is taken for one that went to sleep just now, never for one that slept through.
struct Look {
  std::optional<StatLine> stat;
  std::int64_t exec_start_ns = 0;  // 0: not known
  ThreadFacts facts;
};

class TaskFolder {
 public:
  explicit TaskFolder(int pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/task";
    folder_ = Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  explicit operator bool() const { return static_cast<bool>(folder_); }

  std::vector<int> tids(Pace pace) const {
    ShortTurns turns;
    return numbers_in(folder_.get(), SIZE_MAX, pace == Pace::GENTLE ? &turns : nullptr);
  }

  std::optional<std::string> read(int tid, const char* file) const {
    std::array<char, 48> path;
    std::snprintf(path.data(), path.size(), "%d/%s", tid, file);
    return read_small_proc_file(folder_.get(), path.data());
  }

 private:
  Descriptor folder_;
};

void look_at_times(const TaskFolder& folder, int tid, bool use_exec_start, Look& look) {
  ThreadFacts& facts = look.facts;
  if (const auto text = use_exec_start ? folder.read(tid, "sched") : std::nullopt) {
    if (const auto lines = parse_sched(*text)) {
      look.exec_start_ns = lines->exec_start_ns;
      facts.run_time_ns = lines->run_time_ns;
      facts.voluntary_switches = lines->voluntary_switches;
      facts.involuntary_switches = lines->involuntary_switches;
      return;
    }
  }
  if (const auto text = folder.read(tid, "status")) {
    const StatusLines lines = parse_status(*text);
    facts.voluntary_switches = lines.voluntary_switches;
    facts.involuntary_switches = lines.involuntary_switches;
  }
  if (const auto text = folder.read(tid, "schedstat")) facts.run_time_ns = parse_schedstat_run_time(*text);
}

Look look_at(const TaskFolder& folder, int tid, const ReadThreadsOptions& options) {
  Look look;
  const auto text = folder.read(tid, "stat");
  look.stat = text ? parse_stat(*text) : std::nullopt;
  if (!look.stat) return look;
  look.facts.state = look.stat->state;
  look.facts.last_cpu = look.stat->last_cpu;
  look_at_times(folder, tid, options.use_exec_start, look);
  // A thread that cannot be stopped is seen through these alone.
  const bool is_out_of_reach = look.facts.state == 'D' || look.facts.state == 't';
  if (is_out_of_reach) {
    if (const auto call = folder.read(tid, "syscall")) look.facts.system_call = parse_system_call(*call);
    const auto channel = folder.read(tid, "wchan");
    if (channel && *channel != "0") look.facts.wait_channel = *channel;
  }
  return look;
}

bool is_asleep(const ThreadFacts& facts) {
  return facts.state == 'S' || facts.state == 'D' || facts.state == 'T' || facts.state == 't';
}

std::int64_t nanoseconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::map<int, std::int64_t> clocks_of(const std::vector<Look>& looks) {
  std::set<int> processors;
  for (const Look& look : looks)
    if (look.exec_start_ns != 0 && is_asleep(look.facts)) processors.insert(look.facts.last_cpu);
  const std::vector<int> list(processors.begin(), processors.end());
  return measure_processor_clocks(list);
}

// Sets since when the thread is blocked, where exec_start tells it.
void set_exact(Look& look, const std::map<int, std::int64_t>& clocks) {
  look.facts.blocked_since_ns.reset();
  look.facts.blocked_bound = Bound::UNKNOWN;
  const auto ahead = clocks.find(look.facts.last_cpu);
  if (ahead == clocks.end() || look.exec_start_ns == 0 || !is_asleep(look.facts)) return;
  look.facts.blocked_since_ns = look.exec_start_ns + ahead->second;
  look.facts.blocked_bound = Bound::EXACT;
}

bool has_not_run(const ThreadFacts& before, const ThreadFacts& now) {
  return is_asleep(before) && is_asleep(now) && before.voluntary_switches && now.voluntary_switches &&
         before.voluntary_switches == now.voluntary_switches &&
         before.involuntary_switches == now.involuntary_switches && before.run_time_ns == now.run_time_ns;
}

}  // namespace

ClockFacts read_clocks() {
  return {nanoseconds(CLOCK_MONOTONIC), nanoseconds(CLOCK_REALTIME), nanoseconds(CLOCK_BOOTTIME)};
}

ThreadsSeen read_threads(int pid, const ReadThreadsOptions& options) {
  ThreadsSeen seen;
  const TaskFolder folder(pid);
  if (!folder) return seen;
  const Pace pace = options.gentle ? Pace::GENTLE : Pace::FAST;
  const std::vector<int> tids = folder.tids(pace);
  std::vector<Look> looks(tids.size());
  const std::int64_t first_look = nanoseconds(CLOCK_MONOTONIC);
  constexpr std::size_t PORTION = 64;
  share_out(pace, tids.size(), PORTION, [&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) looks[i] = look_at(folder, tids[i], options);
  });
  const std::int64_t first_look_ended = nanoseconds(CLOCK_MONOTONIC);
  const std::map<int, std::int64_t> clocks = clocks_of(looks);

  // A second look at those of which the first told nothing, and at those that ran lately: they may have
  // changed their processor between two files, whose clock was then the wrong one.
  constexpr std::int64_t LATELY = 100'000'000;
  std::vector<std::size_t> again;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    if (!looks[i].stat || !is_asleep(looks[i].facts)) continue;
    set_exact(looks[i], clocks);
    const auto since = looks[i].facts.blocked_since_ns;
    if (!since || *since > first_look - LATELY) again.push_back(i);
  }
  const auto look_again = [&](std::size_t i) {
    Look& look = looks[i];
    Look second = look_at(folder, tids[i], options);
    if (!second.stat) return;
    const bool slept = has_not_run(look.facts, second.facts);
    look = std::move(second);
    set_exact(look, clocks);
    if (slept && look.facts.blocked_bound == Bound::UNKNOWN) {
      look.facts.blocked_since_ns = first_look_ended;
      look.facts.blocked_bound = Bound::AT_LEAST;
    }
  };
  share_out(pace, again.size(), PORTION, [&](std::size_t first, std::size_t end) {
    for (std::size_t j = first; j < end; ++j) look_again(again[j]);
  });

  seen.clocks = read_clocks();
  for (std::size_t i = 0; i < looks.size(); ++i) {
    if (!looks[i].stat) continue;
    ThreadFacts& facts = looks[i].facts;
    if (facts.blocked_since_ns)
      facts.blocked_since_ns = std::min(*facts.blocked_since_ns, seen.clocks.monotonic_ns);
    seen.threads.push_back({tids[i], std::move(looks[i].stat->name), std::move(facts)});
  }
  return seen;
}

}  // namespace standstill

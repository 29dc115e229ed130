#include "coredump/live/stop_threads.h"

#include "base/descriptor.h"
#include "coredump/architecture.h"
#include "coredump/live/proc_numbers.h"
#include "coredump/live/proc_text.h"
#include "coredump/live/proc_thread.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <future>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace standstill {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// struct elf_prstatus: pr_pid, pr_reg.
constexpr std::size_t STATUS_PID = 32, STATUS_REGISTERS = 112;

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

class Tracer {
 public:
  explicit Tracer(int pid)
      : pid_(pid),
        folder_(::open(fmt::format("/proc/{}/task", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

  Result<StoppedProcess> run(const ThreadsToStop& threads,
                             const std::function<void(const StoppedProcess&)>& while_stopped) {
    // Waiting in short naps is exact enough only without the usual 50 µs of slack. It ends with this thread.
    ::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    seize(threads.sleepers);
    const std::size_t sleepers = tracees_.size();
    seize(threads.others);
    for (int round = 0; round < MOST_ROUNDS && seize(numbers_in(folder_.get())) > 0; ++round) {
    }
    if (tracees_.empty()) return nothing_to_stop();

    hurry();
    const Clock::time_point start = Clock::now();
    process_.threads.reserve(tracees_.size());
    interrupt_and_wait(0, sleepers);
    take_registers(0, sleepers);
    interrupt_and_wait(sleepers, tracees_.size());
    catch_newcomers(Clock::now() + 2s);
    take_registers(sleepers, tracees_.size());
    if (!are_all_there()) forget_ended();
    complete();
    if (while_stopped && !process_.has_started_anew) while_stopped(process_);
    let_go(sleepers, tracees_.size());
    hurry_no_more();
    let_go(0, sleepers);
    process_.pause_ms = milliseconds(Clock::now() - start);
    return std::move(process_);
  }

  // To be called from another thread now and then, while run() goes on: a deadlock that the kernel leaves to
  // us (ptrace(2), BUGS). A thread that calls execve holds a lock while it waits until those who traced the
  // other threads have noted their end; and PTRACE_SEIZE of any of them waits for that lock. Any thread of
  // ours can take that note.
  void let_execve_go_on() {
    const int seizing = seizing_;
    const bool is_stuck = seizing != 0 && seizing == seizing_before_;
    seizing_before_ = seizing;
    if (!is_stuck) return;
    // Not of the main thread: its end is noted by who calls execve, and it may be a child of ours.
    for (const int tid : numbers_in(folder_.get()))
      if (tid != pid_) note_end(tid);
  }

 private:
  enum class State : std::uint8_t { RUNNING, STOPPED, GONE, OUT_OF_REACH };
  struct Tracee {
    int tid = 0;
    State state = State::RUNNING;
    int signal = 0;  // to hand on
  };

  static constexpr int MOST_ROUNDS = 64;
  static constexpr std::size_t MOST_ON_THE_WAY = 256;
  // In uninterruptible sleep for longer than this, and it is left alone. Disks answer sooner.
  static constexpr Clock::duration PATIENCE = 20ms;
  // A thread that can be stopped but is not, because the machine is too busy to run it.
  static constexpr Clock::duration LONG_PATIENCE = 2s;

  char state_of(int tid) const {
    const auto text = read_proc_file(folder_.get(), fmt::format("{}/stat", tid).c_str());
    const auto stat = text ? parse_stat(*text) : std::nullopt;
    return stat ? stat->state : 'X';
  }

  // Returns how many threads were seized that were not before.
  std::size_t seize(std::span<const int> tids) {
    std::size_t count = 0;
    for (const int tid : tids) {
      if (!known_.insert(tid).second) continue;
      const int code = seize_one(tid);
      if (tid == pid_) {
        // A second time, and it is another thread, which called execve.
        process_.has_started_anew |= has_seen_main_thread_ && code == 0;
        has_seen_main_thread_ = true;
      }
      if (code == 0) {
        tracees_.push_back({tid, State::RUNNING, 0});
        ++count;
      } else if (code == EPERM && tid == pid_ && is_ours(tid)) {
        process_.has_started_anew = true;  // it had another number when we seized it
      } else if (code == EPERM) {
        refused_.push_back(tid);
      } else {
        known_.erase(tid);
      }
    }
    return count;
  }

  // Takes note when the thread has ended; true then, and when it is not ours any more. A stop, which waitid
  // shows unasked of whom we trace, is left as it is (has_stopped).
  static bool note_end(int tid) {
    siginfo_t info{};
    const int answer = ::waitid(P_PID, static_cast<id_t>(tid), &info, WEXITED | __WALL | WNOHANG | WNOWAIT);
    if (answer != 0) return true;
    if (info.si_pid == 0 || info.si_code == CLD_TRAPPED) return false;
    ::waitid(P_PID, static_cast<id_t>(tid), nullptr, WEXITED | __WALL | WNOHANG);
    return true;
  }

  // Whether this very thread traces it.
  static bool is_ours(int tid) {
    return ::waitid(P_PID, static_cast<id_t>(tid), nullptr,
                    WEXITED | WSTOPPED | __WALL | __WNOTHREAD | WNOHANG | WNOWAIT) == 0;
  }

  // 0, EPERM, or ESRCH: it has ended. A thread that ends, and a main thread that has ended before the others,
  // refuse like one that belongs to somebody else; another one may have taken its place before we look.
  int seize_one(int tid) {
    constexpr int ATTEMPTS = 3;
    for (int attempt = 0; attempt < ATTEMPTS; ++attempt) {
      seizing_ = tid;
      const long answer = ::ptrace(PTRACE_SEIZE, tid, nullptr, static_cast<long>(PTRACE_O_TRACEEXEC));
      const int code = errno;
      seizing_ = 0;
      if (answer == 0) return 0;
      if (code != EPERM) return ESRCH;
      if (const char state = state_of(tid); state == 'Z' || state == 'X' || state == 'x') return ESRCH;
      if (tid == pid_) has_seen_main_thread_ = true;
    }
    return EPERM;
  }

  std::unexpected<Error> nothing_to_stop() const {
    if (!refused_.empty()) return failure("EPERM");
    return failure("it ended");
  }

  // Each thread has to run for a moment to come to its stop. Were all told at once, those that are not meant
  // would wait for a processor behind them (10,000 threads: 90 ms instead of 20).
  void interrupt_and_wait(std::size_t first, std::size_t end) {
    std::vector<std::size_t> late;
    std::size_t next = first;
    const auto wait_up_to = [&](std::size_t i) {
      for (; next < i; ++next)
        if (tracees_[next].state == State::RUNNING && !wait_for(tracees_[next], 2ms)) late.push_back(next);
    };
    for (std::size_t i = first; i < end; ++i) {
      if (::ptrace(PTRACE_INTERRUPT, tracees_[i].tid, nullptr, nullptr) != 0) set_gone(tracees_[i]);
      if (i - next >= MOST_ON_THE_WAY) wait_up_to(i - MOST_ON_THE_WAY / 2);
    }
    wait_up_to(end);
    wait_for_late(std::move(late));
  }

  // False when it has not stopped after `patience`.
  bool wait_for(Tracee& tracee, Clock::duration patience) {
    // Short for the few threads of a small process, long enough for many of a large one to get on.
    constexpr long SHORTEST_NAP = 20'000, LONGEST_NAP = 100'000;  // nanoseconds
    timespec nap{0, SHORTEST_NAP};
    std::optional<Clock::time_point> deadline;
    while (!has_stopped(tracee)) {
      const Clock::time_point now = Clock::now();
      if (!deadline) deadline = now + patience;
      if (now >= *deadline) return false;
      ::nanosleep(&nap, nullptr);
      nap.tv_nsec = std::min(nap.tv_nsec * 2, LONGEST_NAP);
    }
    return true;
  }

  // Nobody waits for a thread in uninterruptible sleep: it is reported as it is.
  void wait_for_late(std::vector<std::size_t> late) {
    const Clock::time_point start = Clock::now();
    Clock::time_point last_change = start;
    while (!late.empty()) {
      std::erase_if(late, [&](std::size_t i) { return wait_for(tracees_[i], 1ms); });
      const Clock::time_point now = Clock::now();
      const Clock::duration waited = now - start;
      if (late.empty() || now - last_change < PATIENCE) continue;
      if (forget_ended() > 0 && waited < LONG_PATIENCE) {
        last_change = now;
        continue;
      }
      std::erase_if(late, [&](std::size_t i) {
        const char state = state_of(tracees_[i].tid);
        const bool is_gone = state == 'Z' || state == 'X' || state == 'x';
        if (is_gone) set_gone(tracees_[i]);
        if (!is_gone && (state == 'D' || waited > LONG_PATIENCE)) tracees_[i].state = State::OUT_OF_REACH;
        return tracees_[i].state != State::RUNNING;
      });
    }
  }

  // True when there is nothing to wait for any more: it stands, or it is gone.
  //
  // The stop is looked at and left to be waited for (WNOWAIT). With a stop that has been waited for, the
  // kernel forgets the signal that the thread stands before (kernel/exit.c, wait_task_stopped: exit_code
  // becomes 0), and were we killed just then, it would be lost. That happened to 6 of 229,021 signals in 168
  // kills.
  bool has_stopped(Tracee& tracee) {
    siginfo_t info{};
    const int answer = ::waitid(P_PID, static_cast<id_t>(tracee.tid), &info,
                                WEXITED | WSTOPPED | __WALL | WNOHANG | WNOWAIT);
    if (answer == 0 && info.si_pid == 0) return false;
    if (answer < 0 && errno == EINTR) return false;
    if (answer < 0 || info.si_code != CLD_TRAPPED) {
      // One that has ended counts as there until it was waited for.
      if (answer == 0) ::waitpid(tracee.tid, nullptr, __WALL | WNOHANG);
      set_gone(tracee);
      return true;
    }
    tracee.state = State::STOPPED;
    const int status = info.si_status;
    const int event = status >> 8;
    // PTRACE_EVENT_STOP: our interruption (SIGTRAP), or a group stop (SIGSTOP and its like), which goes on by
    // itself. No event: a signal on its way, which is ours to hand on.
    if (event == PTRACE_EVENT_EXEC)
      process_.has_started_anew = true;
    else if (event == PTRACE_EVENT_STOP)
      process_.is_group_stopped |= (status & 0xff) != SIGTRAP;
    else if (event == 0)
      tracee.signal = status;
    return true;
  }

  // The number of links of the folder is that of the threads (Linux fs/proc/base.c, proc_task_getattr). A
  // main thread that has ended before the others counts too, and cannot be seized.
  bool are_all_there() const {
    struct stat status{};
    const auto alive =
        std::ranges::count_if(tracees_, [](const Tracee& one) { return one.state != State::GONE; });
    return ::fstat(folder_.get(), &status) != 0 || status.st_nlink == static_cast<std::size_t>(alive) + 2;
  }

  // A running thread may have made new ones before it was stopped itself; with all of them standing, none
  // comes any more. The count tells, so that the list need not be read each time.
  void catch_newcomers(Clock::time_point deadline) {
    for (int round = 0; round < MOST_ROUNDS && Clock::now() < deadline && !are_all_there(); ++round) {
      const std::size_t first = tracees_.size();
      if (seize(numbers_in(folder_.get())) == 0) return;
      interrupt_and_wait(first, tracees_.size());
    }
  }

  // A thread that still ran may have ended those that stood already, by starting another program; which the
  // kernel lets it do only when whoever traced them has taken note (execve waits, uninterruptibly, in
  // fs/exec.c, de_thread). Returns how many have ended.
  std::size_t forget_ended() {
    std::unordered_set<int> ended;
    for (Tracee& tracee : tracees_) {
      if (tracee.state != State::STOPPED || !note_end(tracee.tid)) continue;
      set_gone(tracee);
      ended.insert(tracee.tid);
    }
    std::erase_if(process_.threads, [&](const StoppedThread& thread) { return ended.contains(thread.tid); });
    return ended.size();
  }

  // A thread that calls execve becomes the main thread, in whose place it ends the old one: then the main
  // thread stands before its new program (PTRACE_EVENT_EXEC), or is on its way there.
  bool has_main_thread_changed() const {
    const auto main_thread = std::ranges::find(tracees_, pid_, &Tracee::tid);
    if (main_thread == tracees_.end() || main_thread->state != State::STOPPED) return false;
    siginfo_t info{};
    const int answer =
        ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WSTOPPED | __WALL | WNOHANG | WNOWAIT);
    if (answer != 0) return true;
    if (info.si_pid == 0) return true;
    return info.si_code == CLD_TRAPPED && info.si_status >> 8 == PTRACE_EVENT_EXEC;
  }

  // Its number may come again.
  void set_gone(Tracee& tracee) {
    tracee.state = State::GONE;
    known_.erase(tracee.tid);
  }

  void take_registers(std::size_t first, std::size_t end) {
    const Architecture& architecture = *find_architecture(EM_X86_64);
    std::vector<std::uint8_t> status(architecture.status_size);
    assert(status.size() >= STATUS_REGISTERS + sizeof(user_regs_struct));
    for (Tracee& tracee : std::span(tracees_).subspan(first, end - first)) {
      if (tracee.state == State::OUT_OF_REACH) process_.not_stopped.push_back(tracee.tid);
      if (tracee.state != State::STOPPED) continue;
      // As the kernel would put it into a core (struct elf_prstatus).
      std::ranges::fill(status, std::uint8_t{0});
      std::memcpy(&status[STATUS_PID], &tracee.tid, sizeof tracee.tid);
      iovec place{&status[STATUS_REGISTERS], sizeof(user_regs_struct)};
      if (::ptrace(PTRACE_GETREGSET, tracee.tid, NT_PRSTATUS, &place) != 0) {
        set_gone(tracee);  // by SIGKILL, which a stop does not keep away
        continue;
      }
      if (place.iov_len != sizeof(user_regs_struct)) {  // 32-bit code
        process_.not_stopped.push_back(tracee.tid);
        continue;
      }
      process_.threads.push_back({tracee.tid, architecture.read_status(status).registers, tracee.signal});
    }
  }

  void complete() {
    process_.has_started_anew |= has_main_thread_changed();
    if (process_.has_started_anew) {
      process_ = StoppedProcess();
      process_.has_started_anew = true;
      return;
    }
    std::ranges::copy(refused_, std::back_inserter(process_.not_stopped));
    std::ranges::sort(process_.threads, {}, &StoppedThread::tid);
    std::ranges::sort(process_.not_stopped);
  }

  void let_go(std::size_t first, std::size_t end) {
    for (const Tracee& tracee : std::span(tracees_).subspan(first, end - first))
      if (tracee.state == State::STOPPED)
        ::ptrace(PTRACE_DETACH, tracee.tid, nullptr, static_cast<long>(tracee.signal));
  }

  // Every moment that this thread has to wait for a busy processor prolongs the pause: it goes first where it
  // may (measured with ten compilers beside: 370 ms for 10,000 threads instead of 550).
  static void hurry() {
    const sched_param urgent{.sched_priority = 1};
    ::sched_setscheduler(0, SCHED_RR, &urgent);
  }

  // Threads that sleep can wait until those that work have had their turn.
  static void hurry_no_more() {
    const sched_param ordinary{.sched_priority = 0};
    ::sched_setscheduler(0, SCHED_OTHER, &ordinary);
  }

  int pid_;
  std::atomic<int> seizing_ = 0;
  int seizing_before_ = 0;
  Descriptor folder_;
  std::vector<Tracee> tracees_;
  std::unordered_set<int> known_;
  std::vector<int> refused_;
  bool has_seen_main_thread_ = false;
  StoppedProcess process_;
};

}  // namespace

Result<StoppedProcess> stop_threads(int pid, const ThreadsToStop& threads,
                                    const std::function<void(const StoppedProcess&)>& while_stopped) {
  Tracer tracer(pid);
  std::packaged_task<Result<StoppedProcess>()> work([&] { return tracer.run(threads, while_stopped); });
  std::future<Result<StoppedProcess>> result = work.get_future();
  try {
    // When this thread ends, the kernel lets go of all that it still holds.
    const std::jthread thread(std::move(work));
    while (result.wait_for(20ms) != std::future_status::ready) tracer.let_execve_go_on();
  } catch (const std::system_error& error) {
    return failure(fmt::format("no thread for tracing can be made: {}", error.what()));
  }
  return result.get();
}

}  // namespace standstill

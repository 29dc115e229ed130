#include "coredump/stop_threads.h"

#include "base/descriptor.h"
#include "coredump/architecture.h"
#include "coredump/proc_text.h"
#include "coredump/proc_thread.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_set>

#include <dirent.h>
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
      : folder_(::open(fmt::format("/proc/{}/task", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

  Result<StoppedProcess> run(std::span<const int> known_tids,
                             const std::function<void(const StoppedProcess&)>& while_stopped) {
    // Waiting in short naps is exact enough only without the usual 50 µs of slack. And every moment that this
    // thread has to wait for a busy processor prolongs the pause: it goes first where it may (measured with
    // ten compilers beside: 370 ms for 10,000 threads instead of 550). Both end with this thread.
    ::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    const sched_param urgent{.sched_priority = 1};
    ::sched_setscheduler(0, SCHED_RR, &urgent);
    seize(known_tids);
    for (int round = 0; round < MOST_ROUNDS && seize(list_tids()) > 0; ++round) {
    }
    if (tracees_.empty()) return nothing_to_stop();

    const Clock::time_point start = Clock::now();
    interrupt_and_wait(0);
    catch_newcomers(start + 2s);
    StoppedProcess process = take_registers();
    if (while_stopped) while_stopped(process);
    let_go();
    const Clock::time_point end = Clock::now();
    process.pause_ms = milliseconds(end - start);
    process.longest_pause_ms = milliseconds(longest_);
    return process;
  }

 private:
  enum class State : std::uint8_t { RUNNING, STOPPED, GONE, OUT_OF_REACH };
  struct Tracee {
    int tid = 0;
    State state = State::RUNNING;
    int signal = 0;  // to hand on
    Clock::time_point interrupted;
  };

  static constexpr int MOST_ROUNDS = 64;
  // In uninterruptible sleep for longer than this, and it is left alone. Disks answer sooner.
  static constexpr Clock::duration PATIENCE = 20ms;
  // A thread that can be stopped but is not, because the machine is too busy to run it.
  static constexpr Clock::duration LONG_PATIENCE = 2s;

  std::vector<int> list_tids() const {
    std::vector<int> tids;
    struct Close {
      void operator()(DIR* directory) const { ::closedir(directory); }
    };
    const int copy = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return tids;
    const std::unique_ptr<DIR, Close> directory(::fdopendir(copy));
    if (!directory) return tids;
    while (const dirent* entry = ::readdir(directory.get()))
      if (const auto tid = to_number<int>(entry->d_name)) tids.push_back(*tid);
    return tids;
  }

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
      if (::ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) == 0) {
        tracees_.push_back({tid, State::RUNNING, 0, {}});
        ++count;
        continue;
      }
      // A thread that ends, and a main thread that has ended before the others, refuse like one that belongs
      // to somebody else.
      const int code = errno;
      if (code != EPERM) continue;
      if (const char state = state_of(tid); state == 'Z' || state == 'X' || state == 'x') continue;
      refusal_ = code;
      refused_.push_back(tid);
    }
    return count;
  }

  std::unexpected<Error> nothing_to_stop() const {
    if (refusal_ == EPERM) return failure("EPERM");
    return failure("it ended");
  }

  void interrupt_and_wait(std::size_t first) {
    for (std::size_t i = first; i < tracees_.size(); ++i) {
      tracees_[i].interrupted = Clock::now();
      if (::ptrace(PTRACE_INTERRUPT, tracees_[i].tid, nullptr, nullptr) != 0) tracees_[i].state = State::GONE;
    }
    std::vector<std::size_t> late;
    for (std::size_t i = first; i < tracees_.size(); ++i)
      if (tracees_[i].state == State::RUNNING && !wait_for(tracees_[i], 2ms)) late.push_back(i);
    wait_for_late(std::move(late));
  }

  // False when it has not stopped after `patience`.
  bool wait_for(Tracee& tracee, Clock::duration patience) {
    constexpr timespec NAP{0, 20'000};
    std::optional<Clock::time_point> deadline;
    while (!has_stopped(tracee)) {
      const Clock::time_point now = Clock::now();
      if (!deadline) deadline = now + patience;
      if (now >= *deadline) return false;
      ::nanosleep(&NAP, nullptr);
    }
    return true;
  }

  // Nobody waits for a thread in uninterruptible sleep: it is reported as it is.
  void wait_for_late(std::vector<std::size_t> late) {
    const Clock::time_point start = Clock::now();
    while (!late.empty()) {
      std::erase_if(late, [&](std::size_t i) { return wait_for(tracees_[i], 1ms); });
      const Clock::duration waited = Clock::now() - start;
      if (waited < PATIENCE) continue;
      std::erase_if(late, [&](std::size_t i) {
        const char state = state_of(tracees_[i].tid);
        const bool is_gone = state == 'Z' || state == 'X' || state == 'x';
        if (is_gone) tracees_[i].state = State::GONE;
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
      tracee.state = State::GONE;
      return true;
    }
    tracee.state = State::STOPPED;
    const int status = info.si_status;
    const int event = status >> 8;
    // PTRACE_EVENT_STOP: our interruption (SIGTRAP), or a group stop (SIGSTOP and its like), which goes on by
    // itself. No event: a signal on its way, which is ours to hand on.
    if (event == PTRACE_EVENT_STOP)
      is_group_stopped_ = is_group_stopped_ || (status & 0xff) != SIGTRAP;
    else if (event == 0)
      tracee.signal = status;
    return true;
  }

  // A running thread may have made new ones before it was stopped itself; with all of them standing, none
  // comes any more. The number of links tells, so that the list need not be read each time (Linux
  // fs/proc/base.c, proc_task_getattr: it counts the threads).
  void catch_newcomers(Clock::time_point deadline) {
    for (int round = 0; round < MOST_ROUNDS && Clock::now() < deadline; ++round) {
      struct stat status{};
      const std::size_t alive = static_cast<std::size_t>(
          std::ranges::count_if(tracees_, [](const Tracee& one) { return one.state != State::GONE; }));
      if (::fstat(folder_.get(), &status) != 0 || status.st_nlink == alive + 2) return;
      const std::size_t first = tracees_.size();
      if (seize(list_tids()) == 0) return;
      interrupt_and_wait(first);
    }
  }

  StoppedProcess take_registers() {
    StoppedProcess process;
    process.is_group_stopped = is_group_stopped_;
    process.not_stopped = refused_;
    process.threads.reserve(tracees_.size());
    const Architecture& architecture = *find_architecture(EM_X86_64);
    std::vector<std::uint8_t> status(architecture.status_size);
    assert(status.size() >= STATUS_REGISTERS + sizeof(user_regs_struct));
    for (Tracee& tracee : tracees_) {
      if (tracee.state == State::OUT_OF_REACH) process.not_stopped.push_back(tracee.tid);
      if (tracee.state != State::STOPPED) continue;
      // As the kernel would put it into a core (struct elf_prstatus).
      std::ranges::fill(status, std::uint8_t{0});
      std::memcpy(&status[STATUS_PID], &tracee.tid, sizeof tracee.tid);
      iovec place{&status[STATUS_REGISTERS], sizeof(user_regs_struct)};
      if (::ptrace(PTRACE_GETREGSET, tracee.tid, NT_PRSTATUS, &place) != 0) {
        tracee.state = State::GONE;  // by SIGKILL, which a stop does not keep away
        continue;
      }
      if (place.iov_len != sizeof(user_regs_struct)) {  // 32-bit code
        process.not_stopped.push_back(tracee.tid);
        continue;
      }
      process.threads.push_back({tracee.tid, architecture.read_status(status).registers, tracee.signal});
    }
    std::ranges::sort(process.threads, {}, &StoppedThread::tid);
    std::ranges::sort(process.not_stopped);
    return process;
  }

  void let_go() {
    for (Tracee& tracee : tracees_) {
      if (tracee.state != State::STOPPED) continue;
      ::ptrace(PTRACE_DETACH, tracee.tid, nullptr, static_cast<long>(tracee.signal));
      longest_ = std::max(longest_, Clock::now() - tracee.interrupted);
    }
  }

  Descriptor folder_;
  std::vector<Tracee> tracees_;
  std::unordered_set<int> known_;
  std::vector<int> refused_;
  int refusal_ = 0;
  bool is_group_stopped_ = false;
  Clock::duration longest_{};
};

}  // namespace

Result<StoppedProcess> stop_threads(int pid, std::span<const int> known_tids,
                                    const std::function<void(const StoppedProcess&)>& while_stopped) {
  Result<StoppedProcess> result = failure("");
  std::exception_ptr problem;
  try {
    std::jthread tracer([&] {
      try {
        result = Tracer(pid).run(known_tids, while_stopped);
      } catch (...) {
        problem = std::current_exception();
      }
    });
  } catch (const std::system_error& error) {
    return failure(fmt::format("no thread for tracing can be made: {}", error.what()));
  }
  if (problem) std::rethrow_exception(problem);
  return result;
}

}  // namespace standstill

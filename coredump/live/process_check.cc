#include "coredump/live/process_check.h"

#include "base/descriptor.h"
#include "base/file_system_answers.h"
#include "coredump/live/proc_text.h"
#include "coredump/live/proc_thread.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace standstill {
namespace {

std::optional<std::string> read_file_of(int pid, std::string_view file) {
  return read_proc_file(AT_FDCWD, fmt::format("/proc/{}/{}", pid, file).c_str());
}

// One thread's own. /proc/PID/stat, which adds up all threads of the process, keeps a processor to itself for
// as long as that takes: 2 ms for 10,000 (fs/proc/array.c, do_task_stat).
std::optional<std::string> read_stat_of(int tid) {
  return read_file_of(tid, fmt::format("task/{}/stat", tid));
}

// The value of a line "Name:\tvalue" of /proc/PID/status.
std::string_view status_value(std::string_view status, std::string_view name) {
  std::string_view line;
  while (take_line(status, line)) {
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
      return trimmed(line.substr(name.size() + 1));
  }
  return {};
}

int status_number(std::string_view status, std::string_view name) {
  std::string_view value = status_value(status, name);
  return to_number<int>(take_word(value)).value_or(0);
}

// PF_KTHREAD in field 9 of stat (Linux include/linux/sched.h).
bool is_kernel_thread(std::string_view stat) {
  constexpr std::uint32_t PF_KTHREAD = 0x200000;
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return false;
  std::string_view rest = stat.substr(name_end + 1);
  for (int field = 3; field < 9; ++field) take_word(rest);
  return (to_number<std::uint32_t>(take_word(rest)).value_or(0) & PF_KTHREAD) != 0;
}

bool has_ended(int tid) {
  const auto text = read_stat_of(tid);
  const auto stat = text ? parse_stat(*text) : std::nullopt;
  return !stat || stat->state == 'Z' || stat->state == 'X' || stat->state == 'x';
}

// The process's main thread, or another one where that has ended; 0 where all have.
int find_living_thread(int pid) {
  if (!has_ended(pid)) return pid;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), ignored)) {
    const auto tid = to_number<int>(entry.path().filename().string());
    if (tid && *tid != pid && !has_ended(*tid)) return *tid;
  }
  return 0;
}

Error no_such_process(int pid) {
  // /proc may be mounted so that others' processes do not show (hidepid).
  if (pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM))
    return {
        fmt::format("process {} exists, but /proc does not show it to you (it is mounted with hidepid)", pid),
        fmt::format("run as root: sudo standstill {}", pid)};
  return {fmt::format("there is no process {}, and no file of that name", pid),
          "list processes with: ps -ef"};
}

std::string user_of(int pid, unsigned& uid) {
  struct stat status{};
  if (::stat(fmt::format("/proc/{}/task", pid).c_str(), &status) != 0) return {};
  uid = status.st_uid;
  // /proc belongs to root where the process may not be dumped: the status file knows better.
  if (const auto text = read_file_of(pid, "status")) {
    std::string_view value = status_value(*text, "Uid");
    uid = to_number<unsigned>(take_word(value)).value_or(uid);
  }
  const passwd* entry = ::getpwuid(uid);
  return entry == nullptr ? "" : entry->pw_name;
}

bool is_32_bit(int tid) {
  const std::string program = fmt::format("/proc/{}/exe", tid);
  const auto header =
      file_system_answers(program) ? read_proc_file(AT_FDCWD, program.c_str(), EI_NIDENT) : std::nullopt;
  return header && header->size() > EI_CLASS && header->starts_with(std::string_view(ELFMAG, SELFMAG)) &&
         (*header)[EI_CLASS] == ELFCLASS32;
}

}  // namespace

Result<ProcessIdentity> check_process(int pid, bool will_stop) {
  const auto status = pid > 0 ? read_file_of(pid, "status") : std::nullopt;
  if (!status) return std::unexpected(no_such_process(pid));
  ProcessIdentity process;
  process.pid = status_number(*status, "Tgid");
  if (process.pid <= 0) process.pid = pid;
  process.parent_pid = status_number(*status, "PPid");
  process.name = status_value(*status, "Name");
  if (process.pid != pid) {
    if (const auto main = read_file_of(process.pid, "comm")) process.name = trimmed(*main);
  }
  const std::string who = fmt::format("process {} ({})", process.pid, process.name);
  if (process.pid == ::getpid())
    return failure("that is this very process, and it cannot stop and look at once",
                   "give the pid of another one");
  if (const auto stat = read_stat_of(pid); stat && is_kernel_thread(*stat))
    return failure(fmt::format("{} is a thread of the kernel: it has no memory of its own", who),
                   fmt::format("what it does shows: sudo cat /proc/{}/stack", pid));
  process.living_tid = find_living_thread(process.pid);
  if (process.living_tid == 0)
    return failure(
        fmt::format("{} is a zombie: it has ended, and process {} has not yet asked for its exit status", who,
                    process.parent_pid),
        fmt::format("if that process should have, look at it: standstill {}", process.parent_pid));
  if (is_32_bit(process.living_tid))
    return failure(fmt::format("{} is a 32-bit process; only 64-bit ones can be read", who));
  if (const int tracer = status_number(*status, "TracerPid"); will_stop && tracer != 0) {
    const auto name = read_file_of(tracer, "comm");
    return failure(
        fmt::format("{} is being traced by process {} ({}), and there can be only one tracer", who, tracer,
                    name ? trimmed(*name) : "?"),
        fmt::format("end that one or have it detach, or look without stopping: standstill --no-stop {}",
                    pid));
  }
  const Descriptor memory(
      ::open(fmt::format("/proc/{}/mem", process.living_tid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!memory) {
    if (errno == EACCES || errno == EPERM) return std::unexpected(explain_refusal(process));
    return failure(fmt::format("{} ended while it was looked at", who));
  }
  return process;
}

Error explain_refusal(const ProcessIdentity& process) {
  constexpr int CAP_SYS_PTRACE = 19;
  RefusalFacts facts;
  facts.pid = process.pid;
  facts.name = process.name;
  facts.own_uid = ::geteuid();
  facts.user = user_of(process.pid, facts.uid);
  if (const auto scope = read_proc_file(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope"))
    facts.ptrace_scope = to_number<int>(trimmed(*scope)).value_or(0);
  if (const auto own = read_file_of(::getpid(), "status")) {
    const auto effective = to_number<std::uint64_t>(status_value(*own, "CapEff"), 16);
    facts.may_trace_anybody = effective && (*effective >> CAP_SYS_PTRACE & 1) != 0;
    facts.is_filtered = status_number(*own, "Seccomp") == 2;
  }
  std::error_code ignored;
  facts.is_in_container = std::filesystem::exists("/.dockerenv", ignored) ||
                          std::filesystem::exists("/run/.containerenv", ignored);
  return explain_refusal(facts);
}

Error explain_refusal(const RefusalFacts& facts) {
  const std::string who = fmt::format("process {} ({})", facts.pid, facts.name);
  const std::string user = facts.user.empty() ? fmt::format("uid {}", facts.uid) : facts.user;
  constexpr std::string_view CONTAINER =
      "a container needs the right to trace: docker run --cap-add=SYS_PTRACE ..., or in Kubernetes "
      "securityContext.capabilities.add: [SYS_PTRACE]; or run standstill on the host";
  if (facts.ptrace_scope >= 3)
    return {fmt::format("not permitted to look at {}: this kernel forbids it to everybody "
                        "(kernel.yama.ptrace_scope = 3, until the next boot)",
                        who),
            "let the kernel write a core instead (kill -QUIT ends the process), and look at that"};
  if (facts.own_uid == 0 && !facts.may_trace_anybody)
    return {fmt::format("not permitted to look at {}: root, but without CAP_SYS_PTRACE", who),
            std::string(CONTAINER)};
  if (facts.may_trace_anybody)
    return {fmt::format(
                "not permitted to look at {}, although CAP_SYS_PTRACE is there: it belongs to another user "
                "namespace, or a security module ({}) forbids it",
                who, facts.is_filtered ? "a seccomp filter, SELinux, AppArmor" : "SELinux, AppArmor"),
            facts.is_in_container ? std::string(CONTAINER)
                                  : "look for a denial in the audit log: journalctl -k | grep -i denied"};
  const std::string as_root = fmt::format("sudo standstill {}", facts.pid);
  if (facts.own_uid != facts.uid)
    return {fmt::format("not permitted to look at {}: it runs as {}", who, user),
            facts.uid == 0
                ? fmt::format("run as root: {}", as_root)
                : fmt::format("run as root or as that user: {}, or: sudo -u {} standstill {}", as_root,
                              facts.user.empty() ? fmt::format("'#{}'", facts.uid) : facts.user, facts.pid)};
  if (facts.ptrace_scope == 2)
    return {fmt::format("not permitted to look at {}: this kernel permits it to administrators only "
                        "(kernel.yama.ptrace_scope = 2)",
                        who),
            fmt::format(
                "{}, or give standstill the right: sudo setcap cap_sys_ptrace=ep $(command -v standstill)",
                as_root)};
  if (facts.ptrace_scope == 1)
    return {fmt::format("not permitted to look at {}: this kernel permits it to a process's ancestors only "
                        "(kernel.yama.ptrace_scope = 1)",
                        who),
            fmt::format(
                "{}, or give standstill the right: sudo setcap cap_sys_ptrace=ep $(command -v standstill), "
                "or until the next boot: sudo sysctl kernel.yama.ptrace_scope=0",
                as_root)};
  return {fmt::format(
              "not permitted to look at {}: it is protected, though it runs as {} too (a set-uid program, "
              "one with more capabilities, or prctl PR_SET_DUMPABLE)",
              who, user),
          facts.is_in_container ? std::string(CONTAINER) : fmt::format("run as root: {}", as_root)};
}

}  // namespace standstill

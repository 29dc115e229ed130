#include "tests/support/live_program.h"

#include "tests/support/run_program.h"

#include <csignal>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace standstill {

LiveProgram::LiveProgram(const std::vector<std::string>& command, const std::string& folder)
    : folder_(folder) {
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // should the test crash
    ::signal(SIGQUIT, SIG_DFL);          // a shell's background jobs inherit it ignored
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_CORE, &unlimited);
    const rlimit small{1 << 20, RLIM_INFINITY};  // threads' stacks follow it; gdb writes each whole
    ::setrlimit(RLIMIT_STACK, &small);
    if (::chdir(folder.c_str()) == 0) ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  standard_input_ = in[1];
  char buffer[4096];
  while (!output_.ends_with("ready\n")) {
    const ssize_t size = ::read(out[0], buffer, sizeof(buffer));
    if (size <= 0) throw std::runtime_error(command[0] + " ended before it was ready");
    output_.append(buffer, static_cast<std::size_t>(size));
  }
  ::close(out[0]);
}

LiveProgram::~LiveProgram() {
  ::close(standard_input_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string LiveProgram::gcore() const {
  const std::string path = folder_ + "/gcore.core";
  const auto result =
      run_program({"gdb", "-nx", "-q", "-batch", "-iex", "set auto-load no", "-iex",
                   "set debuginfod enabled off", "-p", std::to_string(pid_), "-ex", "gcore " + path});
  if (!std::filesystem::exists(path)) throw std::runtime_error("gdb wrote no core: " + result.error);
  return path;
}

std::string LiveProgram::kernel_core(int signal) {
  ::kill(pid_, signal);
  ::waitpid(pid_, nullptr, 0);
  for (const std::string& name : {std::string("core"), "core." + std::to_string(pid_)}) {
    const std::string path = folder_ + "/" + name;
    if (std::filesystem::exists(path) && std::filesystem::file_size(path) > 0) {
      pid_ = -1;
      return path;
    }
  }
  pid_ = -1;
  return "";
}

}  // namespace standstill

// A fixture that runs: started, waited for until it says "ready", dumped by gdb or by the kernel, ended.
// Nothing here sleeps.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace standstill {

class LiveProgram {
 public:
  // `command[0]` is a path. Throws (the test fails) when the program ends before it is ready. Runs in
  // `folder`.
  LiveProgram(const std::vector<std::string>& command, const std::string& folder);
  ~LiveProgram();
  LiveProgram(const LiveProgram&) = delete;
  LiveProgram& operator=(const LiveProgram&) = delete;

  pid_t pid() const { return pid_; }
  // What it wrote before "ready".
  const std::string& output() const { return output_; }

  // The program goes on. Path of the core.
  std::string gcore() const;
  // Ends it with a signal that dumps core. "" where this machine sends cores elsewhere (core_pattern) or
  // forbids them.
  std::string kernel_core(int signal);

 private:
  pid_t pid_ = -1;
  int standard_input_ = -1;
  std::string folder_;
  std::string output_;
};

}  // namespace standstill

// Runs another program to its end and keeps what it said: the other source that expected values come from, or
// our own binary.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace standstill {

struct ProgramResult {
  int exit_status = -1;  // 128 + signal where a signal ended it; 127 where it could not be started
  std::string out;
  std::string error;
};

struct RunOptions {
  std::string input = {};  // for its standard input
  std::vector<std::pair<std::string, std::string>> environment =
      {};                   // set besides our own; an empty value unsets
  std::string folder = {};  // to run in; "": ours
};

// `command[0]` is looked up in PATH. Reads both outputs as they come, so that neither can block the program.
ProgramResult run_program(const std::vector<std::string>& command, const RunOptions& options = {});

// The contents of a file; "" where it cannot be read.
std::string read_whole_file(const std::string& path);
void write_whole_file(const std::string& path, const std::string& contents);

// A folder of its own for one test, gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Compares with the golden file; with STANDSTILL_UPDATE_GOLDEN set in the environment, writes it instead
// (read the diff!). Returns what to compare `text` with.
std::string golden(const std::string& path, const std::string& text);

}  // namespace standstill

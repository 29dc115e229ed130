// Where the answer goes: standard output, or the file of -o. Opened before the long work, so that a wrong
// path costs no time; an existing file keeps its contents until the answer is there, and a new one goes away
// again when there is none.
#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace standstill {

class Output {
 public:
  // `path` "" or "-" is standard output.
  static Result<Output> open(const std::string& path);
  ~Output();
  Output(Output&& other) noexcept;
  Output& operator=(Output&&) = delete;

  int descriptor() const { return descriptor_; }

  // Writes all of it, in one go where the system lets us. A reader that has gone away (a closed pipe) wants
  // no more: that is no error.
  Result<void> write(std::string_view bytes);

 private:
  Output(int descriptor, std::string path, bool is_new)
      : descriptor_(descriptor), path_(std::move(path)), is_new_(is_new) {}

  int descriptor_ = -1;
  std::string path_;     // "" for standard output
  bool is_new_ = false;  // created by us, and nothing written yet
};

}  // namespace standstill

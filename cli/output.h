// Where the answer goes: standard output, or the file of -o. Opened before the long work, so that a wrong
// path costs no time. An existing file keeps its contents until the answer is there; a new one gets its name
// only when it is whole (open(2), O_TMPFILE), so that an interrupted run leaves nothing behind.
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

  // Writes all of it, in one go where the system lets us; to be called once. A reader that has gone away (a
  // closed pipe) wants no more: that is no error.
  Result<void> write(std::string_view bytes);

  // The same in pieces: append() as often as there are some, then finish().
  Result<void> append(std::string_view bytes);
  Result<void> finish();
  // The reader has gone away.
  bool is_closed() const { return is_closed_; }

 private:
  enum class Kind {
    STANDARD_OUTPUT,
    EXISTING,  // kept until we write
    UNNAMED,   // to be linked to its path
    NEW,       // where the file system knows no unnamed files: taken away again unless written
  };

  Output(Kind kind, int descriptor, std::string path)
      : kind_(kind), descriptor_(descriptor), path_(std::move(path)) {}

  std::unexpected<Error> cannot_write(int error) const;

  Kind kind_;
  int descriptor_;
  std::string path_;  // "" for standard output
  bool has_begun_ = false;
  bool is_closed_ = false;
};

}  // namespace standstill

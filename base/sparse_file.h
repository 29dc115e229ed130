// A temporary file without a name, for bytes that may be far more than memory holds. Blocks of zeros become
// holes: a core is mostly zeros, and 80 GB of it must not need 80 GB of disk.
#pragma once

#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/error.h"

#include <cstdint>
#include <string>

namespace standstill {

class SparseFile {
 public:
  // Made in $TMPDIR, else in /var/tmp (/tmp is often memory), else in /tmp. It vanishes with its last
  // descriptor and mapping.
  static Result<SparseFile> create();

  // Errors: no room left, with the folder and what to do about it.
  Result<void> append(Bytes bytes);
  // Call after the last append(): sets the length, for a hole at the end would else be missing.
  Result<void> finish();

  int descriptor() const { return descriptor_.get(); }
  std::uint64_t size() const { return size_; }

 private:
  Result<void> write_at(std::uint64_t offset, Bytes bytes);
  std::unexpected<Error> out_of_room(int code) const;

  Descriptor descriptor_;
  std::string folder_;
  std::uint64_t size_ = 0;
};

}  // namespace standstill

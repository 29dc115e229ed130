// A file for bytes that may be far more than memory holds. Blocks of zeros become holes: a core is mostly
// zeros, and 80 GB of it must not need 80 GB of disk. It has no name while it is written, so that nothing is
// left behind whatever ends us; a file that shall stay gets its name when it is whole.
#pragma once

#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/error.h"

#include <cstdint>
#include <string>
#include <utility>

namespace standstill {

class SparseFile {
 public:
  // For a while only. Made in $TMPDIR, else in /var/tmp (/tmp is often memory), else in /tmp. It vanishes
  // with its last descriptor and mapping.
  static Result<SparseFile> create();
  // For good: made in the folder of `path`, readable by its owner alone (memory holds secrets), and called
  // `path` by publish(). Errors: the folder is missing or may not be written to; `path` is something else
  // than an ordinary file.
  static Result<SparseFile> create_for(const std::string& path);

  SparseFile(SparseFile&& other) noexcept
      : descriptor_(std::move(other.descriptor_)),
        folder_(std::move(other.folder_)),
        path_(std::move(other.path_)),
        name_(std::exchange(other.name_, {})),
        size_(other.size_) {}
  SparseFile& operator=(SparseFile&& other) noexcept = delete;
  ~SparseFile();

  // Errors: no room left, with the folder and what to do about it.
  Result<void> append(Bytes bytes);
  // A hole of `size` bytes.
  void skip(std::uint64_t size) { size_ += size; }
  // Call after the last append(): sets the length, for a hole at the end would else be missing.
  Result<void> finish();
  // After finish(), for a file of create_for(): waits until the disk has all of it and gives it its name. A
  // file that had the name before is replaced in one step.
  Result<void> publish();

  int descriptor() const { return descriptor_.get(); }
  std::uint64_t size() const { return size_; }

 private:
  SparseFile() = default;
  Result<void> write_at(std::uint64_t offset, Bytes bytes);
  std::unexpected<Error> out_of_room(int code) const;

  Descriptor descriptor_;
  std::string folder_;
  std::string path_;  // that publish() gives; "" for a temporary file
  std::string name_;  // that it has meanwhile, where the file system knows no files without a name
  std::uint64_t size_ = 0;
};

}  // namespace standstill

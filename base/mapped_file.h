// The bytes of a file, mapped read-only, or bytes that we made ourselves (decompressed input). Both look
// alike to readers and live as long as the object.
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace standstill {

class MappedFile {
 public:
  enum class Access {
    NORMAL,  // small or densely read: leave the kernel's readahead alone
    SPARSE,  // a core: mostly holes, touched here and there; readahead would cost seconds (measured on 80 GB)
  };

  // Errors name the path and the reason (no such file, no permission, a directory).
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path,
                                                        Access access = Access::NORMAL);
  // Maps an open descriptor; `path` serves messages only. The descriptor stays the caller's.
  static Result<std::shared_ptr<const MappedFile>> from_descriptor(int descriptor, const std::string& path,
                                                                   Access access = Access::NORMAL);
  static std::shared_ptr<const MappedFile> from_memory(std::vector<std::uint8_t> bytes, std::string path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  Bytes bytes() const { return bytes_; }
  // Takes the pages that lie wholly inside `part` of bytes() out of our memory; the next read brings them
  // back. For readers that walk through much and keep little: pages once touched count as the process's own.
  void drop_pages(Bytes part) const;
  // Copies what stands at `where`, which points into bytes(), as far as `out` reaches, without mapping its
  // pages. Returns how many bytes were copied: 0 for a file that is not SPARSE. A page fault maps sixteen
  // pages, and at the end they are unmapped again: 11 µs, where reading 4 KiB of a cached file takes 2 µs.
  // With a page or two from each of 10,000 stacks this is most of the work.
  std::size_t copy_unmapped(const std::uint8_t* where, std::span<std::uint8_t> out) const;
  const std::string& path() const { return path_; }

 private:
  MappedFile() = default;

  Bytes bytes_;
  void* mapping_ = nullptr;
  int descriptor_ = -1;  // of a SPARSE file
  std::vector<std::uint8_t> owned_;
  std::string path_;
};

}  // namespace standstill

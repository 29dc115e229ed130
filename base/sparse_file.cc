#include "base/sparse_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace standstill {
namespace {

constexpr std::uint64_t BLOCK = 4096;

bool is_zero(Bytes bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// O_TMPFILE never gives the file a name; file systems that lack it (some network ones) get the older way.
Descriptor open_unnamed(const std::string& folder) {
  Descriptor unnamed(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (unnamed) return unnamed;
  std::string name = folder + "/standstill-XXXXXX";
  Descriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (named) ::unlink(name.c_str());
  return named;
}

}  // namespace

Result<SparseFile> SparseFile::create() {
  std::vector<std::string> folders;
  // secure_getenv: a program with raised privileges must not let its caller choose.
  if (const char* chosen = ::secure_getenv("TMPDIR"); chosen != nullptr && *chosen != '\0') {
    folders.emplace_back(chosen);
  } else {
    folders = {"/var/tmp", "/tmp"};
  }
  SparseFile file;
  for (const std::string& folder : folders) {
    file.descriptor_ = open_unnamed(folder);
    file.folder_ = folder;
    if (file.descriptor_) return file;
  }
  return failure(fmt::format("cannot make a temporary file in {}: {}", folders.front(), std::strerror(errno)),
                 "set TMPDIR to a folder that you may write to");
}

std::unexpected<Error> SparseFile::out_of_room(int code) const {
  return failure(fmt::format("{}: {} after {} bytes", folder_, std::strerror(code), size_),
                 "set TMPDIR to a folder with more room");
}

Result<void> SparseFile::write_at(std::uint64_t offset, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return out_of_room(written < 0 ? errno : ENOSPC);
    offset += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> SparseFile::append(Bytes bytes) {
  // Runs of blocks that hold something are written at once. Blocks are aligned in the file, so that holes
  // are.
  std::uint64_t run = 0;  // start of the current run in `bytes`
  std::uint64_t at = 0;
  while (at < bytes.size()) {
    const Bytes block = clipped(bytes, at, BLOCK - (size_ + at) % BLOCK);
    if (is_zero(block)) {
      if (auto done = write_at(size_ + run, bytes.subspan(run, at - run)); !done) return done;
      run = at + block.size();
    }
    at += block.size();
  }
  if (auto done = write_at(size_ + run, bytes.subspan(run)); !done) return done;
  size_ += bytes.size();
  return {};
}

Result<void> SparseFile::finish() {
  if (::ftruncate(descriptor_.get(), static_cast<off_t>(size_)) != 0) return out_of_room(errno);
  return {};
}

}  // namespace standstill

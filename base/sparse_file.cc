#include "base/sparse_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace standstill {
namespace {

constexpr std::uint64_t BLOCK = 4096;

bool is_zero(Bytes bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// A name that nobody has, beside `path`; the file is open under it.
Descriptor open_named(const std::string& folder, std::string& name) {
  name = folder + "/.standstill-XXXXXX";
  Descriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (!named) name.clear();
  return named;
}

// O_TMPFILE never gives the file a name; file systems that lack it (some network ones) get the older way.
Descriptor open_unnamed(const std::string& folder) {
  return Descriptor(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
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
    file.folder_ = folder;
    file.descriptor_ = open_unnamed(folder);
    if (file.descriptor_) return file;
    std::string name;
    file.descriptor_ = open_named(folder, name);
    if (file.descriptor_) {
      ::unlink(name.c_str());
      return file;
    }
  }
  return failure(fmt::format("cannot make a temporary file in {}: {}", folders.front(), std::strerror(errno)),
                 "set TMPDIR to a folder that you may write to");
}

Result<SparseFile> SparseFile::create_for(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return failure(fmt::format("{} is not an ordinary file", path), "name another file");
  SparseFile file;
  file.path_ = path;
  const std::size_t slash = path.rfind('/');
  file.folder_ = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  file.descriptor_ = open_unnamed(file.folder_);
  if (!file.descriptor_) file.descriptor_ = open_named(file.folder_, file.name_);
  if (!file.descriptor_)
    return failure(fmt::format("cannot write {}: {}", path, std::strerror(errno)),
                   "name a file in a folder that you may write to");
  return file;
}

SparseFile::~SparseFile() {
  if (!name_.empty()) ::unlink(name_.c_str());
}

std::unexpected<Error> SparseFile::out_of_room(int code) const {
  if (!path_.empty())
    return failure(fmt::format("cannot write {}: {} after {} bytes", path_, std::strerror(code), size_),
                   code == ENOSPC || code == EDQUOT ? "name a file on a disk with more room" : "");
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

Result<void> SparseFile::publish() {
  if (::fsync(descriptor_.get()) != 0) return out_of_room(errno);
  if (name_.empty()) {
    // A file without a name can be linked to a free name only (linkat(2)); over another file it goes in two
    // steps.
    const std::string unnamed = fmt::format("/proc/self/fd/{}", descriptor_.get());
    const auto link_to = [&](const std::string& name) {
      return ::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
    };
    if (link_to(path_)) return {};
    if (errno != EEXIST) return out_of_room(errno);
    const std::string name = fmt::format("{}/.standstill-{}", folder_, ::getpid());
    if (!link_to(name)) return out_of_room(errno);
    name_ = name;
  }
  if (::rename(name_.c_str(), path_.c_str()) != 0) return out_of_room(errno);
  name_.clear();
  return {};
}

}  // namespace standstill

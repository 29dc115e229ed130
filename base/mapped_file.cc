#include "base/mapped_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace standstill {

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path, Access access) {
  // Paths come out of cores, too: a pipe or a device must not make us wait.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) {
    const int code = errno;
    return failure(fmt::format("{}: {}", path, std::strerror(code)),
                   code == EACCES
                       ? "run as the file's owner or as root, or copy the file to where you may read it"
                       : "");
  }
  auto file = from_descriptor(descriptor, path, access);
  ::close(descriptor);
  return file;
}

Result<std::shared_ptr<const MappedFile>> MappedFile::from_descriptor(int descriptor, const std::string& path,
                                                                      Access access) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return failure(fmt::format("{}: {}", path, std::strerror(errno)));
  if (S_ISDIR(status.st_mode)) return failure(fmt::format("{}: is a directory, not a file", path));
  if (!S_ISREG(status.st_mode)) return failure(fmt::format("{}: is not a regular file", path));
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  if (status.st_size == 0) return file;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (mapping == MAP_FAILED) return failure(fmt::format("{}: cannot map: {}", path, std::strerror(errno)));
  if (access == Access::SPARSE) {
    ::madvise(mapping, size, MADV_RANDOM);
    file->descriptor_ = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  }
  file->mapping_ = mapping;
  file->bytes_ = Bytes(static_cast<const std::uint8_t*>(mapping), size);
  return file;
}

std::shared_ptr<const MappedFile> MappedFile::from_memory(std::vector<std::uint8_t> bytes, std::string path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = std::move(path);
  file->owned_ = std::move(bytes);
  file->bytes_ = file->owned_;
  return file;
}

void MappedFile::drop_pages(Bytes part) const {
  // Memory of our own would be lost, not brought back.
  if (mapping_ == nullptr || part.data() < bytes_.data() || part.size() > bytes_.size()) return;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto offset = static_cast<std::uint64_t>(part.data() - bytes_.data());
  if (offset > bytes_.size() - part.size()) return;
  const std::uint64_t first = (offset + page - 1) / page * page;
  const std::uint64_t end = (offset + part.size()) / page * page;
  if (first < end) ::madvise(static_cast<std::uint8_t*>(mapping_) + first, end - first, MADV_DONTNEED);
}

std::size_t MappedFile::copy_unmapped(const std::uint8_t* where, std::span<std::uint8_t> out) const {
  if (descriptor_ < 0 || where < bytes_.data() || where >= bytes_.data() + bytes_.size()) return 0;
  const auto offset = static_cast<std::size_t>(where - bytes_.data());
  const std::size_t size = std::min(out.size(), bytes_.size() - offset);
  const ssize_t copied = ::pread(descriptor_, out.data(), size, static_cast<off_t>(offset));
  return copied > 0 ? static_cast<std::size_t>(copied) : 0;
}

MappedFile::~MappedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (mapping_ != nullptr) ::munmap(mapping_, bytes_.size());
}

}  // namespace standstill

#include "cli/output.h"

#include "reports/printable.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace standstill {

namespace {

constexpr mode_t FOR_EVERYBODY = 0666;  // less the umask

Error error_at(const std::string& path, int error) {
  return {fmt::format("cannot write {}: {}", path.empty() ? "to standard output" : printable(path),
                      std::strerror(error)),
          path.empty() ? "" : "name another file with -o FILE"};
}

}  // namespace

Result<Output> Output::open(const std::string& path) {
  if (path.empty() || path == "-") return Output(Kind::STANDARD_OUTPUT, STDOUT_FILENO, "");
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor >= 0) return Output(Kind::EXISTING, descriptor, path);
  if (errno != ENOENT) return std::unexpected(error_at(path, errno));

  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, FOR_EVERYBODY);
  if (descriptor >= 0) return Output(Kind::UNNAMED, descriptor, path);

  descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FOR_EVERYBODY);
  if (descriptor >= 0) return Output(Kind::NEW, descriptor, path);
  return std::unexpected(error_at(path, errno));
}

Output::Output(Output&& other) noexcept
    : kind_(other.kind_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      has_begun_(other.has_begun_),
      is_closed_(other.is_closed_) {}

Output::~Output() {
  if (descriptor_ < 0 || kind_ == Kind::STANDARD_OUTPUT) return;
  close(descriptor_);
  if (kind_ == Kind::NEW) unlink(path_.c_str());
}

std::unexpected<Error> Output::cannot_write(int error) const {
  return std::unexpected(error_at(path_, error));
}

Result<void> Output::write(std::string_view bytes) {
  if (auto written = append(bytes); !written) return written;
  return finish();
}

Result<void> Output::append(std::string_view bytes) {
  struct stat status{};
  if (!std::exchange(has_begun_, true) && kind_ == Kind::EXISTING && fstat(descriptor_, &status) == 0 &&
      S_ISREG(status.st_mode) && ftruncate(descriptor_, 0) != 0)
    return cannot_write(errno);
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(written));
    else if (errno == EPIPE) {
      is_closed_ = true;
      return {};
    } else if (errno != EINTR)
      return cannot_write(errno);
  }
  return {};
}

Result<void> Output::finish() {
  if (is_closed_) return {};
  if (kind_ == Kind::UNNAMED) {
    const std::string unnamed = fmt::format("/proc/self/fd/{}", descriptor_);
    if (linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return cannot_write(errno);
  }
  if (kind_ == Kind::NEW) kind_ = Kind::EXISTING;
  return {};
}

}  // namespace standstill

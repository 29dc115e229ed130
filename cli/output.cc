#include "cli/output.h"

#include "reports/printable.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace standstill {

Result<Output> Output::open(const std::string& path) {
  if (path.empty() || path == "-") return Output(STDOUT_FILENO, "", false);
  constexpr mode_t FOR_EVERYBODY = 0666;  // less the umask
  bool is_new = true;
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FOR_EVERYBODY);
  if (descriptor < 0 && errno == EEXIST) {
    is_new = false;
    descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  }
  if (descriptor < 0)
    return failure(fmt::format("cannot write {}: {}", printable(path), std::strerror(errno)),
                   "name another file with -o FILE");
  return Output(descriptor, path, is_new);
}

Output::Output(Output&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      is_new_(std::exchange(other.is_new_, false)) {}

Output::~Output() {
  if (descriptor_ < 0 || path_.empty()) return;
  close(descriptor_);
  if (is_new_) unlink(path_.c_str());
}

Result<void> Output::write(std::string_view bytes) {
  is_new_ = false;
  struct stat status {};
  if (!path_.empty() && fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode) &&
      ftruncate(descriptor_, 0) != 0)
    return failure(fmt::format("cannot write {}: {}", printable(path_), std::strerror(errno)));
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      return {};
    } else if (errno != EINTR) {
      return failure(fmt::format("cannot write {}: {}",
                                 path_.empty() ? "to standard output" : printable(path_),
                                 std::strerror(errno)));
    }
  }
  return {};
}

}  // namespace standstill

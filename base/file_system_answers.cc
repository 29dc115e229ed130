#include "base/file_system_answers.h"

#include "base/descriptor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <mntent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace standstill {

namespace {

// When several file systems are silent, the later ones are given less time.
constexpr std::chrono::milliseconds SHORTER{200};

// A device is not opened: that may do something.
void touch(const char* path) {
  struct stat status{};
  if (::stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return;
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  std::uint8_t byte = 0;
  // Attributes may be remembered; contents are at least checked for being the newest.
  if (file) (void)!::pread(file.get(), &byte, 1, 0);
}

// A process of its own that touches paths: a thread that waits for a file system cannot be ended, and would
// keep our own process from ending. It holds nothing else of ours open.
class Toucher {
 public:
  Toucher() = default;
  Toucher(const Toucher&) = delete;
  Toucher& operator=(const Toucher&) = delete;

  // True also where no process can be made.
  bool touches_within(const std::string& path, std::chrono::milliseconds limit) {
    if (!socket_ && !start()) return true;
    if (::send(socket_.get(), path.data(), path.size(), MSG_NOSIGNAL) < 0) {
      socket_ = Descriptor();  // it has ended; the next path gets another one
      return true;
    }
    pollfd answer{socket_.get(), POLLIN, 0};
    const auto end = std::chrono::steady_clock::now() + limit;
    for (auto left = limit; left.count() >= 0; left = std::chrono::duration_cast<std::chrono::milliseconds>(
                                                   end - std::chrono::steady_clock::now())) {
      const int ready = ::poll(&answer, 1, static_cast<int>(left.count()));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) break;
      char byte = 0;
      if (ready < 0 || ::recv(socket_.get(), &byte, 1, 0) != 1) socket_ = Descriptor();
      return true;
    }
    socket_ = Descriptor();  // it is left behind
    return false;
  }

 private:
  bool start() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
    socket_ = Descriptor(ends[0]);
    const Descriptor theirs(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) serve(theirs.get());
    if (child < 0) socket_ = Descriptor();
    return child > 0;
  }

  // Of a process with threads only one is there after fork(): nothing that takes a lock is called here.
  [[noreturn]] static void serve(int socket) {
    ::dup2(socket, 0);
    ::close_range(1, ~0U, 0);
    std::array<char, PATH_MAX> path;
    for (;;) {
      const ssize_t size = ::recv(0, path.data(), path.size() - 1, 0);
      if (size <= 0) ::_exit(0);
      path[static_cast<std::size_t>(size)] = 0;
      touch(path.data());
      if (::send(0, "", 1, MSG_NOSIGNAL) != 1) ::_exit(0);
    }
  }

  Descriptor socket_;
};

bool lies_in(const std::string& path, const std::string& folder) {
  return path.starts_with(folder) &&
         (path.size() == folder.size() || folder.ends_with('/') || path[folder.size()] == '/');
}

// Where what holds `path` is mounted, or `path` itself where that is "/".
std::string mount_point_of(const std::string& path) {
  std::string longest;
  const std::unique_ptr<FILE, int (*)(FILE*)> mounts(::setmntent("/proc/self/mounts", "re"), ::endmntent);
  if (!mounts) return path;
  mntent entry{};
  std::array<char, 16384> text;
  while (::getmntent_r(mounts.get(), &entry, text.data(), static_cast<int>(text.size())) != nullptr)
    if (const std::string folder = entry.mnt_dir; folder.size() > longest.size() && lies_in(path, folder))
      longest = folder;
  return longest.size() > 1 ? longest : path;
}

class Memory {
 public:
  bool answers(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const bool is_link = path.starts_with("/proc/") &&
                         (path.ends_with("/exe") || path.find("/map_files/") != std::string::npos);
    const std::string key = is_link || slash == std::string::npos ? path : path.substr(0, slash + 1);
    const std::lock_guard lock(mutex_);
    if (std::ranges::any_of(silent_, [&](const std::string& folder) { return lies_in(path, folder); }))
      return false;
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const bool answers = toucher_.touches_within(path, silent_.empty() ? ANSWER_WITHIN : SHORTER);
    known_[key] = answers;
    if (!answers) silent_.push_back(is_link ? path : mount_point_of(path));
    return answers;
  }

 private:
  std::mutex mutex_;
  Toucher toucher_;
  std::map<std::string, bool> known_;  // by folder
  std::vector<std::string> silent_;    // where they are mounted
};

}  // namespace

bool file_system_answers(const std::string& path) {
  // Never destroyed: threads may ask while the program ends.
  static Memory& memory = *new Memory;
  return memory.answers(path);
}

std::string no_answer_text(const std::string& path) {
  return fmt::format("{}: its file system does not answer", path);
}

}  // namespace standstill

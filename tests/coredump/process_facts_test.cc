// What /proc tells of descriptors, against what the system calls that made them say.
#include "coredump/live/process_facts.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include <arpa/inet.h>
#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace standstill;

namespace {

// Descriptors that are closed together.
struct Open {
  std::vector<int> fds;
  int operator()(int fd) {
    REQUIRE(fd >= 0);
    fds.push_back(fd);
    return fd;
  }
  ~Open() {
    for (const int fd : fds) ::close(fd);
  }
};

// A process that does something, says so, and waits to be ended.
class Child {
 public:
  explicit Child(const std::function<void()>& work) {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      work();
      if (::write(ready[1], "r", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte;
    ::close(ready[1]);
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  int pid() const { return pid_; }

 private:
  int pid_;
};

std::string address_of(int socket, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  REQUIRE(ask(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  char text[INET_ADDRSTRLEN];
  return fmt::format("{}:{}", inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text)),
                     ntohs(address.sin_port));
}

int listening_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::listen(fd, 4) == 0);
  return fd;
}

int connected_to(int listener) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  return fd;
}

const OpenFile& file_of(const ProcessFacts& facts, int fd) {
  const OpenFile* file = find_open_file(facts, fd);
  REQUIRE(file != nullptr);
  return *file;
}

struct TemporaryFile {
  std::string path =
      fmt::format("{}/standstill-facts-{}", std::filesystem::temp_directory_path().string(), getpid());
  TemporaryFile() { std::ofstream(path) << "text"; }
  ~TemporaryFile() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("every descriptor is known for what it is") {
  Open open;
  const TemporaryFile temporary;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  open(ends[0]), open(ends[1]);
  const int file = open(::open(temporary.path.c_str(), O_RDWR | O_CLOEXEC));
  const int folder = open(::open("/", O_RDONLY | O_DIRECTORY));
  const int device = open(::open("/dev/null", O_WRONLY));
  const int counter = open(::eventfd(7, 0)), timer = open(::timerfd_create(CLOCK_MONOTONIC, 0));
  const int watches = open(::inotify_init1(0)), epoll = open(::epoll_create1(0));
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  const int waiting = open(::signalfd(-1, &signals, 0));
  epoll_event event{.events = EPOLLIN, .data = {}};
  REQUIRE(::epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
  REQUIRE(::epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event) == 0);

  const ProcessFacts facts = read_process_facts(getpid(), {});
  struct stat status{};
  REQUIRE(::fstat(ends[0], &status) == 0);
  CHECK(file_of(facts, ends[0]).kind == OpenFileKind::PIPE);
  CHECK(file_of(facts, ends[0]).inode == status.st_ino);
  CHECK(file_of(facts, ends[1]).inode == status.st_ino);
  CHECK((file_of(facts, ends[1]).flags.value_or(0) & O_ACCMODE) == O_WRONLY);
  REQUIRE(::fstat(file, &status) == 0);
  CHECK(file_of(facts, file).kind == OpenFileKind::FILE);
  CHECK(file_of(facts, file).path == temporary.path);
  CHECK(file_of(facts, file).inode == status.st_ino);
  CHECK(file_of(facts, file).device == status.st_dev);
  CHECK(file_of(facts, folder).kind == OpenFileKind::DIRECTORY);
  CHECK(file_of(facts, device).kind == OpenFileKind::CHARACTER_DEVICE);
  CHECK(file_of(facts, counter).kind == OpenFileKind::EVENTFD);
  CHECK(file_of(facts, counter).detail == "count 7");
  CHECK(file_of(facts, timer).kind == OpenFileKind::TIMERFD);
  CHECK(file_of(facts, timer).detail == "not armed");
  CHECK(file_of(facts, watches).kind == OpenFileKind::INOTIFY);
  CHECK(file_of(facts, waiting).kind == OpenFileKind::SIGNALFD);
  CHECK(file_of(facts, waiting).detail == fmt::format("signals {}", SIGTERM));
  CHECK(file_of(facts, epoll).kind == OpenFileKind::EPOLL);
  std::vector<int> members;
  for (const EpollMember& member : file_of(facts, epoll).members) members.push_back(member.fd);
  std::ranges::sort(members);
  CHECK(members == std::vector{std::min(ends[0], counter), std::max(ends[0], counter)});
  CHECK(facts.uid == geteuid());
  CHECK(facts.namespaces.network != 0);
  CHECK(find_open_file(facts, 1 << 20) == nullptr);
}

TEST_CASE("sockets have their addresses, states and other ends") {
  Open open;
  const int listener = open(listening_socket()), client = open(connected_to(listener));
  const int server = open(::accept(listener, nullptr, nullptr));
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  open(pair[0]), open(pair[1]);

  const ProcessFacts facts = read_process_facts(getpid(), {});
  REQUIRE(file_of(facts, listener).socket);
  CHECK(file_of(facts, listener).socket->state == "LISTEN");
  CHECK(file_of(facts, listener).socket->local == address_of(listener, ::getsockname));
  REQUIRE(file_of(facts, client).socket);
  CHECK(file_of(facts, client).socket->protocol == "tcp");
  CHECK(file_of(facts, client).socket->state == "ESTABLISHED");
  CHECK(file_of(facts, client).socket->local == address_of(client, ::getsockname));
  CHECK(file_of(facts, client).socket->remote == address_of(client, ::getpeername));
  CHECK(file_of(facts, client).socket->peer_inode == file_of(facts, server).inode);
  REQUIRE(file_of(facts, pair[0]).socket);
  CHECK(file_of(facts, pair[0]).socket->protocol == "unix stream");
  CHECK(file_of(facts, pair[0]).socket->peer_inode == file_of(facts, pair[1]).inode);
}

TEST_CASE("the process at the other end of a pipe and of a unix socket is found") {
  int pipe_ends[2], pair[2];
  REQUIRE(::pipe2(pipe_ends, O_CLOEXEC) == 0);
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  const Child child([&] { ::close(pipe_ends[0]), ::close(pair[0]); });
  ::close(pipe_ends[1]), ::close(pair[1]);
  Open open;
  open(pipe_ends[0]), open(pair[0]);

  ProcessFacts facts = read_process_facts(getpid(), {});
  CHECK(file_of(facts, pipe_ends[0]).peers.empty());
  find_peers(facts, std::array{pipe_ends[0], pair[0], 1 << 20});
  for (const auto& [here, there] : {std::pair(pipe_ends[0], pipe_ends[1]), std::pair(pair[0], pair[1])}) {
    const OpenFile& file = file_of(facts, here);
    REQUIRE(file.peers.size() == 1);
    CHECK(file.peers[0].pid == child.pid());
    CHECK(file.peers[0].fd == there);
    CHECK(file.peers[0].process == "coredump_tests");
  }
}

TEST_CASE("a process that holds both ends of its pipe is its own peer") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  Open open;
  open(ends[0]), open(ends[1]);
  ProcessFacts facts = read_process_facts(getpid(), {});
  find_peers(facts, std::array{ends[0]});
  REQUIRE(file_of(facts, ends[0]).peers.size() == 1);
  CHECK(file_of(facts, ends[0]).peers[0].pid == getpid());
  CHECK(file_of(facts, ends[0]).peers[0].fd == ends[1]);
}

TEST_CASE("who holds a lock on a file is known, by process and by descriptor") {
  const TemporaryFile temporary;
  Open open;
  const int file = open(::open(temporary.path.c_str(), O_RDWR | O_CLOEXEC));
  const Child holder([&] {
    const int own = ::open(temporary.path.c_str(), O_RDWR);
    if (::flock(own, LOCK_EX) != 0 || ::lockf(own, F_LOCK, 3) != 0) ::_exit(1);
  });
  ProcessFacts facts = read_process_facts(getpid(), {});
  int flocks = 0, ranges = 0;
  for (const FileLock& lock : facts.locks) {
    if (lock.inode != file_of(facts, file).inode) continue;
    CHECK(lock.pid == holder.pid());
    CHECK(lock.process == "coredump_tests");
    CHECK(lock.is_write);
    CHECK_FALSE(lock.is_waiting);
    flocks += lock.kind == FileLock::Kind::FLOCK;
    ranges += lock.kind == FileLock::Kind::POSIX && lock.start == 0 && lock.end == 2;
  }
  CHECK(flocks == 1);
  CHECK(ranges == 1);
  find_peers(facts, std::array{file});
  REQUIRE(file_of(facts, file).peers.size() == 1);
  CHECK(file_of(facts, file).peers[0].pid == holder.pid());
}

TEST_CASE("memory that is shared with other processes is listed with its file") {
  const TemporaryFile temporary;
  Open open;
  const int file = open(::open(temporary.path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status{};
  REQUIRE(::ftruncate(file, 8192) == 0);
  REQUIRE(::fstat(file, &status) == 0);
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 4096);
  REQUIRE(memory != MAP_FAILED);
  const ProcessFacts facts = read_process_facts(getpid(), {});
  ::munmap(memory, 4096);
  const Address start(reinterpret_cast<std::uint64_t>(memory));
  const auto mapping = std::ranges::find(facts.shared_mappings, start, &SharedMapping::start);
  REQUIRE(mapping != facts.shared_mappings.end());
  CHECK(mapping->inode == status.st_ino);
  CHECK(mapping->file_offset == 4096);
}

TEST_CASE("of a process that is not there nothing is known") {
  ProcessFacts facts = read_process_facts(1 << 30, {});
  CHECK(facts.open_files.empty());
  CHECK(facts.shared_mappings.empty());
  find_peers(facts, std::array{0, 1});
  CHECK_FALSE(facts.uid);
}

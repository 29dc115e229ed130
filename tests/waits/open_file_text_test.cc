// What is said of descriptors that threads wait on.
#include "waits/open_file_text.h"

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>

using namespace standstill;

namespace {

OpenFile file_of(int fd, OpenFileKind kind, std::string path) {
  OpenFile file;
  file.fd = fd;
  file.kind = kind;
  file.path = std::move(path);
  return file;
}

std::string described(const WaitState& state, std::vector<OpenFile> files, std::vector<FileLock> locks = {}) {
  ProcessFacts facts;
  facts.open_files = std::move(files);
  facts.locks = std::move(locks);
  return describe_descriptors(state, facts);
}

WaitState wait_on(WaitWord word, std::vector<std::int32_t> descriptors) {
  WaitState state;
  state.word = word;
  state.descriptors = std::move(descriptors);
  return state;
}

}  // namespace

TEST_CASE("a socket is told with both addresses and its state") {
  OpenFile file = file_of(12, OpenFileKind::SOCKET, "socket:[99]");
  file.socket.emplace();
  file.socket->protocol = "tcp";
  file.socket->local = "10.0.0.5:41872";
  file.socket->remote = "10.0.0.9:5432";
  file.socket->state = "ESTABLISHED";
  CHECK(described(wait_on(WaitWord::RECV, {12}), {file}) ==
        "fd 12: tcp 10.0.0.5:41872 -> 10.0.0.9:5432 ESTABLISHED");
  file.peers = {{77, 5, "postgres"}, {77, 6, "postgres"}};
  CHECK(describe_open_file(file) ==
        "tcp 10.0.0.5:41872 -> 10.0.0.9:5432 ESTABLISHED, connected to pid 77 (postgres)");
}

TEST_CASE("a pipe is told with who writes or reads it, or that nobody does any more") {
  OpenFile file = file_of(3, OpenFileKind::PIPE, "pipe:[815]");
  file.flags = O_RDONLY;
  CHECK(describe_open_file(file) == "pipe:[815]");
  file.peers_known = true;
  CHECK(describe_open_file(file) == "pipe:[815], written by nobody any more");
  file.peers = {{77, 5, "nginx"}, {78, 5, "nginx"}};
  CHECK(describe_open_file(file) == "pipe:[815], written by pid 77 (nginx), pid 78 (nginx)");
  file.flags = O_WRONLY;
  CHECK(describe_open_file(file) == "pipe:[815], read by pid 77 (nginx), pid 78 (nginx)");
}

TEST_CASE("an epoll is told with its members, the first few of many") {
  OpenFile epoll = file_of(7, OpenFileKind::EPOLL, "anon_inode:[eventpoll]");
  for (const int fd : {3, 4, 5, 6, 8, 9}) epoll.members.push_back({fd, 1});
  OpenFile counter = file_of(3, OpenFileKind::EVENTFD, "anon_inode:[eventfd]");
  counter.detail = "count 0";
  CHECK(described(wait_on(WaitWord::EPOLL, {7}), {counter, epoll}) ==
        "fd 7: epoll of fd 3 eventfd, count 0, fd 4, fd 5, fd 6 and 2 more");
}

TEST_CASE("a file that is locked is told with the holder, not with those who wait") {
  OpenFile file = file_of(5, OpenFileKind::FILE, "/run/lock");
  file.inode = 9;
  FileLock held, wanted, other;
  held.inode = wanted.inode = 9;
  held.is_write = true;
  held.pid = 77;
  held.process = "dpkg";
  wanted.is_waiting = true;
  other.inode = 10;
  other.pid = 80;
  CHECK(described(wait_on(WaitWord::FILE_LOCK, {5}), {file}, {held, wanted, other}) ==
        "fd 5: /run/lock, locked by pid 77 (dpkg)");
  held.pid = -1;  // an OFD lock: the descriptor that it hangs on was found
  file.peers = {{81, 4, "x"}};
  CHECK(described(wait_on(WaitWord::FILE_LOCK, {5}), {file}, {held}) ==
        "fd 5: /run/lock, locked by pid 81 (x)");
}

TEST_CASE("of several descriptors each has its number, and one that is closed says nothing") {
  CHECK(described(wait_on(WaitWord::POLL, {3, 4, 9}),
                  {file_of(3, OpenFileKind::FILE, "/dev/pts/0"), file_of(4, OpenFileKind::FILE, "/a")}) ==
        "fd 3: /dev/pts/0; fd 4: /a");
  CHECK(described(wait_on(WaitWord::READ, {9}), {}).empty());
}

// The texts of /proc about descriptors, as Linux 6.18 prints them, and cut short.
#include "coredump/live/proc_descriptors.h"

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <sys/sysmacros.h>

using namespace standstill;

TEST_CASE("a link tells what kind of thing a descriptor is") {
  CHECK(kind_of_link("pipe:[815]") == OpenFileKind::PIPE);
  CHECK(kind_of_link("socket:[4711]") == OpenFileKind::SOCKET);
  CHECK(kind_of_link("anon_inode:[eventpoll]") == OpenFileKind::EPOLL);
  CHECK(kind_of_link("anon_inode:[eventfd]") == OpenFileKind::EVENTFD);
  CHECK(kind_of_link("anon_inode:[timerfd]") == OpenFileKind::TIMERFD);
  CHECK(kind_of_link("anon_inode:[signalfd]") == OpenFileKind::SIGNALFD);
  CHECK(kind_of_link("anon_inode:inotify") == OpenFileKind::INOTIFY);
  CHECK(kind_of_link("anon_inode:[perf_event]") == OpenFileKind::OTHER);
  CHECK(kind_of_link("/tmp/pipe:[815]") == OpenFileKind::OTHER);
  CHECK(inode_of_link("pipe:[815]") == 815u);
  CHECK(inode_of_link("net:[4026531833]") == 4026531833u);
  CHECK_FALSE(inode_of_link("/tmp/pipe:[815]"));
  CHECK_FALSE(inode_of_link("anon_inode:[eventpoll]"));
  CHECK_FALSE(inode_of_link("pipe:[]"));
  CHECK_FALSE(inode_of_link(":["));
}

TEST_CASE("fdinfo tells flags and the members of an epoll") {
  OpenFile file;
  parse_fdinfo(
      "pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t1038\n"
      "tfd:        4 events:       19 data:                4  pos:0 ino:20e61b sdev:f\n"
      "tfd:        5 events: 2000001d data: ffffffffffffffff  pos:0 ino:61af sdev:7\n"
      "tfd: x events: 1\ntfd:\n",
      file);
  CHECK(file.flags == static_cast<std::uint32_t>(O_RDWR | O_CLOEXEC));
  CHECK(file.inode == 1038);
  REQUIRE(file.members.size() == 2);
  CHECK(file.members[0].fd == 4);
  CHECK(file.members[0].events == 0x19);
  CHECK(file.members[1].events == 0x2000001d);
}

TEST_CASE("counters, timers and signals are put into words") {
  OpenFile counter, timer, idle, signals;
  parse_fdinfo("flags:\t02\neventfd-count:                1f\neventfd-id: 1\n", counter);
  CHECK(counter.detail == "count 31");
  parse_fdinfo("clockid: 1\nticks: 3\nsettime flags: 00\nit_value: (2, 900000000)\nit_interval: (1, 0)\n",
               timer);
  CHECK(timer.detail == "3 expirations not yet read; fires in 2.9 s");
  parse_fdinfo("ticks: 0\nit_value: (0, 0)\n", idle);
  CHECK(idle.detail == "not armed");
  parse_fdinfo("sigmask:\t0000000000004002\n", signals);
  CHECK(signals.detail == "signals 2, 15");
}

TEST_CASE("fdinfo shows a lock that hangs on this descriptor") {
  constexpr std::string_view TEXT =
      "flags:\t02100001\nlock:\t1: FLOCK  ADVISORY  WRITE 12071 fe:00:11150599 0 EOF\n";
  CHECK(fdinfo_shows_lock(TEXT, 11150599));
  CHECK_FALSE(fdinfo_shows_lock(TEXT, 7));
  CHECK_FALSE(fdinfo_shows_lock("flags:\t0\n", 7));
}

TEST_CASE("the table of TCP gives both addresses and the state") {
  std::map<std::uint64_t, SocketFacts> sockets;
  parse_sockets(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 108 1 0 "
      "100 0 0 10 0\n"
      "   1: 0500000A:A390 0900000A:1538 01 0000001A:00000000 01:00000014 00000000  1000        0 99731 2 0 "
      "20 4 30 10 -1\n"
      "   2: 0500000A:A391 0900000A:1538 06 00000000:00000000 03:00000014 00000000     0        0 0 2 0\n"
      "   3: 0500000A:A3\n\n",
      SocketTable::INTERNET, "tcp", sockets);
  REQUIRE(sockets.size() == 2);
  CHECK(sockets[108].local == "127.0.0.1:8080");
  CHECK(sockets[108].remote.empty());
  CHECK(sockets[108].state == "LISTEN");
  CHECK(sockets[108].receive_queue == 2u);
  CHECK(sockets[99731].local == "10.0.0.5:41872");
  CHECK(sockets[99731].remote == "10.0.0.9:5432");
  CHECK(sockets[99731].state == "ESTABLISHED");
  CHECK(sockets[99731].send_queue == 26u);
}

TEST_CASE("IPv6 addresses are written as people write them") {
  std::map<std::uint64_t, SocketFacts> sockets;
  const std::string head = "  sl  local_address remote_address st\n";
  const auto local_of = [&](const std::string& address) {
    sockets.clear();
    parse_sockets(
        head + "0: " + address +
            " 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 5\n",
        SocketTable::INTERNET6, "tcp6", sockets);
    return sockets.empty() ? "none" : sockets[5].local;
  };
  CHECK(local_of("00000000000000000000000001000000:0050") == "[::1]:80");
  CHECK(local_of("00000000000000000000000000000000:0050") == "[::]:80");
  CHECK(local_of("0000000000000000FFFF00000100007F:0050") == "[::ffff:127.0.0.1]:80");
  CHECK(local_of("B80D0120000000000000000001000000:01BB") == "[2001:db8::1]:443");
  CHECK(local_of("B80D01200100000001000000FF000000:01BB") == "[2001:db8:0:1:0:1:0:ff]:443");
  CHECK(local_of("000080FE00000000FF005450B6AD1DFE:0001") == "[fe80::5054:ff:fe1d:adb6]:1");
  CHECK(local_of("0000000000000000:0050") == "none");
}

TEST_CASE("two ends of one connection on this machine learn of each other") {
  std::map<std::uint64_t, SocketFacts> sockets;
  sockets[1] = {.protocol = "tcp",
                .local = "127.0.0.1:80",
                .remote = "127.0.0.1:5000",
                .state = "",
                .receive_queue = {},
                .send_queue = {}};
  sockets[2] = {.protocol = "tcp6",
                .local = "[::ffff:127.0.0.1]:5000",
                .remote = "[::ffff:127.0.0.1]:80",
                .state = "",
                .receive_queue = {},
                .send_queue = {}};
  sockets[3] = {.protocol = "tcp",
                .local = "127.0.0.1:80",
                .remote = "",
                .state = "LISTEN",
                .receive_queue = {},
                .send_queue = {}};
  connect_local_ends(sockets);
  CHECK(sockets[1].peer_inode == 2);
  CHECK(sockets[2].peer_inode == 1);
  CHECK(sockets[3].peer_inode == 0);
}

TEST_CASE("unix sockets have a type, a path that may hold blanks, or an abstract name") {
  std::map<std::uint64_t, SocketFacts> sockets;
  parse_sockets(
      "Num       RefCount Protocol Flags    Type St Inode Path\n"
      "000000000a1d0b01: 00000003 00000000 00000000 0001 03  1585\n"
      "000000004c5cc9e3: 00000002 00000000 00010000 0001 01  1586 /run/my server.sock\n"
      "000000004c5cc9e4: 00000002 00000000 00000000 0002 01  1587 @abstract\n"
      "000000004c5cc9e5: 00000002 00000000 00000000 0005 03  1588\n",
      SocketTable::UNIX, "unix", sockets);
  REQUIRE(sockets.size() == 4);
  CHECK(sockets[1585].protocol == "unix stream");
  CHECK(sockets[1585].state == "CONNECTED");
  CHECK(sockets[1586].state == "LISTEN");
  CHECK(sockets[1586].local == "/run/my server.sock");
  CHECK(sockets[1587].protocol == "unix datagram");
  CHECK(sockets[1587].local == "@abstract");
  CHECK(sockets[1588].protocol == "unix seqpacket");
}

TEST_CASE("netlink and packet sockets are named") {
  std::map<std::uint64_t, SocketFacts> sockets;
  parse_sockets("sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode\n1 15 0 00000001 0 0 0 2 0 1499\n",
                SocketTable::NETLINK, "netlink", sockets);
  parse_sockets("sk RefCnt Type Proto Iface R Rmem User Inode\n1 3 3 0003 2 1 0 0 1500\n",
                SocketTable::PACKET, "packet", sockets);
  CHECK(sockets[1499].protocol == "netlink family 15");
  CHECK(sockets[1500].protocol == "packet");
}

TEST_CASE("file locks tell who holds and who waits") {
  const auto locks = parse_locks(
      "1: POSIX  ADVISORY  WRITE 12071 fe:00:11150955 5 14\n"
      "1: -> POSIX  ADVISORY  WRITE 12128 fe:00:11150955 0 EOF\n"
      "2: FLOCK  ADVISORY  READ  12071 fe:01:11150599 0 EOF\n"
      "3: OFDLCK ADVISORY  WRITE -1 00:13:11691 0 EOF\n"
      "4: LEASE  ACTIVE    READ  88 00:13:11692 0 EOF\n"
      "5: POSIX  *NOINODE*\n6:\n");
  REQUIRE(locks.size() == 5);
  CHECK(locks[0].kind == FileLock::Kind::POSIX);
  CHECK(locks[0].pid == 12071);
  CHECK(locks[0].device == makedev(0xfe, 0));
  CHECK(locks[0].inode == 11150955);
  CHECK(locks[0].start == 5);
  CHECK(locks[0].end == 14);
  CHECK_FALSE(locks[0].is_waiting);
  CHECK(locks[1].is_waiting);
  CHECK(locks[1].number == 1);
  CHECK(locks[1].end == UINT64_MAX);
  CHECK(locks[2].kind == FileLock::Kind::FLOCK);
  CHECK_FALSE(locks[2].is_write);
  CHECK(locks[3].kind == FileLock::Kind::OFD);
  CHECK(locks[3].pid == -1);
  CHECK(locks[4].kind == FileLock::Kind::OTHER);
}

TEST_CASE("only shared mappings are taken from the map") {
  const auto mappings = parse_shared_mappings(
      "559e6ad0a000-559e6ad0c000 r--p 00000000 fe:00 3146                       /usr/bin/cat\n"
      "7f3a10000000-7f3a10001000 rw-s 00002000 00:1b 2053                       /dev/shm/a b (deleted)\n"
      "7f3a10002000-7f3a10001000 rw-s 00002000 00:1b 2053\n7f3a1-\n");
  REQUIRE(mappings.size() == 1);
  CHECK(mappings[0].start == Address(0x7f3a10000000));
  CHECK(mappings[0].file_offset == 0x2000);
  CHECK(mappings[0].device == makedev(0, 0x1b));
  CHECK(mappings[0].inode == 2053);
}

// What only the kernel of a living process knows, or the note that a capture took along: how long a thread
// has waited, what is behind a file descriptor, who holds a file lock. Plain values, so that they can be
// written to a file as they are; a core has none of them. They are read from /proc without stopping anything
// (docs/formats/proc.md).
#pragma once

#include "base/address.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace standstill {

// What a duration is. It is never invented.
enum class Bound : std::uint8_t {
  UNKNOWN,
  EXACT,     // to a few milliseconds
  AT_LEAST,  // at least so long; the beginning was not seen
};

// The line of /proc/PID/task/TID/syscall.
struct SystemCallFacts {
  bool is_running = false;   // "running": all else is unknown
  std::int64_t number = -1;  // -1: blocked, but in no system call (a page fault, say)
  std::array<std::uint64_t, 6> arguments{};
  Address stack_pointer;  // as user space left them
  Address pc;
};

struct ThreadFacts {
  // proc(5), stat field 3: R running or runnable, S sleeping, D uninterruptible, T stopped, t stopped by a
  // tracer, Z zombie, X dead, I idle, P parked. '?': not known.
  char state = '?';
  std::string wait_channel;  // the kernel function it sleeps in: "futex_wait_queue"; "" where not told
  std::optional<SystemCallFacts> system_call;  // needs the right to trace
  // Since when it has not run, nanoseconds of CLOCK_MONOTONIC. Only of threads that sleep (S, D).
  std::optional<std::int64_t> blocked_since_ns;
  Bound blocked_bound = Bound::UNKNOWN;
  std::optional<std::uint64_t> run_time_ns;  // on a processor, since the thread began
  std::optional<std::uint64_t> voluntary_switches;
  std::optional<std::uint64_t> involuntary_switches;
  int last_cpu = -1;  // -1: not known
};

// The clocks at one moment, nanoseconds.
struct ClockFacts {
  std::int64_t monotonic_ns = 0;  // CLOCK_MONOTONIC: stands still while the machine sleeps
  std::int64_t realtime_ns = 0;   // since 1970
  std::int64_t boottime_ns = 0;   // CLOCK_BOOTTIME: since the machine was started
};

enum class OpenFileKind : std::uint8_t {
  OTHER,
  FILE,
  DIRECTORY,
  CHARACTER_DEVICE,
  BLOCK_DEVICE,
  PIPE,  // a FIFO with a name, too
  SOCKET,
  EVENTFD,
  TIMERFD,
  SIGNALFD,
  INOTIFY,
  EPOLL,
};

// A descriptor of some process: the other end of a pipe or a socket, or one by which a file is locked.
struct DescriptorHolder {
  int pid = 0;
  int fd = -1;
  std::string process;  // its name (comm)
};

struct SocketFacts {
  std::string protocol;  // "tcp", "udp6", "unix stream", "netlink", ...
  // "10.0.0.5:41872", "[::1]:80"; of unix sockets the path, "@name" for an abstract one; "" for none
  std::string local;
  std::string remote;
  std::string state;  // "ESTABLISHED", "LISTEN"; "" where the protocol has none
  // Bytes not yet read; of a listener: connections not yet accepted.
  std::optional<std::uint64_t> receive_queue;
  std::optional<std::uint64_t> send_queue;  // bytes not yet acknowledged
  // The socket at the other end, where it is one of this machine: its inode; 0 where not known.
  std::uint64_t peer_inode = 0;
};

struct EpollMember {
  int fd = -1;
  std::uint32_t events = 0;  // EPOLL* bits that are waited for
};

struct OpenFile {
  int fd = -1;
  OpenFileKind kind = OpenFileKind::OTHER;
  std::string path;  // as the link in /proc says: "/var/log/x", "pipe:[815]", "anon_inode:[eventpoll]"
  std::uint64_t device = 0;  // st_dev and st_ino: what makes two descriptors the same file; 0 where not asked
  std::uint64_t inode = 0;
  std::optional<std::uint32_t> flags;  // O_*, as open(2) has them
  std::optional<SocketFacts> socket;
  std::vector<EpollMember> members;  // of an epoll
  // Who has the other end of this pipe or socket; of a file, who holds a lock on it by a descriptor. By pid
  // and fd.
  std::vector<DescriptorHolder> peers;
  bool peers_known =
      false;           // false: not looked for, or some process could not be looked at: there may be more
  std::string detail;  // in words what else is known: "count 0", "fires in 3.2 s"
};

// A line of /proc/locks.
struct FileLock {
  enum class Kind : std::uint8_t { OTHER, POSIX, FLOCK, OFD };
  Kind kind = Kind::OTHER;
  bool is_waiting = false;   // it has been asked for, and is not held
  bool is_write = false;     // exclusive
  int pid = 0;               // -1 where the lock belongs to an open file, not to a process
  std::uint64_t device = 0;  // as in OpenFile
  std::uint64_t inode = 0;
  std::uint64_t start = 0;         // bytes; the first and the last that are locked
  std::uint64_t end = UINT64_MAX;  // UINT64_MAX: to the end of the file, however it grows
  std::string process;             // the name of `pid`
  // The line's first number: those who wait have that of the lock that is in their way.
  std::uint32_t number = 0;
};

// Memory that other processes may have mapped too (MAP_SHARED): where the same lock lies in two processes.
struct SharedMapping {
  Address start;
  Address end;
  std::uint64_t file_offset = 0;  // bytes
  std::uint64_t device = 0;       // makedev() of the numbers in /proc/PID/maps
  std::uint64_t inode = 0;
};

// The inode numbers of /proc/PID/ns/*; 0 where not known.
struct NamespaceFacts {
  std::uint64_t pid = 0;
  std::uint64_t network = 0;
  std::uint64_t mount = 0;
  std::uint64_t ipc = 0;
  std::uint64_t user = 0;
};

struct ProcessFacts {
  ClockFacts clocks;               // when the threads' facts were read
  std::optional<double> pause_ms;  // how long the process was stopped; absent where it was not
  std::optional<std::uint32_t> uid;
  NamespaceFacts namespaces;
  std::vector<OpenFile> open_files;            // by fd
  std::vector<FileLock> locks;                 // on files that the process has open, its own and others'
  std::vector<SharedMapping> shared_mappings;  // by address
};

// How long a thread has been blocked when `process.clocks` were read, seconds; nothing where that is not
// known.
std::optional<double> blocked_seconds(const ThreadFacts& thread, const ProcessFacts& process);

// The open file of that number, or null.
const OpenFile* find_open_file(const ProcessFacts& process, int fd);

}  // namespace standstill

#include "coredump/live/process_facts.h"

#include "base/descriptor.h"
#include "coredump/live/proc_descriptors.h"
#include "coredump/live/proc_numbers.h"
#include "coredump/live/proc_text.h"
#include "coredump/live/proc_thread.h"
#include "coredump/live/unix_peers.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_DESCRIPTORS = 1 << 18;  // of one process
constexpr std::size_t LONGEST_TABLE = 64 << 20;    // bytes of one file of /proc

Descriptor open_folder(const std::string& path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// "/proc/77", or the folder of a living thread: a main thread that has ended shows neither files nor memory,
// while the others live on.
std::string living_folder(int pid) {
  const std::string number = std::to_string(pid), folder = "/proc/" + number;
  const auto state_in = [](const std::string& path) {
    const auto text = read_small_proc_file(AT_FDCWD, (path + "/stat").c_str());
    const auto line = text ? parse_stat(*text) : std::nullopt;
    return line ? line->state : 'X';
  };
  if (state_in(folder + "/task/" + number) != 'Z') return folder;
  const Descriptor tasks = open_folder(folder + "/task");
  if (!tasks) return folder;
  for (const int tid : numbers_in(tasks.get(), 1 << 16)) {
    const std::string thread = folder + "/task/" + std::to_string(tid);
    if (const char state = state_in(thread); state != 'Z' && state != 'X') return thread;
  }
  return folder;
}

// What a path leads to, asked without going to a file server: one that has died would hold us up, too.
void set_kind_of_path(int fd_folder, const char* name, OpenFile& file) {
  struct statx status{};
  if (::statx(fd_folder, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &status) != 0) return;
  switch (status.stx_mode & S_IFMT) {
    case S_IFREG:
      file.kind = OpenFileKind::FILE;
      break;
    case S_IFDIR:
      file.kind = OpenFileKind::DIRECTORY;
      break;
    case S_IFCHR:
      file.kind = OpenFileKind::CHARACTER_DEVICE;
      break;
    case S_IFBLK:
      file.kind = OpenFileKind::BLOCK_DEVICE;
      break;
    case S_IFIFO:
      file.kind = OpenFileKind::PIPE;
      break;
    default:
      return;
  }
  file.device = makedev(status.stx_dev_major, status.stx_dev_minor);
  file.inode = status.stx_ino;
}

std::vector<OpenFile> read_open_files(const std::string& folder) {
  std::vector<OpenFile> files;
  const Descriptor links = open_folder(folder + "/fd"), details = open_folder(folder + "/fdinfo");
  if (!links) return files;
  for (const int fd : numbers_in(links.get(), MOST_DESCRIPTORS)) {
    const std::string name = std::to_string(fd);
    auto link = read_link(links.get(), name.c_str());
    if (!link) continue;  // closed meanwhile
    OpenFile file;
    file.fd = fd;
    file.kind = kind_of_link(*link);
    file.path = std::move(*link);
    file.inode = inode_of_link(file.path).value_or(0);
    if (file.path.starts_with('/')) set_kind_of_path(links.get(), name.c_str(), file);
    if (file.kind != OpenFileKind::SOCKET)
      if (const auto text = read_proc_file(details.get(), name.c_str())) parse_fdinfo(*text, file);
    files.push_back(std::move(file));
  }
  return files;
}

std::map<std::uint64_t, SocketFacts> read_sockets(int pid, const std::string& folder) {
  struct Table {
    const char* file;
    SocketTable table;
  };
  constexpr std::array<Table, 11> TABLES = {{{"tcp", SocketTable::INTERNET},
                                             {"tcp6", SocketTable::INTERNET6},
                                             {"udp", SocketTable::INTERNET},
                                             {"udp6", SocketTable::INTERNET6},
                                             {"unix", SocketTable::UNIX},
                                             {"raw", SocketTable::INTERNET},
                                             {"raw6", SocketTable::INTERNET6},
                                             {"icmp", SocketTable::INTERNET},
                                             {"icmp6", SocketTable::INTERNET6},
                                             {"netlink", SocketTable::NETLINK},
                                             {"packet", SocketTable::PACKET}}};
  std::map<std::uint64_t, SocketFacts> sockets;
  for (const Table& table : TABLES) {
    const std::string path = folder + "/net/" + table.file;
    if (const auto text = read_proc_file(AT_FDCWD, path.c_str(), LONGEST_TABLE))
      parse_sockets(*text, table.table, table.file, sockets);
  }
  connect_local_ends(sockets);
  for (const auto& [inode, peer] : read_unix_peers(pid)) {
    const auto socket = sockets.find(inode), other = sockets.find(peer);
    if (socket == sockets.end()) continue;
    socket->second.peer_inode = peer;
    if (other != sockets.end()) socket->second.remote = other->second.local;
  }
  return sockets;
}

std::string name_of_process(int pid) {
  const auto text = read_small_proc_file(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/comm").c_str());
  return text ? std::string(trimmed(*text)) : "";
}

// Locks on files that the process has open, and those that it waits for or that keep it waiting.
std::vector<FileLock> read_locks(int pid, const std::vector<OpenFile>& files) {
  const auto text = read_proc_file(AT_FDCWD, "/proc/locks", LONGEST_TABLE);
  if (!text) return {};
  std::vector<FileLock> locks = parse_locks(*text);
  std::set<std::uint64_t> inodes;
  for (const OpenFile& file : files)
    if (file.kind == OpenFileKind::FILE || file.kind == OpenFileKind::DIRECTORY) inodes.insert(file.inode);
  std::set<std::uint32_t> numbers;
  for (const FileLock& lock : locks)
    if (lock.pid == pid || inodes.contains(lock.inode)) numbers.insert(lock.number);
  std::erase_if(locks, [&](const FileLock& lock) { return !numbers.contains(lock.number); });
  for (FileLock& lock : locks)
    if (lock.pid > 0) lock.process = name_of_process(lock.pid);
  return locks;
}

std::uint64_t namespace_of(const std::string& folder, const char* name) {
  const auto link = read_link(AT_FDCWD, (folder + "/ns/" + name).c_str());
  return link ? inode_of_link(*link).value_or(0) : 0;
}

// What the scan of all processes looks for: the text of a link, and who asked.
using Wanted = std::map<std::string, std::vector<OpenFile*>, std::less<>>;

Wanted wanted_of(ProcessFacts& facts, std::span<const int> fds) {
  std::set<int> all(fds.begin(), fds.end());
  for (const int fd : fds)
    if (const OpenFile* file = find_open_file(facts, fd))
      for (const EpollMember& member : file->members) all.insert(member.fd);
  std::set<std::uint64_t> locked;
  for (const FileLock& lock : facts.locks)
    if (lock.kind == FileLock::Kind::FLOCK || lock.kind == FileLock::Kind::OFD) locked.insert(lock.inode);
  Wanted wanted;
  for (OpenFile& file : facts.open_files) {
    if (!all.contains(file.fd)) continue;
    if (file.kind == OpenFileKind::PIPE) wanted[file.path].push_back(&file);
    if (file.kind == OpenFileKind::SOCKET && file.socket && file.socket->peer_inode != 0)
      wanted["socket:[" + std::to_string(file.socket->peer_inode) + "]"].push_back(&file);
    if (file.kind == OpenFileKind::FILE && locked.contains(file.inode)) wanted[file.path].push_back(&file);
  }
  return wanted;
}

// Whether the descriptor is the one that `asked` waits for: of a pipe the end for the other direction, of a
// file one that a lock hangs on. A socket was wanted by its own inode.
bool is_other_end(const OpenFile& asked, int links, int details, const char* name) {
  if (asked.kind == OpenFileKind::SOCKET) return true;
  if (asked.kind == OpenFileKind::FILE) {
    const auto text = read_proc_file(details, name);
    return text && fdinfo_shows_lock(*text, asked.inode);
  }
  // The link's own rights say how the pipe is open: lr-x------, l-wx------.
  struct stat status{};
  if (::fstatat(links, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (asked.path.starts_with('/')) {  // a FIFO of this name, here or in another mount namespace
    struct statx target{};
    if (::statx(links, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &target) != 0 ||
        target.stx_ino != asked.inode)
      return false;
  }
  const bool asked_reads = !asked.flags || (*asked.flags & O_ACCMODE) != O_WRONLY;
  const bool asked_writes = asked.flags && (*asked.flags & O_ACCMODE) != O_RDONLY;
  return (asked_reads && (status.st_mode & S_IWUSR) != 0) ||
         (asked_writes && (status.st_mode & S_IRUSR) != 0);
}

}  // namespace

ProcessFacts read_process_facts(int pid, const ClockFacts& clocks, FileLocks locks) {
  ProcessFacts facts;
  facts.clocks = clocks;
  const std::string folder = living_folder(pid);
  if (const auto text = read_small_proc_file(AT_FDCWD, (folder + "/status").c_str()))
    facts.uid = parse_status(*text).uid;
  facts.namespaces = {namespace_of(folder, "pid"), namespace_of(folder, "net"), namespace_of(folder, "mnt"),
                      namespace_of(folder, "ipc"), namespace_of(folder, "user")};
  facts.open_files = read_open_files(folder);
  const auto is_socket = [](const OpenFile& file) { return file.kind == OpenFileKind::SOCKET; };
  if (std::ranges::any_of(facts.open_files, is_socket)) {
    const auto sockets = read_sockets(pid, folder);
    for (OpenFile& file : facts.open_files) {
      const auto socket = is_socket(file) ? sockets.find(file.inode) : sockets.end();
      if (socket != sockets.end()) file.socket = socket->second;
    }
  }
  if (locks == FileLocks::READ) facts.locks = read_locks(pid, facts.open_files);
  if (const auto text = read_proc_file(AT_FDCWD, (folder + "/maps").c_str(), LONGEST_TABLE))
    facts.shared_mappings = parse_shared_mappings(*text);
  return facts;
}

void find_peers(ProcessFacts& facts, std::span<const int> fds) {
  const Wanted wanted = wanted_of(facts, fds);
  if (wanted.empty()) return;
  const Descriptor processes = open_folder("/proc");
  if (!processes) return;
  bool seen_all = true;
  constexpr std::size_t MOST_LOOKS = 1'000'000;
  std::size_t looks = 0;
  for (const int pid : numbers_in(processes.get(), 1 << 22)) {
    const std::string folder = "/proc/" + std::to_string(pid);
    const Descriptor links = open_folder(folder + "/fd"), details = open_folder(folder + "/fdinfo");
    if (!links) {
      seen_all = seen_all && ::faccessat(processes.get(), std::to_string(pid).c_str(), F_OK, 0) != 0;
      continue;
    }
    for (const int fd : numbers_in(links.get(), MOST_DESCRIPTORS)) {
      if (++looks > MOST_LOOKS) break;
      const std::string name = std::to_string(fd);
      const auto link = read_link(links.get(), name.c_str());
      const auto asking = link ? wanted.find(*link) : wanted.end();
      if (asking == wanted.end()) continue;
      for (OpenFile* file : asking->second)
        if (is_other_end(*file, links.get(), details.get(), name.c_str()))
          file->peers.push_back({pid, fd, name_of_process(pid)});
    }
  }
  for (const auto& [link, files] : wanted)
    for (OpenFile* file : files) file->peers_known = seen_all && looks <= MOST_LOOKS;
}

}  // namespace standstill

#include "waits/open_file_text.h"

#include <algorithm>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t SHOWN = 4;  // peers, members, descriptors; more are counted

std::string process_text(int pid, std::string_view name) {
  return name.empty() ? fmt::format("pid {}", pid) : fmt::format("pid {} ({})", pid, name);
}

std::string list(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t i = 0; i < std::min(parts.size(), SHOWN); ++i) text += (i == 0 ? "" : ", ") + parts[i];
  if (parts.size() > SHOWN) text += fmt::format(" and {} more", parts.size() - SHOWN);
  return text;
}

// "written by pid 77 (nginx)"; a process with many descriptors for one pipe is named once.
std::string peers_text(const OpenFile& file) {
  const bool is_pipe = file.kind == OpenFileKind::PIPE;
  const bool reads = !file.flags || (*file.flags & O_ACCMODE) != O_WRONLY;
  const std::string_view verb = !is_pipe ? "connected to" : reads ? "written by" : "read by";
  std::vector<std::string> processes;
  for (const DescriptorHolder& peer : file.peers) {
    std::string process = process_text(peer.pid, peer.process);
    if (std::ranges::find(processes, process) == processes.end()) processes.push_back(std::move(process));
  }
  if (!processes.empty()) return fmt::format("{} {}", verb, list(processes));
  if (is_pipe && file.peers_known) return reads ? "written by nobody any more" : "read by nobody any more";
  return {};
}

std::string socket_text(const SocketFacts& socket) {
  std::string text = socket.protocol;
  if (!socket.local.empty()) text += " " + socket.local;
  if (!socket.remote.empty()) text += " -> " + socket.remote;
  if (!socket.state.empty()) text += " " + socket.state;
  if (socket.state == "LISTEN" && socket.receive_queue && socket.protocol.starts_with("tcp"))
    text += fmt::format(", {} to be accepted", *socket.receive_queue);
  return text;
}

std::string_view name_of(OpenFileKind kind) {
  switch (kind) {
    case OpenFileKind::EVENTFD:
      return "eventfd";
    case OpenFileKind::TIMERFD:
      return "timerfd";
    case OpenFileKind::SIGNALFD:
      return "signalfd";
    case OpenFileKind::INOTIFY:
      return "inotify";
    case OpenFileKind::EPOLL:
      return "epoll";
    default:
      return "";
  }
}

std::string members_text(const OpenFile& epoll, const ProcessFacts& facts) {
  if (epoll.members.empty()) return "of no descriptor";
  std::vector<std::string> members;
  for (const EpollMember& member : epoll.members) {
    if (members.size() >= SHOWN) {
      members.emplace_back();  // counted, not shown
      continue;
    }
    const OpenFile* file = find_open_file(facts, member.fd);
    members.push_back(file == nullptr ? fmt::format("fd {}", member.fd)
                                      : fmt::format("fd {} {}", member.fd, describe_open_file(*file)));
  }
  return "of " + list(members);
}

// Who stands in the way of a lock on this file: holders of a lock of the number that this process waits
// behind.
std::string locks_text(const OpenFile& file, const ProcessFacts& facts) {
  std::vector<std::string> holders;
  for (const FileLock& lock : facts.locks) {
    if (lock.is_waiting || lock.inode != file.inode) continue;
    const std::string kind = lock.is_write ? "locked by " : "share-locked by ";
    if (lock.pid > 0) holders.push_back(kind + process_text(lock.pid, lock.process));
  }
  if (holders.empty())
    for (const DescriptorHolder& peer : file.peers)
      holders.push_back("locked by " + process_text(peer.pid, peer.process));
  return list(holders);
}

}  // namespace

std::string describe_open_file(const OpenFile& file) {
  std::string text = file.socket ? socket_text(*file.socket) : std::string(name_of(file.kind));
  if (text.empty()) text = file.path;
  if (!file.detail.empty()) text += ", " + file.detail;
  if (file.kind == OpenFileKind::PIPE || file.kind == OpenFileKind::SOCKET)
    if (const std::string peers = peers_text(file); !peers.empty()) text += ", " + peers;
  return text;
}

std::string describe_descriptors(const WaitState& state, const ProcessFacts& facts) {
  std::vector<std::string> parts;
  for (const std::int32_t fd : state.descriptors) {
    const OpenFile* file = find_open_file(facts, fd);
    if (file == nullptr) continue;
    std::string text = describe_open_file(*file);
    if (file->kind == OpenFileKind::EPOLL) text += " " + members_text(*file, facts);
    if (state.word == WaitWord::FILE_LOCK)
      if (const std::string locks = locks_text(*file, facts); !locks.empty()) text += ", " + locks;
    parts.push_back(fmt::format("fd {}: {}", fd, text));
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(parts.size(), SHOWN); ++i) text += (i == 0 ? "" : "; ") + parts[i];
  if (parts.size() > SHOWN) text += fmt::format("; and {} more", parts.size() - SHOWN);
  return text;
}

}  // namespace standstill

#include "coredump/live/proc_descriptors.h"

#include "coredump/live/proc_text.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>
#include <sys/sysmacros.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_MEMBERS = 1 << 16;

std::string_view after_colon(std::string_view line) {
  const std::size_t colon = line.find(':');
  return colon == std::string_view::npos ? std::string_view() : trimmed(line.substr(colon + 1));
}

// "tfd:        5 events:       1d data: ffffffffffffffff  pos:0 ino:61af sdev:7" (fs/eventpoll.c)
std::optional<EpollMember> parse_member(std::string_view line) {
  take_word(line);
  const auto fd = to_number<int>(take_word(line));
  if (!fd || take_word(line) != "events:") return std::nullopt;
  const auto events = to_number<std::uint32_t>(take_word(line), 16);
  if (!events) return std::nullopt;
  return EpollMember{*fd, *events};
}

// "(2, 999915373)": seconds and nanoseconds.
std::optional<double> parse_timer_value(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (!text.starts_with('(') || !text.ends_with(')') || comma == std::string_view::npos) return std::nullopt;
  const auto seconds = to_number<std::int64_t>(trimmed(text.substr(1, comma - 1)));
  const auto rest = to_number<std::int64_t>(trimmed(text.substr(comma + 1, text.size() - comma - 2)));
  if (!seconds || !rest) return std::nullopt;
  return static_cast<double>(*seconds) + static_cast<double>(*rest) / 1e9;
}

// Signals as their numbers: "2, 15".
std::string list_signals(std::uint64_t mask) {
  std::string text;
  for (int signal = 1; signal <= 64; ++signal)
    if ((mask >> (signal - 1) & 1) != 0) text += (text.empty() ? "" : ", ") + std::to_string(signal);
  return text;
}

void set_word(OpenFile& file, std::string text) {
  file.detail = file.detail.empty() ? std::move(text) : file.detail + "; " + text;
}

// The kernel prints an address as words in its own byte order of what is in network order.
//     0100007F:1F90 -> 127.0.0.1:8080
std::optional<std::string> internet_address(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != 8) return std::nullopt;
  const auto address = to_number<std::uint32_t>(text.substr(0, 8), 16);
  const auto port = to_number<std::uint16_t>(text.substr(9), 16);
  if (!address || !port) return std::nullopt;
  if (*address == 0 && *port == 0) return "";
  return fmt::format("{}.{}.{}.{}:{}", *address & 0xff, *address >> 8 & 0xff, *address >> 16 & 0xff,
                     *address >> 24, *port);
}

// RFC 5952: the longest run of zero groups is left out, an IPv4 address in IPv6 is written as such.
std::string internet6_text(const std::array<std::uint16_t, 8>& groups) {
  const bool is_mapped =
      std::all_of(groups.begin(), groups.begin() + 5, [](auto group) { return group == 0; }) &&
      groups[5] == 0xffff;
  if (is_mapped)
    return fmt::format("::ffff:{}.{}.{}.{}", groups[6] >> 8, groups[6] & 0xff, groups[7] >> 8,
                       groups[7] & 0xff);
  std::size_t run_start = 8, run_length = 1;  // a single zero group stays
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > run_length) run_start = i, run_length = end - i;
    if (end > i) i = end - 1;
  }
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run_start) {
      text += "::";
      i += run_length - 1;
      continue;
    }
    if (!text.empty() && !text.ends_with(':')) text += ':';
    text += fmt::format("{:x}", groups[i]);
  }
  return text;
}

std::optional<std::string> internet6_address(std::string_view text) {
  if (text.find(':') != 32) return std::nullopt;
  const auto port = to_number<std::uint16_t>(text.substr(33), 16);
  std::array<std::uint16_t, 8> groups{};
  bool is_zero = true;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto word = to_number<std::uint32_t>(text.substr(8 * i, 8), 16);
    if (!word) return std::nullopt;
    const std::uint32_t in_network_order = __builtin_bswap32(*word);
    groups[2 * i] = static_cast<std::uint16_t>(in_network_order >> 16);
    groups[2 * i + 1] = static_cast<std::uint16_t>(in_network_order);
    is_zero = is_zero && *word == 0;
  }
  if (!port) return std::nullopt;
  if (is_zero && *port == 0) return "";
  return fmt::format("[{}]:{}", internet6_text(groups), *port);
}

// include/net/tcp_states.h
std::string_view tcp_state(std::string_view code) {
  constexpr std::array<std::string_view, 13> STATES = {
      "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",   "TIME_WAIT",
      "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV"};
  const auto number = to_number<std::uint32_t>(code, 16);
  return number && *number < STATES.size() ? STATES[*number] : std::string_view();
}

//   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//    0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 108 ...
std::optional<std::pair<std::uint64_t, SocketFacts>> parse_internet(std::string_view line, bool is_six,
                                                                    std::string_view protocol) {
  SocketFacts socket;
  take_word(line);
  const std::string_view local = take_word(line), remote = take_word(line), state = take_word(line);
  const std::string_view queues = take_word(line);
  const auto local_text = is_six ? internet6_address(local) : internet_address(local);
  const auto remote_text = is_six ? internet6_address(remote) : internet_address(remote);
  const std::size_t colon = queues.find(':');
  if (!local_text || !remote_text || colon == std::string_view::npos) return std::nullopt;
  for (int skipped = 0; skipped < 4; ++skipped) take_word(line);  // timer, retransmissions, uid, timeout
  const auto inode = to_number<std::uint64_t>(take_word(line));
  if (!inode) return std::nullopt;
  socket.protocol = protocol;
  socket.local = *local_text;
  socket.remote = *remote_text;
  // Only TCP has states; the others use its numbers for "connected" and "not".
  if (protocol.starts_with("tcp")) socket.state = tcp_state(state);
  socket.send_queue = to_number<std::uint64_t>(queues.substr(0, colon), 16);
  socket.receive_queue = to_number<std::uint64_t>(queues.substr(colon + 1), 16);
  return std::pair(*inode, std::move(socket));
}

// Num RefCount Protocol Flags Type St Inode Path    (net/unix/af_unix.c; the path is the rest of the line)
std::optional<std::pair<std::uint64_t, SocketFacts>> parse_unix(std::string_view line) {
  for (int skipped = 0; skipped < 3; ++skipped) take_word(line);
  const auto flags = to_number<std::uint64_t>(take_word(line), 16);
  const auto type = to_number<std::uint32_t>(take_word(line), 16);
  const auto state = to_number<std::uint32_t>(take_word(line), 16);
  const auto inode = to_number<std::uint64_t>(take_word(line));
  if (!flags || !type || !state || !inode) return std::nullopt;
  SocketFacts socket;
  socket.protocol = *type == 1   ? "unix stream"
                    : *type == 2 ? "unix datagram"
                    : *type == 5 ? "unix seqpacket"
                                 : "unix";
  constexpr std::uint64_t ACCEPTS = 1 << 16;  // __SO_ACCEPTCON
  constexpr std::uint32_t CONNECTED = 3;      // SS_CONNECTED
  socket.state = (*flags & ACCEPTS) != 0 ? "LISTEN" : *state == CONNECTED ? "CONNECTED" : "";
  socket.local = trimmed(line);
  return std::pair(*inode, std::move(socket));
}

// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode; Eth is the family: which part of the kernel.
std::optional<std::pair<std::uint64_t, SocketFacts>> parse_netlink(std::string_view line) {
  take_word(line);
  const auto family = to_number<std::uint32_t>(take_word(line));
  for (int skipped = 0; skipped < 7; ++skipped) take_word(line);
  const auto inode = to_number<std::uint64_t>(take_word(line));
  if (!family || !inode) return std::nullopt;
  SocketFacts socket;
  socket.protocol = fmt::format("netlink family {}", *family);
  return std::pair(*inode, std::move(socket));
}

// sk RefCnt Type Proto Iface R Rmem User Inode
std::optional<std::pair<std::uint64_t, SocketFacts>> parse_packet(std::string_view line) {
  for (int skipped = 0; skipped < 8; ++skipped) take_word(line);
  const auto inode = to_number<std::uint64_t>(take_word(line));
  if (!inode) return std::nullopt;
  SocketFacts socket;
  socket.protocol = "packet";
  return std::pair(*inode, std::move(socket));
}

// 1: -> POSIX  ADVISORY  WRITE 1235 fe:00:11691 0 EOF      the arrow: it waits for the lock of that number
std::optional<FileLock> parse_lock(std::string_view line) {
  FileLock lock;
  const std::string_view number = take_word(line);
  if (!number.ends_with(':')) return std::nullopt;
  lock.number = to_number<std::uint32_t>(number.substr(0, number.size() - 1)).value_or(0);
  std::string_view kind = take_word(line);
  lock.is_waiting = kind == "->";
  if (lock.is_waiting) kind = take_word(line);
  lock.kind = kind == "POSIX"    ? FileLock::Kind::POSIX
              : kind == "FLOCK"  ? FileLock::Kind::FLOCK
              : kind == "OFDLCK" ? FileLock::Kind::OFD
                                 : FileLock::Kind::OTHER;
  take_word(line);  // ADVISORY, or what became of a lease
  lock.is_write = take_word(line) == "WRITE";
  const auto pid = to_number<int>(take_word(line));
  std::string_view file = take_word(line);
  const std::size_t first = file.find(':'), second = file.rfind(':');
  if (!pid || first == second || first == std::string_view::npos) return std::nullopt;
  const auto major_number = to_number<unsigned>(file.substr(0, first), 16);
  const auto minor_number = to_number<unsigned>(file.substr(first + 1, second - first - 1), 16);
  const auto inode = to_number<std::uint64_t>(file.substr(second + 1));
  const auto start = to_number<std::uint64_t>(take_word(line));
  const std::string_view end = take_word(line);
  const auto end_number = end == "EOF" ? std::optional(UINT64_MAX) : to_number<std::uint64_t>(end);
  if (!major_number || !minor_number || !inode || !start || !end_number) return std::nullopt;
  lock.pid = *pid;
  lock.device = makedev(*major_number, *minor_number);
  lock.inode = *inode;
  lock.start = *start;
  lock.end = *end_number;
  return lock;
}

}  // namespace

OpenFileKind kind_of_link(std::string_view link) {
  if (link.starts_with("pipe:[")) return OpenFileKind::PIPE;
  if (link.starts_with("socket:[")) return OpenFileKind::SOCKET;
  if (!link.starts_with("anon_inode:")) return OpenFileKind::OTHER;
  link.remove_prefix(link.find(':') + 1);
  if (link == "[eventfd]") return OpenFileKind::EVENTFD;
  if (link == "[timerfd]") return OpenFileKind::TIMERFD;
  if (link == "[signalfd]") return OpenFileKind::SIGNALFD;
  if (link == "[eventpoll]") return OpenFileKind::EPOLL;
  if (link == "inotify") return OpenFileKind::INOTIFY;
  return OpenFileKind::OTHER;
}

std::optional<std::uint64_t> inode_of_link(std::string_view link) {
  const std::size_t open = link.find(":[");
  if (open == std::string_view::npos || link.starts_with('/') || !link.ends_with(']')) return std::nullopt;
  return to_number<std::uint64_t>(link.substr(open + 2, link.size() - open - 3));
}

void parse_fdinfo(std::string_view text, OpenFile& file) {
  std::string_view line;
  while (take_line(text, line)) {
    const std::string_view value = after_colon(line);
    if (line.starts_with("flags:")) {
      file.flags = to_number<std::uint32_t>(value, 8);
    } else if (line.starts_with("ino:")) {
      if (const auto inode = to_number<std::uint64_t>(value); inode && file.inode == 0) file.inode = *inode;
    } else if (line.starts_with("tfd:")) {
      const auto member = parse_member(line);
      if (member && file.members.size() < MOST_MEMBERS) file.members.push_back(*member);
    } else if (line.starts_with("eventfd-count:")) {
      if (const auto count = to_number<std::uint64_t>(value, 16))
        set_word(file, fmt::format("count {}", *count));
    } else if (line.starts_with("sigmask:")) {
      if (const auto mask = to_number<std::uint64_t>(value, 16))
        set_word(file, fmt::format("signals {}", list_signals(*mask)));
    } else if (line.starts_with("ticks:")) {
      if (const auto ticks = to_number<std::uint64_t>(value); ticks && *ticks != 0)
        set_word(file, fmt::format("{} expirations not yet read", *ticks));
    } else if (line.starts_with("it_value:")) {
      if (const auto seconds = parse_timer_value(value))
        set_word(file, *seconds == 0 ? "not armed" : fmt::format("fires in {:.1f} s", *seconds));
    } else if (line.starts_with("Pid:")) {
      set_word(file, fmt::format("of process {}", value));
    }
  }
}

bool fdinfo_shows_lock(std::string_view text, std::uint64_t inode) {
  std::string_view line;
  while (take_line(text, line)) {
    if (!line.starts_with("lock:")) continue;
    const auto lock = parse_lock(after_colon(line));
    if (lock && !lock->is_waiting && lock->inode == inode) return true;
  }
  return false;
}

void parse_sockets(std::string_view text, SocketTable table, std::string_view protocol,
                   std::map<std::uint64_t, SocketFacts>& sockets, std::size_t limit) {
  std::string_view line;
  take_line(text, line);  // the head
  while (sockets.size() < limit && take_line(text, line)) {
    auto socket = table == SocketTable::INTERNET    ? parse_internet(line, false, protocol)
                  : table == SocketTable::INTERNET6 ? parse_internet(line, true, protocol)
                  : table == SocketTable::UNIX      ? parse_unix(line)
                  : table == SocketTable::NETLINK   ? parse_netlink(line)
                                                    : parse_packet(line);
    // Connections that no process has any more (TIME_WAIT) have inode 0.
    if (socket && socket->first != 0) sockets.insert(std::move(*socket));
  }
}

void connect_local_ends(std::map<std::uint64_t, SocketFacts>& sockets) {
  // An end may be an IPv6 socket whose address is an IPv4 one.
  const auto plain = [](std::string_view address) {
    constexpr std::string_view MAPPED = "[::ffff:";
    if (!address.starts_with(MAPPED)) return std::string(address);
    std::string text(address.substr(MAPPED.size()));
    std::erase(text, ']');
    return text;
  };
  const auto key = [&](const SocketFacts& socket, const std::string& from, const std::string& to) {
    return socket.protocol.substr(0, 3) + " " + plain(from) + " " + plain(to);
  };
  const auto has_ends = [](const SocketFacts& socket) {
    return !socket.local.empty() && !socket.remote.empty() && !socket.protocol.starts_with("unix");
  };
  std::unordered_map<std::string, std::uint64_t> by_ends;
  for (const auto& [inode, socket] : sockets)
    if (has_ends(socket)) by_ends.emplace(key(socket, socket.local, socket.remote), inode);
  for (auto& [inode, socket] : sockets) {
    if (!has_ends(socket)) continue;
    const auto other = by_ends.find(key(socket, socket.remote, socket.local));
    if (other != by_ends.end() && other->second != inode) socket.peer_inode = other->second;
  }
}

std::vector<FileLock> parse_locks(std::string_view text) {
  std::vector<FileLock> locks;
  std::string_view line;
  while (take_line(text, line))
    if (const auto lock = parse_lock(line)) locks.push_back(*lock);
  return locks;
}

std::vector<SharedMapping> parse_shared_mappings(std::string_view text, std::size_t limit) {
  std::vector<SharedMapping> mappings;
  std::string_view line;
  while (mappings.size() < limit && take_line(text, line)) {
    const std::string_view range = take_word(line), rights = take_word(line), offset = take_word(line);
    const std::string_view device = take_word(line);
    if (rights.size() != 4 || rights[3] != 's') continue;
    const std::size_t dash = range.find('-'), colon = device.find(':');
    if (dash == std::string_view::npos || colon == std::string_view::npos) continue;
    const auto start = to_hex_number(range.substr(0, dash)), end = to_hex_number(range.substr(dash + 1));
    const auto file_offset = to_hex_number(offset);
    const auto major_number = to_number<unsigned>(device.substr(0, colon), 16);
    const auto minor_number = to_number<unsigned>(device.substr(colon + 1), 16);
    const auto inode = to_number<std::uint64_t>(take_word(line));
    if (!start || !end || *end <= *start || !file_offset || !major_number || !minor_number || !inode)
      continue;
    mappings.push_back(
        {Address(*start), Address(*end), *file_offset, makedev(*major_number, *minor_number), *inode});
  }
  return mappings;
}

}  // namespace standstill

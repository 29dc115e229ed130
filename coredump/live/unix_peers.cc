#include "coredump/live/unix_peers.h"

#include "base/bytes.h"
#include "base/descriptor.h"
#include "coredump/live/proc_text.h"

#include <array>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_SOCKETS = 1 << 20;

bool ask_for_all(int socket) {
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } message{};
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = AF_UNIX;
  message.request.udiag_states = ~0u;
  message.request.udiag_show = UDIAG_SHOW_PEER;
  return ::send(socket, &message, sizeof(message), 0) == static_cast<ssize_t>(sizeof(message));
}

// One answer: unix_diag_msg, then attributes (length, type, value; each padded to 4 bytes).
void take_socket(Bytes answer, std::map<std::uint64_t, std::uint64_t>& peers) {
  Cursor cursor(answer);
  const auto socket = cursor.read<unix_diag_msg>();
  while (cursor.ok() && cursor.remaining() >= sizeof(nlattr)) {
    const auto attribute = cursor.read<nlattr>();
    if (attribute.nla_len < sizeof(nlattr)) return;
    const Bytes value = cursor.read_bytes(attribute.nla_len - sizeof(nlattr));
    if (attribute.nla_type == UNIX_DIAG_PEER && value.size() >= 4) {
      std::uint32_t inode = 0;
      std::memcpy(&inode, value.data(), sizeof(inode));
      if (inode != 0 && socket.udiag_ino != 0 && peers.size() < MOST_SOCKETS)
        peers.emplace(socket.udiag_ino, inode);
    }
    cursor.align(4);
  }
}

// False when there is nothing more to read.
bool take_answers(Bytes answers, std::map<std::uint64_t, std::uint64_t>& peers) {
  Cursor cursor(answers);
  while (cursor.remaining() >= sizeof(nlmsghdr)) {
    const auto header = cursor.read<nlmsghdr>();
    if (header.nlmsg_len < sizeof(nlmsghdr)) return false;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return false;
    const Bytes payload = cursor.read_bytes(header.nlmsg_len - sizeof(nlmsghdr));
    if (!cursor.ok()) return false;
    take_socket(payload, peers);
    cursor.align(4);
  }
  return true;
}

std::map<std::uint64_t, std::uint64_t> ask_here() {
  std::map<std::uint64_t, std::uint64_t> peers;
  const Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket) return peers;
  const timeval patience{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (!ask_for_all(socket.get())) return peers;
  std::array<std::uint8_t, 65536> buffer;
  for (;;) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0 || !take_answers({buffer.data(), static_cast<std::size_t>(got)}, peers)) return peers;
  }
}

}  // namespace

std::map<std::uint64_t, std::uint64_t> read_unix_peers(int pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  const auto own = read_link(AT_FDCWD, "/proc/self/ns/net"), theirs = read_link(AT_FDCWD, path.c_str());
  if (own && own == theirs) return ask_here();
  std::map<std::uint64_t, std::uint64_t> peers;
  try {
    // A namespace is entered by one thread, which never comes back.
    std::jthread([&] {
      const Descriptor there(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (there && ::setns(there.get(), CLONE_NEWNET) == 0) peers = ask_here();
    }).join();
  } catch (const std::system_error&) {
    // We may start no thread: nothing is known then.
  }
  return peers;
}

}  // namespace standstill

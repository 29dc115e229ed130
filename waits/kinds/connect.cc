// Waiting for a connection to be established; the address is in memory (sockaddr: family, then port and
// address, or a path).
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

namespace standstill {
namespace {

constexpr std::array<int, 1> CALLS = {SYS_connect};

std::string peer_at(const MemoryView& memory, Address address, std::uint64_t length) {
  std::array<std::uint8_t, sizeof(sockaddr_un)> bytes{};
  if (length < 3 || length > bytes.size() || !memory.copy(address, std::span(bytes).first(length))) return {};
  std::uint16_t family = 0, port = 0;
  std::memcpy(&family, bytes.data(), 2);
  std::memcpy(&port, bytes.data() + 2, 2);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family == AF_INET && length >= 8 && inet_ntop(AF_INET, bytes.data() + 4, text.data(), text.size()))
    return fmt::format("{}:{}", text.data(), ntohs(port));
  if (family == AF_INET6 && length >= 24 && inet_ntop(AF_INET6, bytes.data() + 8, text.data(), text.size()))
    return fmt::format("[{}]:{}", text.data(), ntohs(port));
  if (family == AF_UNIX) {
    const std::string_view path(reinterpret_cast<const char*>(bytes.data()) + 2, length - 2);
    return path.front() == 0 ? fmt::format("@{}", path.substr(1))
                             : std::string(path.substr(0, path.find('\0')));
  }
  return {};
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  Recognition found = wait_on_descriptor(blocked, WaitWord::CONNECT, "connect");
  const std::string peer =
      peer_at(blocked.snapshot.memory, Address(blocked.argument(1)), blocked.argument(2));
  if (!peer.empty()) found.detail += " to " + peer;
  return found;
}

}  // namespace

extern const WaitKind connect_kind = {
    .name = "connect", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill

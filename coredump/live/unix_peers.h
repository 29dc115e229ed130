// The other ends of unix sockets. /proc/net/unix does not tell them; the kernel's socket diagnosis does
// (sock_diag(7), what `ss -x` asks).
#pragma once

#include <cstdint>
#include <map>

namespace standstill {

// For each connected unix socket of the network namespace that process `pid` is in: its inode, and that of
// the other end. Empty where the kernel does not answer (no such module, or another namespace that we may not
// enter).
std::map<std::uint64_t, std::uint64_t> read_unix_peers(int pid);

}  // namespace standstill

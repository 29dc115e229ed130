// What /proc tells of descriptors and what is behind them: fdinfo, the tables of sockets, file locks, shared
// mappings (docs/formats/proc.md). From text to values; reading is in process_facts.h.
#pragma once

#include "coredump/live_facts.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace standstill {

// What a link of /proc/PID/fd says: "pipe:[815]" is a PIPE of inode 815. A path tells no kind (OTHER).
OpenFileKind kind_of_link(std::string_view link);
// The number in "pipe:[815]", "socket:[4711]", "net:[4026531833]"; nothing in any other text.
std::optional<std::uint64_t> inode_of_link(std::string_view link);

// /proc/PID/fdinfo/FD: flags, inode, epoll members, and in words a counter or a timer.
void parse_fdinfo(std::string_view text, OpenFile& file);
// Whether fdinfo shows a lock on that inode, held by this descriptor.
bool fdinfo_shows_lock(std::string_view text, std::uint64_t inode);

// The tables of /proc/PID/net, by inode.
enum class SocketTable : std::uint8_t { INTERNET, INTERNET6, UNIX, NETLINK, PACKET };
// `protocol`: what to call them ("tcp"); of UNIX the type is added. At most `limit` sockets are taken.
void parse_sockets(std::string_view text, SocketTable table, std::string_view protocol,
                   std::map<std::uint64_t, SocketFacts>& sockets, std::size_t limit = 1 << 20);
// Sockets of `sockets` that are two ends of one connection learn of each other: the address of one is the
// remote of the other.
void connect_local_ends(std::map<std::uint64_t, SocketFacts>& sockets);

std::vector<FileLock> parse_locks(std::string_view text);

// The lines of /proc/PID/maps that are MAP_SHARED, at most `limit`.
std::vector<SharedMapping> parse_shared_mappings(std::string_view text, std::size_t limit = 1 << 16);

}  // namespace standstill

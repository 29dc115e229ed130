// Any text as any file of /proc. Names in them are the target's choice, and a capture may bring what it
// likes.
#include "coredump/live/proc_descriptors.h"
#include "coredump/live/proc_thread.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_stat(text);
  (void)parse_sched(text);
  (void)parse_status(text);
  (void)parse_schedstat_run_time(text);
  (void)parse_system_call(text);
  OpenFile file;
  parse_fdinfo(text, file);
  (void)fdinfo_shows_lock(text, 1);
  (void)kind_of_link(text);
  (void)inode_of_link(text);
  (void)parse_locks(text);
  (void)parse_shared_mappings(text);
  std::map<std::uint64_t, SocketFacts> sockets;
  parse_sockets(text, SocketTable::INTERNET, "tcp", sockets);
  parse_sockets(text, SocketTable::INTERNET6, "udp6", sockets);
  parse_sockets(text, SocketTable::UNIX, "unix", sockets);
  parse_sockets(text, SocketTable::NETLINK, "netlink", sockets);
  parse_sockets(text, SocketTable::PACKET, "packet", sockets);
  connect_local_ends(sockets);
  return 0;
}

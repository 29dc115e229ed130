// What /proc tells of a process besides its threads: what its descriptors are, locks on its files, memory it
// may share. Read at any time; a stopped process tells the same. A process that ends meanwhile, or that we
// may not look into, leaves empty lists.
#pragma once

#include "coredump/live_facts.h"

#include <span>

namespace standstill {

// Whether to read which files are locked. The kernel lets all processors come to rest for that list
// (fs/locks.c, locks_start), which takes 6 to 40 ms.
enum class FileLocks : bool { SKIP, READ };

// `clocks`: when its threads' facts were read (ThreadsSeen::clocks). Peers of open files are not looked for.
ProcessFacts read_process_facts(int pid, const ClockFacts& clocks, FileLocks locks = FileLocks::READ);

// Finds for those descriptors (and for the members of epolls among them) the other ends of pipes and sockets,
// and who holds locks on files by a descriptor: looks at the descriptors of all processes, so ask only for
// what threads wait on. Costs a few microseconds for each descriptor on the machine; nothing where no pipe,
// local connection or locked file is among `fds`.
void find_peers(ProcessFacts& facts, std::span<const int> fds);

}  // namespace standstill

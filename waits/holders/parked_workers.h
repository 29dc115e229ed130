// Some programs park idle workers on a mutex: the master takes each worker's own mutex, and releases it when
// there is work (redis's io threads). Seen from outside these are threads that wait for a lock while its
// holder is doing something else, which is what a culprit looks like, too. The difference is what the holder
// does and how many stand there: it waits for events, as a master without work does, and each lock has one
// waiter with nobody behind it.
#pragma once

#include "waits/verdict.h"

#include <vector>

namespace standstill {

// Replaces those among `roots` (root blockers) that look like this by one finding for each master, which is
// only POSSIBLE and comes last.
void merge_parked_workers(const WaitTable& table, std::vector<WaitFinding>& roots);

}  // namespace standstill

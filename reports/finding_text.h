// Findings for people: the sentence, and for a circle of waits who waits for what and who holds it, each at
// its source line:
//
//     Deadlock: threads 4243 and 4244 wait for each other
//
//       thread 4243 "left"
//         waits for mutex orders_lock (0x55d0c0a8e160)
//           in pthread_mutex_lock from transfer (bank.cc:14)
//         held by thread 4244 (owner field, in transfer (bank.cc:12))
//       thread 4244 "right"
//         ...
#pragma once

#include "reports/findings.h"
#include "reports/format.h"

#include <string>

namespace standstill {

// Every finding, the gravest first; "" where there is none. A title that is the headline is not said again.
std::string to_findings_text(const Findings& findings, const RenderOptions& options);

}  // namespace standstill

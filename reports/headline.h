// The verdict in one or two sentences: the gravest finding; where there is none, as far as the stacks alone
// tell, how many tasks stand where.
#pragma once

#include "reports/findings.h"

#include <string>
#include <string_view>

namespace standstill {

// "", " (probably)" or " (possibly)": stands behind what is said with that confidence.
std::string_view certainty_words(std::string_view confidence);

// Its title, and how sure it is where it is not certain: "Deadlock: ... (probably)".
std::string headline_of_finding(const FindingRecord& finding);

// "812 of 1,000 threads stand in pthread_mutex_lock from take_order (orders.cc:93); the other 188 in 19 other
// places."
std::string headline_of_stacks(const Findings& findings);

}  // namespace standstill

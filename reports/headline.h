// The verdict in one or two sentences, as far as the stacks alone tell: how many tasks stand where.
#pragma once

#include "reports/findings.h"

#include <string>

namespace standstill {

// "812 of 1,000 threads stand in pthread_mutex_lock from take_order (orders.cc:93); the other 188 in 19 other
// places."
std::string headline_of_stacks(const Findings& findings);

}  // namespace standstill

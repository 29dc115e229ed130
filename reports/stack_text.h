// One group of equal stacks for people: a title that says what its tasks stand in, their ids and names, and
// the frames.
//
//      812 threads in pthread_mutex_lock from take_order (orders.cc:93)
//         4243-5054 "worker-*"
//         #0  __futex_abstimed_wait_common  ./nptl/futex-internal.c:57
//         #1  pthread_mutex_lock            ./nptl/pthread_mutex_lock.c:93
//       > #2  take_order                    /src/orders.cc:93
//
// The mark shows the frame that the title names.
#pragma once

#include "reports/findings.h"
#include "reports/format.h"

#include <cstddef>
#include <string>

namespace standstill {

std::string to_stack_text(const Findings& findings, std::size_t group, const RenderOptions& options);

// "812 threads in ...": the title alone.
std::string to_stack_title(const Findings& findings, std::size_t group);

// "4243-5054 "worker-*", 4240 "main"": ids in ranges, with their names where they have any.
std::string to_task_list(const Findings& findings, const GroupRecord& group);

}  // namespace standstill

// What two pictures tell together, for people:
//
//     hung_orders, pid 29434: 2 pictures, 10.0 s apart
//     Deadlock: threads 29435 and 29436 wait for each other, in both pictures. 9 of 11 threads have not moved
//     for at least 10.0 s. 1 is busy in one place. 1 moved.
//
//     not moved for at least 10.0 s
//       3 threads in pthread_mutex_lock from shop::OrderService::place (hung_orders.cc:62)
//         29437-29439
//       ...
//     busy
//       thread 29445 within shop::rebuild_index: 9.98 s of processor time in 10.0 s
//     stacks that grew or shrank
//          12 -> 40   in recv from shop::accept_requests (hung_orders.cc:123)
//     heap of glibc 2.36: +812 MiB (1.2 GiB -> 2.0 GiB), +12,345 objects
#pragma once

#include "reports/diff_record.h"
#include "reports/format.h"

#include <span>
#include <string>

namespace standstill {

// `pictures` are those that `diff` was made from.
std::string to_diff_text(const DiffRecord& diff, std::span<const Findings> pictures,
                         const RenderOptions& options);

}  // namespace standstill

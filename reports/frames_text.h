// The frames of a stack for people, within the columns of a terminal.
//
//         #0  futex_wait (inlined)              sysdeps/nptl/futex-internal.h:146
//             ... __lll_lock_wait, lll_mutex_lock_optimized
//         #3  ___pthread_mutex_lock             nptl/pthread_mutex_lock.c:93
//             ... __gthread_mutex_lock, std::mutex::lock
//       > #6  shop::Ledger::charge              .../fixtures/hung_orders.cc:47
//
// The program's own frames are what a reader looks for. Of the libraries' frames the innermost is shown and
// the one that the program called (see standpoint.h); the others are named on one line. Nothing is folded
// where `all_frames` asks for that, or where a stack has no frame of the program's own.
#pragma once

#include "reports/findings.h"
#include "reports/format.h"

#include <string>

namespace standstill {

std::string to_frames_text(const GroupRecord& group, const RenderOptions& options);

// Whether that leaves out lines of frames.
bool folds_frames(const GroupRecord& group, const RenderOptions& options);

}  // namespace standstill

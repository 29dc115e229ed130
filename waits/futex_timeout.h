// Until when a futex call waits at most.
#pragma once

#include "waits/blocked_thread.h"
#include "waits/timeout.h"

#include <optional>

namespace standstill {

// `blocked.futex` must be there. Nothing where the call has no timeout.
std::optional<Timeout> timeout_of_futex(const BlockedThread& blocked);

}  // namespace standstill

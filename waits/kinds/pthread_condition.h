// pthread_cond_t of glibc, for kinds of locks that are made of one.
#pragma once

#include "waits/blocked_thread.h"

#include <optional>

namespace standstill {

struct ConditionWait {
  Address condition;
  std::optional<Address> mutex;  // to be taken again
  int sureness = 0;
};

// The condition that the thread waits for; nothing where it is in another call, or its memory shows none.
std::optional<ConditionWait> find_condition_wait(const BlockedThread& blocked);

}  // namespace standstill

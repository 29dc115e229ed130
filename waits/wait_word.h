// The words for waits that scripts depend on (README, "Words for waits").
#pragma once

#include <cstdint>
#include <string_view>

namespace standstill {

enum class WaitWord : std::uint8_t {
  MUTEX,
  RWLOCK_READ,
  RWLOCK_WRITE,
  CONDITION,
  SEMAPHORE,
  BARRIER,
  JOIN,
  ONCE,
  FUTEX,
  SPIN,
  SLEEP,
  POLL,
  EPOLL,
  SELECT,
  READ,
  WRITE,
  ACCEPT,
  CONNECT,
  RECV,
  SEND,
  CHILD,
  SIGNAL,
  FILE_LOCK,
  IPC,
  IO_URING,
  PIPE,
  RUNNING,
  STOPPED,
  DISK,
  UNKNOWN,
};

// "RWLOCK_READ", as JSON has it.
std::string_view to_string(WaitWord word);
// "rwlock read", as text has it.
std::string_view phrase(WaitWord word);

}  // namespace standstill

// One kind of lock or wait. Each lives in its own file in kinds/ and defines `const WaitKind X_kind`; every
// blocked thread is shown to every kind that knows its system call, and the one that is surest explains the
// wait.
#pragma once

#include "waits/blocked_thread.h"
#include "waits/timeout.h"
#include "waits/wait_state.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

// How sure a kind may be that a wait is its own. What the memory shows weighs more than the arguments of the
// call alone.
namespace sureness {
constexpr int GUESS = 20;      // nothing speaks against it
constexpr int ARGUMENTS = 40;  // the arguments of the call are such
constexpr int SHAPE = 60;      // and the object's fields fit each other
constexpr int OWN_SHAPE = 75;  // and hardly anything else looks like it
constexpr int POINTER = 90;    // an address in it names a thread or another object of the kind
constexpr int NAMED = 30;      // added: a function on the stack says so
}  // namespace sureness

struct Recognition {
  int sureness = 0;
  WaitWord word = WaitWord::UNKNOWN;
  std::string what;                       // "recursive mutex"
  Address object;                         // 0 where the wait has no object in memory
  std::string resource_id;                // for what has no address: "fd:12"; "" for an object or for nothing
  std::optional<Address> mutex;           // of a condition: to be taken again
  std::vector<std::int32_t> descriptors;  // that it waits on
  std::optional<Timeout> timeout;         // of a system call; that of a futex call is seen to for all kinds
  std::string detail;
  bool shares_word = false;     // an equal call on an equal stack may be for another object
  bool is_unexplained = false;  // of what is waited for nothing is known but the word
  bool waits_again = false;     // the call's timeout does not end the wait: the thread calls again, for ever
};

struct WaitKind {
  const char* name;                   // "glibc mutex"
  std::span<const int> system_calls;  // numbers it knows; empty: threads in no system call
  std::optional<Recognition> (*recognise)(const BlockedThread& blocked);
  // Fills in `what`, holders by owner field, and the detail of an object; asked once per object. Null where
  // there is nothing to add.
  void (*inspect)(const ObjectView& object, Resource& resource);
  bool is_last_resort = false;  // asked only where no other kind knows the wait
};

// Generated from kinds/.
std::span<const WaitKind* const> all_kinds();

}  // namespace standstill

// What each thread waits for, and what is known of the things waited for. Plain values: they own their
// strings and name threads and resources by index.
#pragma once

#include "base/address.h"
#include "coredump/live_facts.h"
#include "waits/wait_word.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace standstill {

using ThreadIndex = std::uint32_t;    // into Snapshot::threads
using ResourceIndex = std::uint32_t;  // into WaitReport::resources

enum class Certainty : std::uint8_t {
  CERTAIN,   // an owner field, or the thread that a join names
  PROBABLE,  // the lock keeps no owner; a thread's live frames show that it is between lock and unlock
  POSSIBLE,  // a thread's stack knows the lock, no more
};
std::string_view to_string(Certainty certainty);

struct Holder {
  ThreadIndex thread = 0;
  Certainty certainty = Certainty::CERTAIN;
  std::string evidence;                // "owner field"; where not CERTAIN what `frame` does: "will unlock it"
  std::optional<std::uint32_t> frame;  // of that thread's stack: the function that seems to have taken it
  Address taken_at;                    // inside the call by which it did; 0 where that cannot be told
};

// The recorded owner is no thread of this process.
enum class OutsideOwner : std::uint8_t {
  NONE,
  GONE,    // most likely a thread that ended without unlocking
  PARENT,  // the process this one was forked from, or a thread of it; outside_tid 0: not a thread of this one
  ELSEWHERE,  // the lock is shared between processes
};

struct Resource {
  WaitWord word = WaitWord::UNKNOWN;
  std::string id;    // "mutex:0x7f12cc6a412b", "fd:12"; unique within one report
  std::string what;  // "recursive mutex", "std::shared_mutex or rwlock", "descriptor 12"
  Address address;   // of the object; 0 where it has none
  std::vector<Holder> holders;
  std::vector<ThreadIndex> waiters;  // ascending
  // Whether every holder must let go before a waiter goes on (readers), or the holders are candidates of
  // which one is it.
  bool all_must_release = false;
  std::uint32_t reader_count = 0;  // of an rwlock that readers hold; 0 where unknown
  // Whether it is a thing that a known thread holds or ends: mutex, rwlock, once, join. A condition has no
  // holder.
  bool is_held_by_threads = false;
  OutsideOwner outside = OutsideOwner::NONE;
  int outside_tid = 0;
  bool is_free = false;  // nobody holds it any more; its waiters have not got to run since
  bool is_loader_lock = false;
  bool is_held_for_a_moment = false;  // by whoever is inside the C library's own code: a lock of malloc
  std::string detail;                 // "2 of 3 arrived", "1 reader"
};

struct WaitState {
  WaitWord word = WaitWord::UNKNOWN;
  std::string what;  // "mutex", "condition variable", "epoll_wait"
  std::optional<ResourceIndex> resource;
  std::optional<ResourceIndex> condition_mutex;  // the mutex to be taken again when a condition is signalled
  bool has_deadline = false;                     // a timeout ends the wait by itself
  std::optional<double> seconds_left;            // until then, at the picture, as far as that is known
  std::optional<double> blocked_seconds;         // how long it had been waiting at the picture
  Bound bound = Bound::UNKNOWN;                  // of blocked_seconds
  std::vector<std::int32_t> descriptors;         // that it waits on, as far as they could be read
  std::string open_files;                        // what these are: "fd 12: tcp 10.0.0.5:41872 -> ..."
  // The futex word no longer has the value that was waited for: the thread has been, or will be, let go.
  bool is_woken = false;
  bool is_unexplained = false;     // a futex that no known library made: work, a lock, anything
  bool in_signal_handler = false;  // a signal frame lies below the wait
  std::string detail;              // "fd 12", "asked for 3600 s"
};

}  // namespace standstill

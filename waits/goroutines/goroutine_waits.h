// What blocked goroutines wait for: the channel, the Mutex, RWMutex or WaitGroup, the descriptor. The
// runtime's own words say which kind of wait it is; where they only say "semacquire", as they do for locks up
// to Go 1.20 and for WaitGroup up to 1.23, the functions on the stack do.
//
//     // sync.Mutex    +0 state (bit 0: locked; waiters from bit 3 up)  +4 sema
//     // sync.RWMutex  +0 w Mutex  +8 writerSem  +12 readerSem  +16 readerCount (negative: a writer)  +20
//     readerWait
//     // sync.WaitGroup  +0 state (its upper half: the counter)  +8 sema
#pragma once

#include "unwind/goroutine_stacks.h"
#include "waits/wait_state.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

struct GoroutineResource {
  std::string kind;    // "MUTEX", "CHANNEL_RECV", ...: of the first wait for it
  std::string id;      // "mutex:0xc00001c0b8", "channel:0xc000012345", "fd:7"
  std::string detail;  // "channel: 0 of 3 in its buffer, 2 receivers waiting"
  Address address;
  std::vector<std::uint32_t> waiters;  // indices into GoroutineStacks::tasks, ascending
};

struct GoroutineWaits {
  static constexpr std::uint32_t NONE = UINT32_MAX;
  std::vector<std::uint32_t> resource_of;  // of each task an index into `resources`; NONE
  std::vector<std::string_view>
      kind_of_group;  // of each group, where its functions say more than "semacquire"; else ""
  std::vector<GoroutineResource> resources;  // in the order in which tasks name them

  // What goroutines wait for that stand in a select of several channels: any of these. See
  // add_select_waits().
  struct Select {
    std::uint32_t task = 0;
    std::uint32_t first = 0, count = 0;  // in `channels`
  };
  std::vector<Select> selects;          // by task, ascending
  std::vector<std::uint32_t> channels;  // indices into `resources`

  // Of a select of several channels; empty for others.
  std::span<const std::uint32_t> channels_of(std::uint32_t task) const;
  bool waits_for(std::uint32_t task, std::uint32_t resource) const;
};

// "channel: 0 of 3 in its buffer, 2 receivers waiting"
std::string describe_channel(const GoRuntime& runtime, Address address);

struct GoroutineWaitOptions {
  // Leaves out channels that one goroutine alone waits for, where it is one of many in its group: of a
  // million goroutines that each wait for an answer of their own, no line about the group can name a channel.
  bool only_for_groups = false;
};

GoroutineWaits explain_goroutine_waits(const GoScheduler& scheduler, const GoroutineStacks& stacks,
                                       const GoroutineWaitOptions& options = {});

}  // namespace standstill

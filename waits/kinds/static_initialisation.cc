// The first use of a function's static variable in C++ (__cxa_guard_acquire): others wait while one thread
// constructs it. The guard does not say which.
//
//     // libstdc++ (GCC 4.3..14) libsupc++/guard.cc, 64-bit guard, first 32 bits: done 1, in progress 0x100,
//     somebody waits 0x10000
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t IN_PROGRESS_AND_WAITED_FOR = 0x10100;

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.operation != FutexCall::WAIT || futex.value != IN_PROGRESS_AND_WAITED_FOR || futex.timeout)
    return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE + 5;
  if (blocked.names.mentions("__cxa_guard_acquire")) found.sureness += sureness::NAMED;
  found.word = WaitWord::ONCE;
  found.what = "initialisation of a static variable";
  found.object = futex.word;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  const auto word = object.window.u32(0);
  if (word && (*word & 1)) mark_free(resource);
}

}  // namespace

extern const WaitKind static_initialisation_kind = {.name = "C++ static initialisation",
                                                    .system_calls = FUTEX_CALLS,
                                                    .recognise = recognise,
                                                    .inspect = inspect};

}  // namespace standstill

// pthread_barrier_t of glibc 2.25 and later: it counts who has arrived, and the round that the waiters belong
// to.
//
//     // glibc 2.36 sysdeps/nptl/internaltypes.h, struct pthread_barrier
//     //   +0  in             arrivals since the last reset
//     //   +4  current_round  the futex word: arrivals that have been let go
//     //   +8  count          how many make a round
//     //   +12 shared         0, or 128 when shared between processes
//     //   +16 out            departures
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || futex.operation != FutexCall::WAIT) return std::nullopt;
  const auto in = futex.around.u32(-4), round = futex.around.u32(0), count = futex.around.u32(4),
             shared = futex.around.u32(8), out = futex.around.u32(12);
  const bool named = blocked.names.mentions("pthread_barrier_wait");
  if (!in || !round || !count || !shared || !out) return std::nullopt;
  if (*count < 2 || (*shared != 0 && *shared != 128) || (*shared == 0) != futex.is_private)
    return std::nullopt;
  if (*round % *count != 0 || *in <= *round || *in - *round > (1u << 22) || *out > *in) return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE + (named ? sureness::NAMED : 0);
  found.word = WaitWord::BARRIER;
  found.what = "barrier";
  found.object = futex.word - 4;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  const auto in = object.window.u32(0), round = object.window.u32(4), count = object.window.u32(8);
  if (in && round && count && *in >= *round)
    resource.detail = std::to_string(*in - *round) + " of " + std::to_string(*count) + " arrived";
}

}  // namespace

extern const WaitKind pthread_barrier_kind = {
    .name = "glibc barrier", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill

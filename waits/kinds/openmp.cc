// What threads of GCC's OpenMP (libgomp) wait for: locks and critical sections, the end of a parallel region
// or a barrier in it, a semaphore, and, as idle workers, the next region. libgomp makes the futex call by an
// instruction of its own, in functions that have no names in stripped libraries.
//
//     // GCC 4.9..14 libgomp/config/linux/
//     // mutex.h, gomp_mutex_t   0 free, 1 taken, -1 taken and waited for; omp_lock_t is one; waits while -1
//     // sem.h, gomp_sem_t       bit 0: somebody waits; the rest: how often it may be passed; waits while 1
//     // bar.h, gomp_barrier_t, aligned to 64 bytes; a team's barrier and the dock of idle workers
//     //   +0  total       how many take part
//     //   +4  generation  the futex word: rounds in steps of 8, flags below
//     //   +64 awaited     who has not come yet; total again when the round is over
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/library_frames.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t TAKEN_AND_WAITED_FOR = 0xffffffff, SOMEBODY_WAITS = 1, MOST_THREADS = 1 << 16;

bool is_in_openmp(const BlockedThread& blocked) {
  // A static program has it within; then the functions have names.
  return name_of_calling_module(blocked).starts_with("libgomp.so") || blocked.names.mentions("gomp_");
}

// `window` is centered on the futex word.
bool is_barrier(const FutexCall& futex) {
  const auto total = futex.around.u32(-4), awaited = futex.around.u32(60);
  return futex.word.value() % 64 == 4 && total && awaited && *total >= 1 && *total <= MOST_THREADS &&
         *awaited <= *total;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.operation != FutexCall::WAIT || !futex.is_private || futex.timeout) return std::nullopt;
  if (!is_in_openmp(blocked)) return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE;
  found.object = futex.word;
  if (futex.value == TAKEN_AND_WAITED_FOR) {
    found.word = WaitWord::MUTEX;
    found.what = "OpenMP lock";
  } else if (is_barrier(futex)) {
    found.word = WaitWord::BARRIER;
    found.what = "OpenMP barrier";
    found.object = futex.word - 4;
  } else if (futex.value == SOMEBODY_WAITS) {
    found.word = WaitWord::SEMAPHORE;
    found.what = "OpenMP semaphore";
  } else {
    return std::nullopt;
  }
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  if (resource.word == WaitWord::MUTEX) inspect_ownerless(object, resource);
  if (resource.word != WaitWord::BARRIER) return;
  const auto total = object.snapshot.memory.read<std::uint32_t>(object.address);
  const auto awaited = object.snapshot.memory.read<std::uint32_t>(object.address + 64);
  if (total && awaited && *awaited <= *total)
    resource.detail = std::to_string(*total - *awaited) + " of " + std::to_string(*total) + " arrived";
}

}  // namespace

extern const WaitKind openmp_kind = {
    .name = "OpenMP", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill

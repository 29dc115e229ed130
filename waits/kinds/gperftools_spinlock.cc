// The locks inside gperftools' tcmalloc. A thread that found one taken for a while waits on its word for some
// milliseconds at a time, again and again: that timeout ends nothing. No owner is kept.
//
//     // gperftools 2.7..2.16 src/base/spinlock.h: SpinLock.lockword_  0 free, 1 held, 2 held and waited for
//     // src/base/spinlock_linux-inl.h, base::internal::SpinLockDelay: futex(word, WAIT | PRIVATE, 2,
//     timeout),
//     // by an instruction of its own
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/library_frames.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t WAITED_FOR = 2;

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.operation != FutexCall::WAIT || futex.value != WAITED_FOR || !futex.timeout) return std::nullopt;
  if (futex.current && *futex.current > WAITED_FOR) return std::nullopt;
  const bool named = blocked.names.mentions("base::internal::SpinLockDelay");
  if (!named && !name_of_calling_module(blocked).starts_with("libtcmalloc")) return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE + (named ? sureness::NAMED + 20 : 0);
  found.word = WaitWord::MUTEX;
  found.what = "tcmalloc spin lock";
  found.object = futex.word;
  found.waits_again = true;
  return found;
}

}  // namespace

extern const WaitKind gperftools_spinlock_kind = {.name = "gperftools spin lock",
                                                  .system_calls = FUTEX_CALLS,
                                                  .recognise = recognise,
                                                  .inspect = inspect_ownerless};

}  // namespace standstill

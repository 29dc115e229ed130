// The lock inside a FILE (flockfile, and every puts and fwrite). It is recursive and names its owner by the
// address of its thread control block.
//
//     // glibc 2.36 sysdeps/nptl/stdio-lock.h, _IO_lock_t
//     //   +0 lock: 0, 1, 2 when waited for   +4 cnt   +8 owner
//     // musl 1.2.3 src/stdio/__lockfile.c: one word, owner's tid | somebody waits 0x40000000
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t MUSL_MAYBE_WAITERS = 0x40000000;

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || futex.operation != FutexCall::WAIT || !futex.is_private || futex.timeout)
    return std::nullopt;
  Recognition found;
  found.word = WaitWord::MUTEX;
  found.what = "lock of a FILE";
  found.object = futex.word;
  const bool named = blocked.names.mentions("flockfile");
  if (blocked.threads.c_library() == CLibrary::MUSL) {
    if (!(futex.value & MUSL_MAYBE_WAITERS) || (futex.value & 0x80000000)) return std::nullopt;
    if (!blocked.threads.by_tid(futex.value & ~MUSL_MAYBE_WAITERS)) return std::nullopt;
    found.sureness = sureness::POINTER;
    return found;
  }
  if (futex.value != 2) return std::nullopt;
  const auto count = futex.around.u32(4);
  const auto owner = futex.around.u64(8);
  if (!count || !owner || *count > (1u << 22)) return std::nullopt;
  // A mutex has its owner's number here; struct pthread is aligned to 64 bytes.
  if (*owner % 64 == 0 && blocked.threads.by_control_block(Address(*owner)))
    found.sureness = sureness::POINTER + 4;
  else if (named)
    found.sureness = sureness::SHAPE + sureness::NAMED;
  else
    return std::nullopt;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  if (object.threads.c_library() == CLibrary::MUSL) {
    const auto word = object.window.u32(0);
    if (word && *word != 0)
      add_owner(object.threads, *word & ~MUSL_MAYBE_WAITERS, "owner in the lock word", false, resource);
    return;
  }
  const auto owner = object.window.u64(8);
  if (!owner || *owner == 0) return;
  if (const auto thread = object.threads.by_control_block(Address(*owner))) {
    resource.holders.push_back({.thread = *thread,
                                .certainty = Certainty::CERTAIN,
                                .evidence = "owner field",
                                .frame = {},
                                .taken_at = {}});
  } else {
    resource.outside = OutsideOwner::GONE;
    resource.detail =
        "its owner field points to " + to_string(Address(*owner)) + ", the control block of no thread";
  }
}

}  // namespace

extern const WaitKind stdio_lock_kind = {
    .name = "stdio lock", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill

// QMutex of Qt 5 and 6 on Linux: a pointer-sized word, without an owner. (QWaitCondition and QReadWriteLock
// are built on glibc's mutex and condition.)
//
//     // Qt 5.15 and 6.4 src/corelib/thread/qmutex_linux.cpp
//     // QBasicMutex.d_ptr  0 free, 1 taken, 3 taken and waited for; waits while the lower half is 3
//     // QBasicMutex::lockInternal, exported: syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 3, timeout)
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/library_frames.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t WAITED_FOR = 3;

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!futex.by_syscall_function || futex.operation != FutexCall::WAIT || futex.value != WAITED_FOR)
    return std::nullopt;
  const bool named = blocked.names.mentions("QBasicMutex::lockInternal");
  const std::string_view module = name_of_calling_module(blocked);
  const bool is_in_library = module.starts_with("libQt5Core") || module.starts_with("libQt6Core");
  // The upper half of the word is 0, for there is no pointer in it.
  if (!named && !(is_in_library && futex.around.u32(4) == 0u)) return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE + (named ? sureness::NAMED : 0);
  found.word = WaitWord::MUTEX;
  found.what = "QMutex";
  found.object = futex.word;
  return found;
}

}  // namespace

extern const WaitKind qt_mutex_kind = {
    .name = "Qt mutex", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect_ownerless};

}  // namespace standstill

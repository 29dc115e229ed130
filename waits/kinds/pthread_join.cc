// pthread_join, std::thread::join, Rust's JoinHandle::join: the kernel clears a word in the thread control
// block of a thread that ends, and the joiner waits for that word. So the address names the thread.
//
//     // glibc: the word is struct pthread.tid, +720 (2.11..2.42), waited for with the tid as value; in 2.43
//     .joinstate, +1576, waited for with its value: exiting 1, joinable 2. The kernel clears either, so that
//     the wait is one between processes, unlike those for other words of the block
//     // musl 1.1.20..1.2.5 src/internal/pthread_impl.h: detach_state, +56, waited for with value 2
//     (DT_JOINABLE)
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

// Where the word lies is a little different in other builds of glibc; its value is the tid in all of them.
constexpr std::uint64_t REACH = 2304, MUSL_DETACH_STATE = 56;
constexpr std::uint32_t MUSL_JOINABLE = 2;
constexpr std::uint64_t BEHIND_TID = 1024;
constexpr std::uint32_t EXITING = 1, JOINABLE = 2;

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || !futex.is_wait()) return std::nullopt;
  const bool may_be_musl = blocked.threads.c_library() == CLibrary::MUSL && futex.value == MUSL_JOINABLE;
  if (futex.is_private && !may_be_musl) return std::nullopt;
  const auto block = blocked.threads.control_block_below(futex.word, REACH);
  Recognition found;
  found.word = WaitWord::JOIN;
  found.what = "end of a thread";
  found.object = futex.word;
  const bool named = blocked.names.mentions("pthread_join") || blocked.names.mentions("clockjoin");
  const auto target = blocked.threads.by_tid(futex.value);
  const bool is_state = blocked.threads.c_library() == CLibrary::GLIBC && block &&
                        block->second >= BEHIND_TID && (futex.value == EXITING || futex.value == JOINABLE);
  if (block) found.resource_id = "join:" + std::to_string(blocked.snapshot.threads[block->first].tid);
  if (block && (target == block->first || is_state) && !futex.is_private) {
    found.sureness = sureness::POINTER + 5;
  } else if (block && may_be_musl && block->second == MUSL_DETACH_STATE) {
    found.sureness = sureness::POINTER + 5;
  } else if (named && !futex.is_private && ThreadDirectory::is_plausible_tid(futex.value)) {
    found.sureness = sureness::SHAPE + sureness::NAMED;  // it has ended, or the dump lacks it
  } else {
    return std::nullopt;
  }
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  if (const auto block = object.threads.control_block_below(object.address, REACH)) {
    resource.holders.push_back({.thread = block->first,
                                .certainty = Certainty::CERTAIN,
                                .evidence = "the thread that is joined",
                                .frame = {},
                                .taken_at = {}});
    resource.what = "end of thread " + std::to_string(object.snapshot.threads[block->first].tid);
  } else {
    resource.detail = "a thread that is no longer there";
  }
}

}  // namespace

extern const WaitKind pthread_join_kind = {
    .name = "join", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill

// CPython's global interpreter lock: a condition variable and a mutex beside the lock's own fields. A thread
// that wants the lock waits for a few milliseconds, asks the holder to let it go, and waits again, for ever.
//
//     // CPython 3.2..3.13 Include/internal/pycore_gil.h, struct _gil_runtime_state
//     //   +0  interval       microseconds until the holder is asked
//     //   +8  last_holder    -> PyThreadState of who has it, or had it last
//     //   +16 locked         1 held, 0 free
//     //   +24 switch_number
//     //   +32 cond           pthread_cond_t, 48 bytes
//     //   +80 mutex
//     // Include/cpython/pystate.h, struct _ts (PyThreadState): where `thread_id` lies differs by version; it
//     // is what pthread_self() said, which with glibc is the address of the thread's control block.
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

#include <array>

namespace standstill {
namespace {

constexpr std::uint64_t CONDITION = 32, THREAD_STATE_REACH = 512, LONGEST_INTERVAL = 1'000'000'000;
constexpr std::uint32_t INNER_FRAMES = 6;
// Of the futex words in a condition variable: see pthread_condition.cc.
constexpr std::array<std::uint64_t, 4> SIGNALS = {40, 44, 32, 36};

// The thread whose state is at `state`.
std::optional<ThreadIndex> thread_of(const MemoryView& memory, const ThreadDirectory& threads,
                                     Address state) {
  std::optional<ThreadIndex> found;
  if (!state || state.value() % 8 != 0) return std::nullopt;
  for (std::uint64_t offset = 0; offset < THREAD_STATE_REACH; offset += 8) {
    const auto word = memory.read_address(state + offset);
    if (!word) break;
    const auto thread = *word ? threads.by_control_block(*word) : std::nullopt;
    if (!thread) continue;
    if (found && *found != *thread) return std::nullopt;
    found = thread;
  }
  return found;
}

struct Lock {
  bool is_held = false;
  std::optional<ThreadIndex> last_holder;
};

std::optional<Lock> read_lock(const MemoryView& memory, const ThreadDirectory& threads, Address lock) {
  const auto interval = memory.read<std::uint64_t>(lock);
  const auto holder = memory.read_address(lock + 8);
  const auto locked = memory.read<std::uint32_t>(lock + 16);
  if (!interval || !holder || !locked) return std::nullopt;
  if (*interval == 0 || *interval > LONGEST_INTERVAL || *locked > 1) return std::nullopt;
  return Lock{.is_held = *locked == 1, .last_holder = thread_of(memory, threads, *holder)};
}

bool is_in_python(const BlockedThread& blocked) {
  const auto& frames = blocked.stack.frames;
  for (std::uint32_t i = 1; i < frames.size() && i <= INNER_FRAMES; ++i) {
    const auto module = blocked.snapshot.find_module(frames[i].lookup_address());
    if (!module) continue;
    const std::string_view path = blocked.snapshot.modules[*module].path;
    const std::string_view name = path.substr(path.find_last_of('/') + 1);
    if (name.starts_with("python3") || name.starts_with("libpython3")) return true;
  }
  return false;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || futex.operation != FutexCall::WAIT_BITSET || !futex.timeout)
    return std::nullopt;
  if (!is_in_python(blocked)) return std::nullopt;
  for (const std::uint64_t back : SIGNALS) {
    const Address lock = futex.word - back - CONDITION;
    if (lock.value() % 8 != 0) continue;
    const auto fields = read_lock(blocked.snapshot.memory, blocked.threads, lock);
    // Any condition variable may have small numbers before it; only the GIL has a thread's state there.
    if (!fields || !fields->last_holder) continue;
    Recognition found;
    found.sureness =
        sureness::POINTER + sureness::NAMED + 10;  // surer than that it is a condition, which it is
    found.word = WaitWord::MUTEX;
    found.what = "Python's GIL";
    found.object = lock;
    found.waits_again = true;
    return found;
  }
  return std::nullopt;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  const auto fields = read_lock(object.snapshot.memory, object.threads, object.address);
  if (!fields) return;
  if (!fields->is_held) {
    mark_free(resource);
  } else if (fields->last_holder) {
    resource.holders.push_back({.thread = *fields->last_holder,
                                .certainty = Certainty::CERTAIN,
                                .evidence = "last_holder of the GIL",
                                .frame = {},
                                .taken_at = {}});
  }
}

}  // namespace

extern const WaitKind python_gil_kind = {
    .name = "Python GIL", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill

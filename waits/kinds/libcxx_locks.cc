// Locks of libc++ that are made of a mutex and a condition: the kernel is shown the condition. Which lock it
// is the library's own functions tell, that are names of the shared library's interface, so that it has them
// even when it is stripped; where they are part of a stripped program, the condition is all that is told.
//
//     // LLVM 14..19 libcxx include/mutex, shared_mutex, future; x86-64 Linux: a mutex has 40 bytes, a
//     // condition 48
//     //   timed_mutex            +0 mutex, +40 condition, +88 bool locked
//     //   recursive_timed_mutex  +0 mutex, +40 condition, +88 u64 depth, +96 pthread_t of the owner
//     //   __shared_mutex_base    +0 mutex, +40 and +88 conditions, +136 u32: readers, and 1 << 31 when a
//     //                          writer has it or is the next one
//     //   __assoc_sub_state      +24 mutex, +64 condition, of what a promise and its futures share
//     // src/call_once.cpp: one mutex and one condition for all; a flag is 1 while its function runs
//     // libcxxabi src/cxa_guard_impl.h, likewise; +1 u8: complete 1, pending 2, waited for 4; +4 u32 tid of
//     // who initialises
#include "waits/compared_value.h"
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/kinds/pthread_condition.h"
#include "waits/wait_kind.h"

#include <array>

namespace standstill {
namespace {

constexpr std::uint64_t MUTEX_SIZE = 40, CONDITION_SIZE = 48, SHARED_STATE_MUTEX = 24;
constexpr std::uint32_t WRITER = 1u << 31;
constexpr std::uint8_t GUARD_PENDING = 2;

enum class Kind : std::uint8_t { TIMED, RECURSIVE, SHARED, FUTURE, ONCE, GUARD };

struct Function {
  std::string_view prefix;
  Kind kind;
  WaitWord word;
  const char* what;
};
constexpr std::array FUNCTIONS = {
    Function{"std::__1::timed_mutex::", Kind::TIMED, WaitWord::MUTEX, "std::timed_mutex"},
    Function{"std::__1::recursive_timed_mutex::", Kind::RECURSIVE, WaitWord::MUTEX,
             "std::recursive_timed_mutex"},
    Function{"std::__1::__shared_mutex_base::lock_shared", Kind::SHARED, WaitWord::RWLOCK_READ,
             "std::shared_mutex"},
    Function{"std::__1::__shared_mutex_base::lock", Kind::SHARED, WaitWord::RWLOCK_WRITE,
             "std::shared_mutex"},
    Function{"std::__1::shared_timed_mutex::lock_shared", Kind::SHARED, WaitWord::RWLOCK_READ,
             "std::shared_timed_mutex"},
    Function{"std::__1::shared_timed_mutex::try_lock_shared", Kind::SHARED, WaitWord::RWLOCK_READ,
             "std::shared_timed_mutex"},
    Function{"std::__1::shared_timed_mutex::", Kind::SHARED, WaitWord::RWLOCK_WRITE,
             "std::shared_timed_mutex"},
    Function{"std::__1::__assoc_sub_state::", Kind::FUTURE, WaitWord::CONDITION, "std::future"},
    Function{"std::__1::__call_once", Kind::ONCE, WaitWord::ONCE, "std::call_once"},
    Function{"__cxa_guard_acquire", Kind::GUARD, WaitWord::ONCE, "initialisation of a static variable"},
};

struct Call {
  const Function* function = nullptr;
  std::uint32_t frame = 0;
};

// The innermost frame of such a function. Between it and the system call there is nothing but the wait for
// the condition: what a function calls back from inside (call_once) is not taken for its own wait.
std::optional<Call> find_call(const StackNames& names) {
  for (const StackNames::Entry& entry : names.entries()) {
    for (const Function& function : FUNCTIONS)
      if (entry.function.starts_with(function.prefix)) return Call{&function, entry.frame};
    const bool is_of_the_wait = entry.function.find("futex") != std::string_view::npos ||
                                entry.function.find("pthread_cond_") != std::string_view::npos ||
                                entry.function.find("__libcpp_condvar_") != std::string_view::npos ||
                                entry.function.starts_with("std::__1::condition_variable");
    if (!is_of_the_wait) return std::nullopt;
  }
  return std::nullopt;
}

// The word that the function in this frame looks at when it has been woken.
std::optional<ComparedValue> word_looked_at(const BlockedThread& blocked, std::uint32_t frame) {
  if (blocked.unwinder == nullptr) return std::nullopt;
  const auto stack =
      blocked.unwinder->unwind_with_registers(blocked.thread.registers, {.max_frames = frame + 1});
  const auto next = find_next_comparison(blocked.snapshot.memory, stack, frame, 1);
  if (!next || next->exchanges || next->values.size() != 1) return std::nullopt;
  return next->values.front();
}

std::optional<Address> find_object(const BlockedThread& blocked, const Call& call,
                                   const ConditionWait& wait) {
  const MemoryView& memory = blocked.snapshot.memory;
  switch (call.function->kind) {
    case Kind::TIMED:
    case Kind::RECURSIVE:
      return wait.condition == *wait.mutex + MUTEX_SIZE ? wait.mutex : std::nullopt;
    case Kind::SHARED:
      return wait.condition == *wait.mutex + MUTEX_SIZE ||
                     wait.condition == *wait.mutex + MUTEX_SIZE + CONDITION_SIZE
                 ? wait.mutex
                 : std::nullopt;
    case Kind::FUTURE:
      if (wait.condition != *wait.mutex + MUTEX_SIZE) return std::nullopt;
      return *wait.mutex - SHARED_STATE_MUTEX;
    case Kind::ONCE: {
      const auto flag = word_looked_at(blocked, call.frame);
      if (!flag || flag->size != 8 || memory.read<std::uint64_t>(flag->address) != 1u) return std::nullopt;
      return flag->address;
    }
    case Kind::GUARD: {
      const auto state = word_looked_at(blocked, call.frame);
      if (!state || state->size != 1 || state->address.value() % 8 != 1) return std::nullopt;
      const auto bits = memory.read<std::uint8_t>(state->address);
      if (!bits || (*bits & GUARD_PENDING) == 0) return std::nullopt;
      return state->address - 1;
    }
  }
  return std::nullopt;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  if (blocked.futex->by_syscall_function) return std::nullopt;
  if (!blocked.names.mentions("std::__1::") && !blocked.names.mentions("__cxa_guard_acquire"))
    return std::nullopt;
  const auto call = find_call(blocked.names);
  if (!call) return std::nullopt;
  const auto wait = find_condition_wait(blocked);
  if (!wait || !wait->mutex) return std::nullopt;
  const auto object = find_object(blocked, *call, *wait);
  if (!object) return std::nullopt;
  Recognition found;
  found.sureness = wait->sureness + sureness::NAMED;  // surer than the condition by itself
  found.word = call->function->word;
  found.what = call->function->what;
  found.object = *object;
  // One condition serves all flags and all guards.
  found.shares_word = call->function->kind == Kind::ONCE || call->function->kind == Kind::GUARD;
  return found;
}

void inspect_shared(const ObjectView& object, Resource& resource) {
  const auto state = object.snapshot.memory.read<std::uint32_t>(object.address + 136);
  if (!state) return;
  const std::uint32_t readers = *state & ~WRITER;
  if (*state == 0) {
    mark_free(resource);
  } else if (readers == 0) {
    resource.detail = "a writer holds it";
  } else if (readers < (1u << 22)) {
    resource.detail = std::to_string(readers) + (readers == 1 ? " reader holds it" : " readers hold it");
    resource.reader_count = readers;
    resource.all_must_release = true;
  }
}

void inspect_recursive(const ObjectView& object, Resource& resource) {
  const MemoryView& memory = object.snapshot.memory;
  const auto depth = memory.read<std::uint64_t>(object.address + 88),
             owner = memory.read<std::uint64_t>(object.address + 96);
  if (!depth || !owner) return;
  if (*depth == 0) {
    mark_free(resource);
    return;
  }
  if (const auto thread = object.threads.by_control_block(Address(*owner)))
    resource.holders.push_back({.thread = *thread,
                                .certainty = Certainty::CERTAIN,
                                .evidence = "owner field",
                                .frame = {},
                                .taken_at = {}});
  if (*depth > 1 && *depth < (1u << 30)) resource.detail = "taken " + std::to_string(*depth) + " times";
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = resource.word != WaitWord::CONDITION;
  const MemoryView& memory = object.snapshot.memory;
  if (resource.word == WaitWord::RWLOCK_READ || resource.word == WaitWord::RWLOCK_WRITE) {
    inspect_shared(object, resource);
  } else if (resource.what == "std::recursive_timed_mutex") {
    inspect_recursive(object, resource);
  } else if (resource.what == "std::timed_mutex") {
    if (memory.read<std::uint8_t>(object.address + 88) == 0u) mark_free(resource);
  } else if (resource.what == "std::call_once") {
    if (memory.read<std::uint64_t>(object.address) != 1u) mark_free(resource);
  } else if (resource.word == WaitWord::ONCE) {
    const auto owner = object.window.u32(4);
    if (owner && *owner != 0) add_owner(object.threads, *owner, "thread id in the guard", false, resource);
  }
}

}  // namespace

extern const WaitKind libcxx_locks_kind = {
    .name = "libc++ locks", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill

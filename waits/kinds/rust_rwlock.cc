// std::sync::RwLock of Rust: two words, no owners.
//
//     // library/std/src/sys/sync/rwlock/futex.rs
//     //   +0 state          low 30 bits: readers, or all ones when a writer has it; readers wait 1 << 30,
//     writers wait 1 << 31
//     //   +4 writer_notify  a counter that writers wait on; readers wait on the state
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/kinds/rust_futex.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t MASK = (1u << 30) - 1, READERS_WAIT = 1u << 30, WRITERS_WAIT = 1u << 31,
                        MAX_READERS = 1u << 22;

bool is_held(std::uint32_t state) {
  return (state & MASK) == MASK || ((state & MASK) != 0 && (state & MASK) <= MAX_READERS);
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!is_rust_futex_call(futex)) return std::nullopt;
  Recognition found;
  found.what = "Rust rwlock";
  const auto state_before = futex.around.u32(-4);
  if ((futex.value & READERS_WAIT) && futex.value != 0xffffffff && is_held(futex.value)) {
    found.sureness = sureness::OWN_SHAPE;
    found.word = WaitWord::RWLOCK_READ;
    found.object = futex.word;
  } else if (state_before && (*state_before & WRITERS_WAIT) && is_held(*state_before)) {
    found.sureness = sureness::OWN_SHAPE - 5;
    found.word = WaitWord::RWLOCK_WRITE;
    found.object = futex.word - 4;
  } else {
    return std::nullopt;
  }
  if (innermost_rust_name(blocked.names) == "futex::RwLock") found.sureness += sureness::NAMED;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  const auto state = object.window.u32(0);
  if (!state) return;
  const std::uint32_t count = *state & MASK;
  if (count == MASK) {
    resource.detail = "a writer holds it";
  } else if (count == 0) {
    mark_free(resource);
  } else {
    resource.detail = std::to_string(count) + (count == 1 ? " reader holds it" : " readers hold it");
    resource.reader_count = count;
    resource.all_must_release = true;
  }
}

}  // namespace

extern const WaitKind rust_rwlock_kind = {
    .name = "Rust rwlock", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill

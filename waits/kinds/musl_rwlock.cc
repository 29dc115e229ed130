// pthread_rwlock_t of musl: one word that counts readers, no owner.
//
//     // musl src/thread/pthread_rwlock_timed{rd,wr}lock.c: +0 lock: readers, or 0x7fffffff for a writer;
//     0x80000000 when waited for
//     //   +4 waiters, +8 shared
//
// Readers and writers make the same call. While readers have the lock only writers wait; while a writer has
// it, the function that waits tells, by its name or by its code: a reader's compares the word with
// 0x7fffffff before it waits, and a writer's calls one that exchanges 0 for 0x7fffffff.
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

#include <algorithm>
#include <array>

namespace standstill {
namespace {

constexpr std::uint32_t WAITERS = 0x80000000, WRITER = 0x7fffffff;

constexpr std::array<std::uint8_t, 4> WRITER_BYTES = {0xff, 0xff, 0xff, 0x7f};
constexpr std::array<std::uint8_t, 3> LOCKED_EXCHANGE = {0xf0, 0x0f, 0xb1};  // lock cmpxchg

bool contains(Bytes code, Bytes part) { return !std::ranges::search(code, part).empty(); }

// mov $0x7fffffff,%register; lock cmpxchg: pthread_rwlock_trywrlock.
bool takes_to_write(const MemoryView& memory, Address function) {
  std::array<std::uint8_t, 32> code{};
  if (!memory.copy(function, code)) return false;
  const auto found = std::ranges::search(code, WRITER_BYTES);
  if (found.empty() || found.begin() == code.begin() || (*std::prev(found.begin()) & 0xf8) != 0xb8)
    return false;
  const Bytes behind = clipped(code, static_cast<std::uint64_t>(found.end() - code.begin()), 8);
  return contains(behind, LOCKED_EXCHANGE);
}

// What the innermost function that sets the word's highest bit before it waits, as both do, is for.
std::optional<WaitWord> word_by_code(const BlockedThread& blocked) {
  constexpr std::size_t REACH = 96, FRAMES = 6, CALL = 5;
  const MemoryView& memory = blocked.snapshot.memory;
  const auto& frames = blocked.stack.frames;
  for (std::size_t i = 1; i < std::min(frames.size(), FRAMES); ++i) {
    std::array<std::uint8_t, REACH> code{};
    const Address start = frames[i].pc - REACH;
    if (!memory.copy(start, code) || code[REACH - CALL] != 0xe8 || !contains(code, LOCKED_EXCHANGE)) continue;
    if (contains(code, WRITER_BYTES)) return WaitWord::RWLOCK_READ;
    for (std::size_t place = 0; place + CALL < REACH; ++place) {
      if (code[place] != 0xe8) continue;
      std::int32_t distance = 0;
      std::memcpy(&distance, &code[place + 1], sizeof distance);
      const Address target = start + place + CALL + static_cast<std::uint64_t>(std::int64_t{distance});
      if (takes_to_write(memory, target)) return WaitWord::RWLOCK_WRITE;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (blocked.threads.c_library() != CLibrary::MUSL || !futex.is_wait() || !(futex.value & WAITERS))
    return std::nullopt;
  const std::uint32_t readers = futex.value & WRITER;
  if (!has_waiters_and_flag(futex, 0)) return std::nullopt;
  if (readers == 0 || (readers != WRITER && readers > (1u << 22))) return std::nullopt;
  const bool named = blocked.names.mentions("pthread_rwlock_");
  Recognition found;
  // A semaphore that is waited for (-1, waiters) looks alike but for its flag, which says the opposite.
  found.sureness = sureness::SHAPE + (named ? sureness::NAMED + 10 : 0);
  found.what = "rwlock";
  if (named) {
    found.word = blocked.names.mentions("rdlock") ? WaitWord::RWLOCK_READ : WaitWord::RWLOCK_WRITE;
  } else if (readers != WRITER) {
    found.word = WaitWord::RWLOCK_WRITE;
  } else if (const auto word = word_by_code(blocked)) {
    found.word = *word;
  } else {
    found.word = WaitWord::FUTEX;
    found.what = "rwlock, to read or to write";
  }
  found.object = futex.word;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  const auto lock = object.window.u32(0);
  if (!lock) return;
  const std::uint32_t readers = *lock & WRITER;
  if (readers == WRITER) {
    resource.detail = "a writer holds it";
  } else if (readers > 0 && readers < (1u << 22)) {
    resource.detail = std::to_string(readers) + (readers == 1 ? " reader holds it" : " readers hold it");
    resource.reader_count = readers;
    resource.all_must_release = true;
  }
}

}  // namespace

extern const WaitKind musl_rwlock_kind = {
    .name = "musl rwlock", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill

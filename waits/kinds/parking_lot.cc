// parking_lot's locks (Rust): a waiter sleeps on a word of its own thread's data (value 1), and the lock's
// address lies a few words away in that record, under which the global table of queues knows it. Lock words
// keep no owner.
//
//     // parking_lot_core 0.9 src/parking_lot.rs, struct ThreadData: parker { futex: AtomicI32 (1 = parked)
//     }, key: AtomicUsize (address of
//     // the lock), next_in_queue, unpark_token, park_token, ...; the order of the fields is rustc's choice
//     // src/thread_parker/linux.rs: syscall(SYS_futex, word, WAIT | PRIVATE, 1, timeout)
//     // parking_lot 0.12 raw_mutex.rs: byte, locked 1, parked 2; raw_rwlock.rs: word, parked 1, writer
//     parked 2, upgradable 4, writer 8, readers << 4
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint64_t TLS_REACH = 1 << 16;
constexpr std::uint64_t WRITER_PARKED = 2, WRITER = 8, READER_SHIFT = 4;
constexpr std::uint64_t SHARED_TOKEN = 16,
                        EXCLUSIVE_TOKEN = 8;  // what a parked thread left in its record: what it wants

bool is_waiting_for_readers(const MemoryView& memory, Address lock) {
  const auto state = memory.read<std::uint64_t>(lock);
  return state && (*state & (WRITER | WRITER_PARKED)) == (WRITER | WRITER_PARKED) &&
         *state >> READER_SHIFT != 0 && *state >> READER_SHIFT < (1u << 22);
}

// By the token in the record; without one that says otherwise, a writer.
bool wants_to_read(const FutexCall& futex) {
  bool shared = false, exclusive = false;
  for (std::int64_t offset = -24; offset <= 24; offset += 8) {
    shared |= futex.around.u64(offset) == SHARED_TOKEN;
    exclusive |= futex.around.u64(offset) == EXCLUSIVE_TOKEN;
  }
  return shared && !exclusive;
}

// The word of the record that can be the key: points to readable memory outside of the record, at a lock word
// with its parked bit.
std::optional<Address> find_key(const BlockedThread& blocked, const FutexCall& futex) {
  // Seen: 32 bytes before the futex word (0.9.3, rustc 1.95). Others by distance.
  for (const std::int64_t offset : {-32, -8, -16, -24, -40, 8, 16, 24, 32, 40, -48, 48}) {
    const auto word = futex.around.u64(offset);
    if (!word || *word < 4096) continue;
    const Address key(*word);
    if (key - (futex.word - 64) < 128) continue;  // into the record itself
    // A writer that waits for readers to leave sleeps under the lock's address plus one.
    if (key.value() % 2 == 1) {
      if (is_waiting_for_readers(blocked.snapshot.memory, key - 1)) return key;
    }
    const auto state = blocked.snapshot.memory.read<std::uint8_t>(key);
    // A lock that is waited for is taken and has one of its two parked bits.
    if (state && (*state & 3) != 0 && !blocked.snapshot.is_executable(key)) return key;
  }
  return std::nullopt;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!futex.by_syscall_function || futex.operation != FutexCall::WAIT || !futex.is_private ||
      futex.value != 1)
    return std::nullopt;
  const bool named = blocked.names.mentions("parking_lot");
  const Address block(blocked.thread.registers.thread_pointer);
  const bool in_own_tls = futex.word < block && block - futex.word < TLS_REACH;
  if (!named && !in_own_tls) return std::nullopt;
  Recognition found;
  const auto key = find_key(blocked, futex);
  const bool waits_for_readers =
      key && key->value() % 2 == 1 && is_waiting_for_readers(blocked.snapshot.memory, *key - 1);
  if (key) found.object = waits_for_readers ? *key - 1 : *key;
  found.sureness = (key ? sureness::SHAPE : sureness::ARGUMENTS) + (named ? sureness::NAMED : 0);
  found.word = WaitWord::MUTEX;
  found.what = "parking_lot mutex";
  if (blocked.names.mentions("Condvar")) {
    found.word = WaitWord::CONDITION;
    found.what = "parking_lot condition variable";
  } else if (blocked.names.mentions("RawRwLock") || blocked.names.mentions("raw_rwlock")) {
    const bool reads = blocked.names.mentions("lock_shared");
    found.word = reads ? WaitWord::RWLOCK_READ : WaitWord::RWLOCK_WRITE;
    found.what = "parking_lot rwlock";
  } else if (!blocked.names.mentions("RawMutex") && !blocked.names.mentions("raw_mutex") && key) {
    // Without names: a mutex is one byte of value 1 (locked) with 2 (parked); an rwlock's word has a writer
    // or readers above.
    const auto state = blocked.snapshot.memory.read<std::uint64_t>(*key);
    if (waits_for_readers || (state && (*state & 0xf8) != 0 && (*state & 0xff) != 3)) {
      found.word =
          !waits_for_readers && wants_to_read(futex) ? WaitWord::RWLOCK_READ : WaitWord::RWLOCK_WRITE;
      found.what = "parking_lot rwlock";
    }
  }
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = resource.word != WaitWord::CONDITION;
  if (resource.what != "parking_lot rwlock") return;
  const auto state = object.window.u64(0);
  const std::uint64_t readers = state.value_or(0) >> READER_SHIFT;
  if (readers == 0 || readers >= (1u << 22)) return;
  resource.detail = std::to_string(readers) + (readers == 1 ? " reader holds it" : " readers hold it");
  resource.reader_count = static_cast<std::uint32_t>(readers);
  resource.all_must_release = true;
}

}  // namespace

extern const WaitKind parking_lot_kind = {
    .name = "parking_lot", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill

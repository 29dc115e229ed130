#include "waits/thread_directory.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace standstill {
namespace {

// glibc 2.11..2.42 nptl/descr.h, struct pthread (x86-64), which starts with tcbhead_t:
//   +0    tcb      its own address
//   +16   self     its own address
//   +720  tid
constexpr std::uint64_t GLIBC_SELF = 16, GLIBC_TID = 720;
// musl 1.1.20..1.2.5 src/internal/pthread_impl.h, struct pthread:
//   +0    self     its own address
//   +48   tid
constexpr std::uint64_t MUSL_TID = 48;

constexpr std::size_t SAMPLE = 16;

// What we look at of one thread's block. Each lies on pages of its own, so they are copied and not mapped.
class ControlBlock {
 public:
  ControlBlock(const MemoryView& memory, Address block) {
    const std::span<std::uint8_t> all(bytes_);
    // musl's block is shorter, and may end its mapping.
    if (!memory.copy_once(block, all) && !memory.copy_once(block, all.first(MUSL_TID + 4))) bytes_.fill(0);
  }

  // Zero where the dump lacks the bytes, which is neither an address nor a thread id.
  std::uint64_t word(std::size_t offset) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  std::uint32_t number(std::size_t offset) const {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

 private:
  std::array<std::uint8_t, GLIBC_TID + 4> bytes_{};
};

// A dump lists threads by age, so that ids ascend, and stacks with their control blocks descend, but for
// those that came where others had ended.
template <class Entries>
void sort_mostly_sorted(Entries& entries) {
  if (entries.size() > 1 && entries[1] > entries.back()) std::ranges::reverse(entries);
  const auto rest = std::is_sorted_until(entries.begin(), entries.end());
  std::sort(rest, entries.end());
  std::inplace_merge(entries.begin(), rest, entries.end());
}

}  // namespace

ThreadDirectory::ThreadDirectory(const Snapshot& snapshot)
    : pid_(snapshot.process.pid), parent_pid_(snapshot.process.parent_pid) {
  const std::vector<Thread>& threads = snapshot.threads;
  by_control_block_.reserve(threads.size());
  by_tid_.reserve(threads.size());
  for (ThreadIndex i = 0; i < threads.size(); ++i)
    if (const Address block(threads[i].registers.thread_pointer); block)
      by_control_block_.emplace_back(block, i);
  sort_mostly_sorted(by_control_block_);

  std::vector<std::uint32_t> inner(threads.size(), 0);
  std::size_t same = 0, known = 0, glibc = 0, musl = 0;
  const auto look = [&](ThreadIndex i) {
    const Address block(threads[i].registers.thread_pointer);
    if (!block) return;
    const ControlBlock content(snapshot.memory, block);
    if (content.word(0) != block.value()) return;
    const bool is_glibc = content.word(GLIBC_SELF) == block.value();
    ++(is_glibc ? glibc : musl);
    inner[i] = content.number(is_glibc ? GLIBC_TID : MUSL_TID);
    if (!is_plausible_tid(inner[i])) inner[i] = 0;
    known += inner[i] != 0;
    same += inner[i] == static_cast<std::uint32_t>(threads[i].tid);
  };
  // Of a live process the kernel has told both numberings.
  const bool is_told = !threads.empty() && std::ranges::all_of(threads, [](const Thread& thread) {
    return thread.namespace_tid != 0;
  });
  // A few tell which library and which numbering it is. All are looked at only where the numberings differ:
  // each block lies in a page of its own.
  const auto sample = static_cast<ThreadIndex>(std::min<std::size_t>(threads.size(), SAMPLE));
  for (ThreadIndex i = 0; i < sample; ++i) look(i);
  if (same == 0 && known > 0 && !is_told)
    for (ThreadIndex i = sample; i < threads.size(); ++i) look(i);
  if (glibc + musl > 0) c_library_ = glibc >= musl ? CLibrary::GLIBC : CLibrary::MUSL;
  // The numbers in memory win only when they are another numbering altogether: a single thread that differs
  // is a damaged block, or a layout we do not know.
  const bool other_numbering = is_told || (same == 0 && known > 0 && known == threads.size());
  if (is_told)
    for (ThreadIndex i = 0; i < threads.size(); ++i)
      inner[i] = static_cast<std::uint32_t>(threads[i].namespace_tid);
  for (ThreadIndex i = 0; i < threads.size(); ++i) {
    by_tid_.emplace_back(other_numbering ? inner[i] : static_cast<std::uint64_t>(threads[i].tid), i);
    if (other_numbering && threads[i].tid == pid_) pid_ = static_cast<int>(inner[i]);
  }
  sort_mostly_sorted(by_tid_);
  make_table();
}

// Kinds ask for many a number that is none, and for ten thousand threads a search costs more than all the
// rest of the question. Ids of one process lie close together as a rule.
void ThreadDirectory::make_table() {
  constexpr std::uint64_t SPREAD = 16;  // numbers to each thread
  if (by_tid_.empty()) return;
  lowest_tid_ = by_tid_.front().first;
  const std::uint64_t span = by_tid_.back().first - lowest_tid_;
  if (span / SPREAD > by_tid_.size()) return;
  table_.assign(span + 1, NOBODY);
  for (auto entry = by_tid_.rbegin(); entry != by_tid_.rend(); ++entry)
    table_[entry->first - lowest_tid_] = entry->second;  // the first of several with one number remains
}

std::optional<ThreadIndex> ThreadDirectory::by_tid(std::uint64_t tid) const {
  if (!table_.empty()) {
    const std::uint64_t place = tid - lowest_tid_;
    if (place >= table_.size() || table_[place] == NOBODY) return std::nullopt;
    return table_[place];
  }
  const auto found = std::lower_bound(by_tid_.begin(), by_tid_.end(), std::pair(tid, ThreadIndex{0}));
  if (found == by_tid_.end() || found->first != tid) return std::nullopt;
  return found->second;
}

std::optional<ThreadIndex> ThreadDirectory::by_control_block(Address address) const {
  const auto found = control_block_below(address, 0);
  return found ? std::optional(found->first) : std::nullopt;
}

std::optional<std::pair<ThreadIndex, std::uint64_t>> ThreadDirectory::control_block_below(
    Address address, std::uint64_t reach) const {
  const auto next = std::upper_bound(by_control_block_.begin(), by_control_block_.end(), address,
                                     [](Address a, const auto& entry) { return a < entry.first; });
  if (next == by_control_block_.begin()) return std::nullopt;
  const auto& [block, thread] = *std::prev(next);
  const std::uint64_t distance = address - block;
  if (distance > reach) return std::nullopt;
  return std::pair(thread, distance);
}

}  // namespace standstill

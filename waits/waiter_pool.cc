#include "waits/waiter_pool.h"

#include <algorithm>

namespace standstill {
namespace {

constexpr std::uint64_t ALIGNMENT = 64, STRIDE = 128, SLOTS = 16;
constexpr std::uint64_t CODE_LIMIT = 1 << 18;     // bytes of one function that are looked through
constexpr std::uint32_t MOST_WAITERS = 1u << 22;  // more threads than there can be

unsigned slot_for(Address object) { return static_cast<unsigned>((object.value() >> 2) % SLOTS); }

}  // namespace

bool is_pool_word(const FutexCall& futex) {
  if (futex.word.value() % ALIGNMENT != 0) return false;
  const auto waiters = futex.around.u32(-64);
  if (!waiters || *waiters == 0 || *waiters > MOST_WAITERS) return false;
  for (std::int64_t offset = -60; offset < 64; offset += 4)
    if (offset != 0 && futex.around.u32(offset) != 0) return false;
  return true;
}

WaiterPool::WaiterPool(const Snapshot& snapshot) : snapshot_(snapshot) {
  for (ModuleIndex i = 0; i < snapshot.modules.size(); ++i)
    call_frames_.push_back(
        std::make_unique<ModuleCallFrames>(snapshot, i, [](ModuleIndex) { return nullptr; }));
}

std::optional<ComparedValue> WaiterPool::find_object(const MemoryView& memory,
                                                     const StackWithRegisters& caller,
                                                     Address pool_word) const {
  const auto next = find_next_comparison(memory, caller);
  if (!next || next->values.empty()) return std::nullopt;
  const std::vector<Address> bases = find_bases(caller.stack.frames, pool_word);
  std::optional<ComparedValue> object;
  for (const ComparedValue& value : next->values) {
    const bool is_in_pool = value.address < pool_word + ALIGNMENT && pool_word < value.address + STRIDE;
    const bool leads_here = std::ranges::any_of(bases, [&](Address base) {
      return base + slot_for(value.address) * STRIDE + ALIGNMENT == pool_word;
    });
    if (is_in_pool || !leads_here) continue;
    if (object) return std::nullopt;
    object = value;
  }
  return object;
}

// Where the pool may begin, as the code of the frames has it: mostly one address, but others that are
// mentioned there may lie a multiple of its words before this one, too.
std::vector<Address> WaiterPool::find_bases(std::span<const Frame> frames, Address pool_word) const {
  std::vector<Address> bases;
  for (const Frame& frame : frames.subspan(1)) add_bases(frame, pool_word, bases);
  return bases;
}

// Addresses in the code of the frame's function at which a pool with this word may begin.
void WaiterPool::add_bases(const Frame& frame, Address pool_word, std::vector<Address>& bases) const {
  const auto index = snapshot_.find_module(frame.lookup_address());
  if (!index) return;
  const Module& module = snapshot_.modules[*index];
  const auto entry = call_frames_[*index]->find(module.to_vaddr(frame.lookup_address()));
  if (!entry) return;
  const Address start = module.from_vaddr(entry->start);
  std::vector<std::uint8_t> scratch;
  const Bytes code =
      snapshot_.memory.bytes_in(start, std::min(entry->end - entry->start, CODE_LIMIT), scratch);
  const Address first = pool_word - ALIGNMENT;  // of this word's own slot
  const auto add = [&](std::uint64_t target) {
    const std::uint64_t distance = first.value() - target;
    if (distance < SLOTS * STRIDE && distance % STRIDE == 0) bases.push_back(Address(target));
  };
  for (std::uint64_t place = 1; place + 4 <= code.size(); ++place) {
    std::int32_t value = 0;
    std::memcpy(&value, code.data() + place, 4);
    if ((code[place - 1] & 0xc7) == 0x05)  // ModRM: relative to the next instruction
      add((start + place + 4).value() + static_cast<std::uint64_t>(std::int64_t{value}));
    else if (value > 0)  // in a program that is loaded where it was linked to
      add(static_cast<std::uint64_t>(value));
  }
}

}  // namespace standstill

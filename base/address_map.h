// Millions of addresses with a value each, in one piece of memory: a look-up is one or two cache lines, and
// nothing is allocated per entry.
#pragma once

#include "base/address.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace standstill {

template <class Value>
class AddressMap {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Whether it is new; an address that is there keeps its value. Address 0 cannot be added.
  bool add(Address address, Value value) {
    if (!address) return false;
    if ((size_ + 1) * 2 > slots_.size()) grow();
    Slot& slot = slots_[place_of(address)];
    if (slot.address) return false;
    slot = {address, std::move(value)};
    ++size_;
    return true;
  }

  // Null where the address is not there. Valid until the next add().
  const Value* find(Address address) const {
    if (slots_.empty() || !address) return nullptr;
    const Slot& slot = slots_[place_of(address)];
    return slot.address ? &slot.value : nullptr;
  }

 private:
  struct Slot {
    Address address;  // 0: free
    Value value;
  };

  // Where it is, or the free slot where it belongs. There is always a free one: at most half are taken.
  std::size_t place_of(Address address) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = (address.value() * 0x9e3779b97f4a7c15u >> 24) & mask;
    while (slots_[at].address && slots_[at].address != address) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (Slot& slot : old)
      if (slot.address) slots_[place_of(slot.address)] = std::move(slot);
  }

  std::vector<Slot> slots_;  // a power of two
  std::size_t size_ = 0;
};

}  // namespace standstill

// What of a Go heap can still be reached, from words that the program may still use: each word that is an
// address of an object marks the object, and its words in turn. Which words are pointers is known of all
// objects until Go 1.21 (a bitmap), and of those above 512 bytes since (their type stands in front of them);
// of all others each word counts that could be an address, which may keep too much but never too little.
//
//     GoMark mark(heap);
//     mark.hide(g);                      // its contents do not count
//     mark.watch(channel, 17);           // say when it is reached
//     mark.add_memory(data, size);       // roots
//     mark.drain();
//     mark.take_woken();                 // 17 is among them: add what it keeps, and drain again
//
// Memory of its own: two bits for each eight bytes of arenas that hold something reached, and a stack of what
// is to be looked at, which is bounded: where it is full, all that is marked is looked at once more.
#pragma once

#include "runtimes/go/heap_arenas.h"

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace standstill {

class GoMark {
 public:
  static constexpr std::size_t MOST_WAITING = std::size_t{1} << 24;
  // Borrows the heap. At most `most_waiting` objects are remembered that are still to be looked at.
  explicit GoMark(const GoHeap& heap, std::size_t most_waiting = MOST_WAITING);

  // The object that holds `address` is not looked at, whoever leads to it. Before all roots.
  void hide(Address address);
  enum class Watch : std::uint8_t {
    WATCHED,  // `waiter` is woken when the object that holds the address is reached
    REACHED,  // it was reached already
    OUTSIDE,  // no object of the heap holds it
  };
  Watch watch(Address address, std::uint32_t waiter);

  // A root.
  void add_word(std::uint64_t value) {
    if (value - low_ < extent_) visit(value);
  }
  void add_words(Bytes words);
  // Words of the target's memory, `address` rounded up to a multiple of eight. Words that cannot be read are
  // counted as unread.
  void add_memory(Address address, std::uint64_t size);
  // Something that cannot be read, and may lead anywhere.
  void add_unread() { ++unread_; }
  // What the object that holds `address` leads to, but not the object itself.
  void add_contents(Address address);
  // Finalizers and cleanups lie outside the heap; what they need is kept.
  void add_specials();

  void drain();
  // Those woken since the last call, each as often as objects were reached that it waits for.
  std::vector<std::uint32_t> take_woken() { return std::exchange(woken_, {}); }

  bool is_reached(Address address) const;
  // Objects reached that could not be read, or places that may hold objects but cannot be told: what they
  // lead to is not known.
  std::uint64_t unread() const { return unread_; }
  std::uint64_t reached_objects() const { return reached_; }
  std::uint64_t scanned_bytes() const { return scanned_; }

 private:
  struct Item {
    std::uint64_t at = 0;
    std::uint32_t span = 0;
  };
  struct Bits {
    std::vector<std::uint64_t> marked, watched;
  };
  // Which words of a type are pointers; `words` 0: not known.
  struct TypeMask {
    std::uint64_t words = 0, pointer_words = 0;
    std::vector<std::uint8_t> bits;
  };

  void visit(std::uint64_t value);
  void push(Item item);
  void look_at(const Item& item);
  void look_at_words(Bytes words, std::uint64_t address, bool may_be_processor);
  bool look_at_typed(Bytes object, Address type);
  const TypeMask& mask_of(Address type);
  TypeMask read_mask(Address type) const;
  bool is_variable(Address address) const;
  void look_at_waiting();
  void look_again();
  Bits& bits_of(std::uint64_t address);
  void wake(std::uint64_t object);

  const GoHeap& heap_;
  const MemoryView& memory_;
  const std::uint64_t low_, extent_;
  const std::size_t most_waiting_;
  const bool has_types_;
  std::vector<std::unique_ptr<Bits>> bits_;  // by arena
  std::vector<Item> waiting_;
  std::vector<std::uint64_t> hidden_;      // objects
  static constexpr std::size_t AHEAD = 8;  // objects that are being fetched while others are looked at
  bool overflowed_ = false;
  struct Watcher {
    std::uint32_t waiter;
    std::uint32_t next;
  };
  static constexpr std::uint32_t NOBODY = UINT32_MAX;
  std::unordered_map<std::uint64_t, std::uint32_t> watchers_;  // by object: the first of its list
  std::vector<Watcher> watcher_list_;
  std::vector<std::uint32_t> woken_;
  std::unordered_map<Address, TypeMask> masks_;
  std::vector<std::uint8_t> scratch_;
  std::uint64_t unread_ = 0, reached_ = 0, scanned_ = 0;
};

}  // namespace standstill

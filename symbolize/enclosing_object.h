// What an address is to the code that works on it: a function on the stack has a parameter that points to an
// Account, and the address is that of its member `lock`.
//
//   this = 0x7ffd39e4b198 (Ledger), wanted 0x7ffd39e4b1b8   ->   "Ledger::lock_" of the Ledger at
//   0x7ffd39e4b198
//
// Members are followed inwards: of a Shop with a Ledger in it, the Ledger is what is named. The innermost
// structure of the program's own counts: inside a std::mutex there is nothing that a reader wants to know.
#pragma once

#include "base/address.h"
#include "coredump/elf_image.h"
#include "coredump/memory_view.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace standstill {

struct FrameValues;

struct EnclosingObject {
  Address start;       // of the object
  std::string type;    // "shop::Ledger"
  std::string member;  // "lock_", "queues[3].lock"; "" where the object is, by inheritance, the lock itself
  bool is_wrapper =
      false;  // the lock is all there is in it: where another object encloses it, that tells more
  friend bool operator==(const EnclosingObject&, const EnclosingObject&) = default;
};

// Of one module. For one thread; keeps what it read of DWARF for each distinct address of code.
class EnclosingObjects {
 public:
  // `image` holds the debug information of the module that was loaded `bias` above its file's addresses.
  // Without usable debug information it finds nothing.
  EnclosingObjects(std::shared_ptr<const ElfImage> image, std::uint64_t bias);
  ~EnclosingObjects();

  // Appends to `found` each distinct object that a variable of this frame is, points or refers to (or that is
  // a part of it), and that has something like a lock exactly at `wanted`: an integer, or what is the
  // library's.
  void find(const FrameValues& frame, const MemoryView& memory, Address wanted,
            std::vector<EnclosingObject>& found);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace standstill

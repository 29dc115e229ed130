// Finds the frame description entry for a pc. An .eh_frame comes with a sorted table, .eh_frame_hdr
// (LSB 5.0, 10.6.2), which is searched where it lies. Where there is none, or it is of another shape than all
// linkers write, and for .debug_frame, the section is walked once, at the first question, and indexed.
#pragma once

#include "unwind/call_frame_entry.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace standstill {

class CallFrameTable {
 public:
  // The bytes are borrowed. An empty or unusable `header` means that the section is indexed.
  CallFrameTable(CallFrameSection section, Bytes header, std::uint64_t header_vaddr);

  // The entry that covers `vaddr`, an address as in the file; nothing where none does. Safe from many
  // threads.
  std::optional<CallFrameEntry> find(std::uint64_t vaddr) const;

  // Entries in the sorted table or the index.
  std::size_t size() const;

 private:
  // sdata4, relative to the start of .eh_frame_hdr
  struct HeaderPair {
    std::int32_t start;
    std::int32_t entry;
  };
  struct Indexed {
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t offset;  // in the section
  };

  bool use_header(Bytes header);
  HeaderPair pair(std::size_t index) const;
  std::optional<std::uint64_t> find_in_header(std::uint64_t vaddr) const;
  std::optional<std::uint64_t> find_in_index(std::uint64_t vaddr) const;
  const std::vector<Indexed>& index() const;

  CallFrameSection section_;
  std::uint64_t header_vaddr_ = 0;
  Bytes pairs_;  // eight bytes each; empty: use the index
  mutable std::once_flag indexed_;
  mutable std::vector<Indexed> index_;
};

// Where PT_GNU_EH_FRAME's contents say that .eh_frame begins (as a virtual address); nothing where they are
// of another shape.
std::optional<std::uint64_t> eh_frame_vaddr(Bytes header, std::uint64_t header_vaddr);

}  // namespace standstill

// Where a module's call frame information comes from, in the order asked: .eh_frame of its file (or, where
// the file is gone, out of the target's memory, which has it loaded), .debug_frame of its file (Go has no
// other), .debug_frame of its separate debug file.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/call_frame_table.h"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace standstill {

// The separate debug file of a module, or null; may be slow, and is asked only where nothing else covers a
// pc.
using FindDebugImage = std::function<std::shared_ptr<const ElfImage>(ModuleIndex)>;

class ModuleCallFrames {
 public:
  // Borrows the snapshot. Opens nothing before the first question.
  ModuleCallFrames(const Snapshot& snapshot, ModuleIndex module, FindDebugImage find_debug_image);

  // The entry that covers the virtual address `vaddr` (as in the file). Safe from many threads.
  std::optional<CallFrameEntry> find(std::uint64_t vaddr) const;

  // Whether the module has any call frame information at all. Does not look for a debug file.
  bool has_entries() const;

 private:
  struct Source;

  void open_own() const;
  void open_separate() const;
  void add_eh_frame_of_file(const ElfImage& image) const;
  void add_eh_frame_of_memory() const;
  void add_debug_frame(const std::shared_ptr<const ElfImage>& image,
                       std::vector<std::unique_ptr<Source>>& sources) const;

  const Snapshot& snapshot_;
  ModuleIndex index_;
  FindDebugImage find_debug_image_;
  mutable std::once_flag own_opened_;
  mutable std::once_flag separate_opened_;
  mutable std::vector<std::unique_ptr<Source>> own_;
  mutable std::vector<std::unique_ptr<Source>> separate_;

 public:
  ~ModuleCallFrames();
};

}  // namespace standstill

// Mini debug info: Fedora and others put an xz-compressed ELF file with the local functions' symbols into
// section .gnu_debugdata of otherwise stripped files (gdb manual, "MiniDebugInfo").
#pragma once

#include "base/error.h"
#include "coredump/elf_image.h"

#include <memory>
#include <vector>

namespace standstill {

// Null where the image has none. A damaged one gets a note.
std::shared_ptr<const ElfImage> open_mini_debug_info(const ElfImage& image, std::vector<Note>& notes);

}  // namespace standstill

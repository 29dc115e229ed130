// Names of a module whose file is gone (deleted, left on another machine): the dynamic linker needed its
// exported symbols while the program ran, so they lie in the process's memory, and often in the dump. What
// only the file had (.symtab, DWARF) stays unknown.
#pragma once

#include "coredump/elf_image.h"
#include "coredump/memory_view.h"
#include "coredump/module.h"

#include <memory>

namespace standstill {

// An image that holds nothing but the module's .dynsym and .dynstr, for find_symbols(); null where the memory
// lacks them or they make no sense.
std::shared_ptr<const ElfImage> image_of_dynamic_symbols(const MemoryView& memory, const Module& module);

}  // namespace standstill

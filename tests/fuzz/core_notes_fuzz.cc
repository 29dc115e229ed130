// Any bytes as the contents of a core's PT_NOTE segment.
#include "coredump/cores/core_notes.h"

#include <cstdint>

#include <elf.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  if (size == 0) return 0;
  CoreNotes notes;
  read_core_notes({data + 1, size - 1}, data[0], 0, *find_architecture(EM_X86_64), notes);
  finish_core_notes(notes);
  return 0;
}

// Any bytes as a core: headers, segments, notes, modules in its memory. No file of this machine may be opened
// on its word: the sysroot is a folder that does not exist.
#include "coredump/cores/open_core.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  OpenOptions options;
  options.sysroot = "/nonexistent";
  const auto snapshot = read_core(MappedFile::from_memory({data, data + size}, "core"), options);
  if (!snapshot) return 0;
  for (const Thread& thread : snapshot->threads) {
    (void)snapshot->memory.read<std::uint64_t>(thread.registers.stack_pointer());
    (void)snapshot->find_module(thread.registers.pc());
    (void)snapshot->is_executable(thread.registers.pc());
  }
  return 0;
}

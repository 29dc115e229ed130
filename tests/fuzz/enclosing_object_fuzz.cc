// An ELF file's DWARF as the description of a frame's variables, whatever it says of scopes, types and
// locations: which objects enclose an address. Half of it is LLVM's reader; the walk over types and members,
// which may go in circles, is ours.
#include "symbolize/enclosing_object.h"
#include "symbolize/frame_variables.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

using namespace standstill;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = ElfImage::parse(MappedFile::from_memory({data, data + size}, "fuzz"));
  if (!image) return 0;
  // A stack full of pointers to itself: wherever a variable lies, there is an object to look into.
  constexpr Address STACK(0x700000);
  constexpr std::size_t STACK_SIZE = 4096;
  std::vector<std::uint8_t> bytes(STACK_SIZE);
  for (std::size_t offset = 0; offset + 8 <= bytes.size(); offset += 8) {
    const std::uint64_t value = (STACK + offset * 5 % 512).value();
    std::memcpy(&bytes[offset], &value, sizeof value);
  }
  const MemoryView memory({{STACK, STACK + STACK_SIZE, {bytes}}}, {});
  std::array<std::uint64_t, 17> registers{};
  for (std::size_t i = 0; i < registers.size(); ++i) registers[i] = (STACK + 64 * i).value();

  EnclosingObjects objects(*image, 0);
  for (std::uint64_t vaddr = 0x1000; vaddr < 0x1100; vaddr += 9) {
    FrameValues frame;
    frame.vaddr = vaddr;
    frame.cfa = STACK + 256;
    frame.registers = registers;
    frame.known = 0x1ffff;
    std::vector<EnclosingObject> found;
    for (std::uint64_t offset = 0; offset < 1024; offset += 8)
      objects.find(frame, memory, STACK + offset, found);
  }
  return 0;
}

// The code behind a call, hostile. Input: one byte place at which the caller's code begins, and the code.
#include "waits/compared_value.h"

#include <cstddef>
#include <cstdint>

using namespace standstill;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr Address CODE(0x400000);
  Cursor cursor(Bytes(data, size));
  const auto caller = cursor.read<std::uint8_t>();
  const Bytes code = cursor.read_bytes(cursor.remaining());
  const MemoryView memory({{CODE, CODE + code.size(), {code, MemoryView::Source::DUMP}}}, {});

  FrameRegisters registers;
  for (unsigned number = 0; number < Registers::COUNT; ++number)
    registers.set(number, number % 2 == 0 ? CODE.value() + 8 * number : UINT64_MAX - number);
  StackWithRegisters stack;
  for (const Address pc : {CODE, CODE, CODE + caller, CODE + 2 * caller}) {
    Frame frame;
    frame.pc = pc;
    stack.stack.frames.push_back(frame);
    stack.registers.push_back(registers);
  }
  if (const auto next = find_next_comparison(memory, stack))
    for (const ComparedValue& value : next->values) memory.bytes_at(value.address);
  return 0;
}

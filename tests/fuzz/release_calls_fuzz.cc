// The code of a function on a stack, and the ELF file whose symbols and relocations say what it calls, both
// hostile. Input: two bytes length of the code, two bytes place from which on it is looked through, the code,
// and the file.
#include "waits/holders/release_calls.h"

#include <cstddef>
#include <cstdint>

using namespace standstill;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr Address BASE(0x400000), CODE = BASE + 0x1000;
  Cursor cursor(Bytes(data, size));
  const auto length = cursor.read<std::uint16_t>(), from = cursor.read<std::uint16_t>();
  const Bytes code = cursor.read_bytes(std::min<std::uint64_t>(length, cursor.remaining()));
  const Bytes file = cursor.read_bytes(cursor.remaining());

  Snapshot snapshot;
  snapshot.memory = MemoryView({{CODE, CODE + code.size(), {code, MemoryView::Source::DUMP}}}, {});
  Module& module = snapshot.modules.emplace_back();
  module.start = BASE;
  module.end = BASE + 0x100000;
  if (auto image = ElfImage::parse(MappedFile::from_memory({file.begin(), file.end()}, "a module")))
    module.image = *image;

  FrameRegisters registers;
  for (unsigned number = 0; number < Registers::COUNT; ++number)
    registers.set(number, number % 2 == 0 ? CODE.value() + 8 * number : UINT64_MAX - number);
  ReleaseFunctions functions(snapshot);
  for (const ReleaseCall& call : find_release_calls(snapshot.memory, code, CODE, CODE + from, functions))
    evaluate(call.argument, registers, snapshot.memory);
  for (const TakingCall& call : find_taking_calls(snapshot.memory, code, CODE, CODE + from, functions))
    evaluate(call.argument, registers, snapshot.memory);
  for (const Address target : {BASE, CODE, CODE + from, Address(0)}) functions.ask(target);
  return 0;
}

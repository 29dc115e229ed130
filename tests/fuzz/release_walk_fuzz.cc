// Code that is walked through in search of a release, as a hostile core has it. Input: one byte for where the
// lock is, one for rbx; then a page that is code, stack and heap in one.
#include "waits/holders/release_walk.h"

#include <cstddef>
#include <cstdint>

using namespace standstill;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr Address PAGE(0x10000);
  Cursor cursor(Bytes(data, size));
  const Address word = PAGE + 16 * cursor.read<std::uint8_t>();
  FrameRegisters registers;
  registers.set(Registers::RBX, (PAGE + 16 * cursor.read<std::uint8_t>()).value());
  const Bytes page = cursor.read_bytes(cursor.remaining());
  if (!cursor.ok() || page.empty()) return 0;
  registers.set(Registers::RSP, (PAGE + page.size() / 2).value());
  Snapshot snapshot;
  snapshot.memory = MemoryView({{PAGE, PAGE + page.size(), {page, MemoryView::Source::DUMP}}}, {});
  ReleaseFunctions functions(snapshot);
  const ReleaseWalk walk(snapshot, functions, word);
  walk.always_releases(PAGE, registers);
  walk.may_release(PAGE, registers, 2);
  return 0;
}

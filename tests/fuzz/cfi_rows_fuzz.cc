// Call frame information as a hostile module has it: sections taken apart, searched, lowered by libdw, and
// used for a step. Input: one byte of flags (1: .debug_frame), two bytes length of .eh_frame_hdr, that, and
// the frames.
#include "unwind/call_frame_table.h"
#include "unwind/cfi_lowering.h"
#include "unwind/frame_step.h"

#include <cstddef>
#include <cstdint>

using namespace standstill;

namespace {

constexpr std::uint64_t HEADER = 0x1000, FRAMES = 0x2000, STACK = 0x700000;

void step(const CallFrameEntry& entry, std::uint64_t vaddr) {
  if (vaddr < entry.start || vaddr >= entry.end) return;
  const auto row = lower_row(entry, vaddr, 0x10000);
  if (!row) return;
  static const std::vector<std::uint8_t> WORDS(512, 0x41);
  const MemoryView memory(
      {{Address(STACK), Address(STACK + WORDS.size()), {WORDS, MemoryView::Source::DUMP}}}, {});
  StackWindow window(memory);
  FrameRegisters registers;
  for (unsigned number = 0; number < Registers::COUNT; ++number) registers.set(number, STACK + 8 * number);
  step_by_row(*row, registers, window);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Cursor cursor(Bytes(data, size));
  const bool is_debug_frame = (cursor.read<std::uint8_t>() & 1) != 0;
  const Bytes header = cursor.read_bytes(cursor.read<std::uint16_t>());
  if (!cursor.ok()) return 0;
  const CallFrameSection section{cursor.read_bytes(cursor.remaining()), FRAMES, is_debug_frame};

  std::size_t entries = 0;
  std::uint64_t offset = 0;
  for (auto record = read_record(section, offset); record && entries < 64;
       record = read_record(section, offset)) {
    if (const auto entry = read_entry(section, offset)) {
      ++entries;
      step(*entry, entry->start);
      step(*entry, entry->start + (entry->end - entry->start) / 2);
      step(*entry, entry->end - 1);
    }
    offset = record->next_offset;
  }
  for (const Bytes table_header : {header, Bytes{}}) {
    const CallFrameTable table(section, table_header, HEADER);
    for (const std::uint64_t vaddr : {std::uint64_t{0}, HEADER, FRAMES, FRAMES + 0x1000, UINT64_MAX}) {
      if (const auto entry = table.find(vaddr)) step(*entry, vaddr);
    }
  }
  return 0;
}

// A DWARF expression as the rule for the CFA and for the return address, decoded by libdw and evaluated by
// us.
#include "unwind/cfi_lowering.h"
#include "unwind/frame_step.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace standstill;

namespace {

constexpr std::uint64_t STACK = 0x700000;

void append_block(std::vector<std::uint8_t>& program, Bytes expression) {
  program.push_back(static_cast<std::uint8_t>(0x80 | (expression.size() & 0x7f)));
  program.push_back(static_cast<std::uint8_t>(expression.size() >> 7));
  program.insert(program.end(), expression.begin(), expression.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes expression(data, std::min<std::size_t>(size, 0x3fff));
  CallFrameEntry entry;
  entry.start = 0x1000;
  entry.end = 0x2000;
  std::vector<std::uint8_t> by_cfa = {0x0f};  // DW_CFA_def_cfa_expression
  append_block(by_cfa, expression);
  by_cfa.insert(by_cfa.end(), {0x90, 1});  // DW_CFA_offset rip, 1
  std::vector<std::uint8_t> by_register = {0x0c, 7, 8, 0x10,
                                           6};  // DW_CFA_def_cfa rsp, 8; DW_CFA_expression rbp
  append_block(by_register, expression);
  by_register.insert(by_register.end(), {0x16, 16});  // DW_CFA_val_expression rip
  append_block(by_register, expression);

  static const std::vector<std::uint8_t> WORDS(512, 0x41);
  const MemoryView memory(
      {{Address(STACK), Address(STACK + WORDS.size()), {WORDS, MemoryView::Source::DUMP}}}, {});
  FrameRegisters registers;
  for (unsigned number = 0; number < Registers::COUNT; ++number) registers.set(number, STACK + 8 * number);
  for (const auto& program : {by_cfa, by_register}) {
    if (!are_sound_instructions(program)) continue;
    entry.instructions = program;
    StackWindow window(memory);
    if (const auto row = lower_row(entry, 0x1800, 0x10000)) step_by_row(*row, registers, window);
  }
  return 0;
}

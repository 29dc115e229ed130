// Values are worked out by hand from DWARF 5, section 2.5.1.
#include "unwind/dwarf_expression.h"

#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <dwarf.h>

using namespace standstill;

namespace {

// Sixteen bytes at 0x1000: 0x8877665544332211, then zeros.
const std::vector<std::uint8_t> CONTENTS = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
                                            0,    0,    0,    0,    0,    0,    0,    0};

Dwarf_Op op(std::uint8_t atom, std::uint64_t number = 0, std::uint64_t number2 = 0) {
  return {atom, number, number2, 0};
}

std::optional<std::uint64_t> evaluate(std::vector<Dwarf_Op> operations,
                                      std::optional<std::uint64_t> cfa = std::nullopt) {
  FrameRegisters registers;
  registers.set(Registers::RSP, 0x7000);
  registers.set(Registers::RIP, 0x40100b);
  const MemoryView memory({{Address(0x1000), Address(0x1010), {CONTENTS, MemoryView::Source::DUMP}}}, {});
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (operations[i].offset == 0) operations[i].offset = i;
  }
  return evaluate_expression(operations, {registers, memory, cfa});
}

constexpr std::uint64_t minus(std::uint64_t n) { return 0 - n; }

}  // namespace

TEST_CASE("A PLT's CFA is rsp + 8, and 8 more once its push has run") {
  // binutils' .plt: DW_CFA_def_cfa_expression (DW_OP_breg7 (rsp): 8; DW_OP_breg16 (rip): 0; DW_OP_lit15;
  // DW_OP_and; DW_OP_lit11; DW_OP_ge; DW_OP_lit3; DW_OP_shl; DW_OP_plus). rip ends in 0xb here.
  CHECK(evaluate({op(DW_OP_breg7, 8), op(DW_OP_breg16), op(DW_OP_lit15), op(DW_OP_and), op(DW_OP_lit11),
                  op(DW_OP_ge), op(DW_OP_lit3), op(DW_OP_shl), op(DW_OP_plus)}) == 0x7010);
}

TEST_CASE("Constants keep their sign") {
  CHECK(evaluate({op(DW_OP_lit31)}) == 31);
  CHECK(evaluate({op(DW_OP_const1s, minus(1))}) == UINT64_MAX);
  CHECK(evaluate({op(DW_OP_constu, 300), op(DW_OP_consts, minus(5)), op(DW_OP_plus)}) == 295);
}

TEST_CASE("Stack operations move what the standard's examples move") {
  // DWARF 5, 2.5.1.3: rot makes the top the third.
  CHECK(evaluate({op(DW_OP_lit17), op(DW_OP_lit29), op(DW_OP_lit10), op(DW_OP_rot)}) == 29);
  CHECK(evaluate({op(DW_OP_lit17), op(DW_OP_lit29), op(DW_OP_lit10), op(DW_OP_rot), op(DW_OP_drop)}) == 17);
  CHECK(evaluate({op(DW_OP_lit17), op(DW_OP_lit29), op(DW_OP_lit10), op(DW_OP_rot), op(DW_OP_drop),
                  op(DW_OP_drop)}) == 10);
  CHECK(evaluate({op(DW_OP_lit17), op(DW_OP_lit29), op(DW_OP_swap)}) == 17);
  CHECK(evaluate({op(DW_OP_lit17), op(DW_OP_lit29), op(DW_OP_over)}) == 17);
  CHECK(evaluate({op(DW_OP_lit17), op(DW_OP_lit29), op(DW_OP_lit10), op(DW_OP_pick, 2)}) == 17);
  CHECK(evaluate({op(DW_OP_lit17), op(DW_OP_dup), op(DW_OP_plus)}) == 34);
}

TEST_CASE("Arithmetic is signed where the standard says so") {
  CHECK(evaluate({op(DW_OP_consts, minus(7)), op(DW_OP_abs)}) == 7);
  CHECK(evaluate({op(DW_OP_lit7), op(DW_OP_neg)}) == minus(7));
  CHECK(evaluate({op(DW_OP_consts, minus(7)), op(DW_OP_lit2), op(DW_OP_div)}) == minus(3));
  CHECK(evaluate({op(DW_OP_lit17), op(DW_OP_lit5), op(DW_OP_mod)}) == 2);
  CHECK(evaluate({op(DW_OP_lit3), op(DW_OP_lit5), op(DW_OP_minus)}) == minus(2));
  CHECK(evaluate({op(DW_OP_consts, minus(16)), op(DW_OP_lit2), op(DW_OP_shra)}) == minus(4));
  CHECK(evaluate({op(DW_OP_consts, minus(16)), op(DW_OP_const1u, 60), op(DW_OP_shr)}) == 15);
  CHECK(evaluate({op(DW_OP_consts, minus(1)), op(DW_OP_lit1), op(DW_OP_lt)}) == 1);
  CHECK(evaluate({op(DW_OP_lit12), op(DW_OP_lit10), op(DW_OP_xor)}) == 6);
  CHECK(evaluate({op(DW_OP_lit0), op(DW_OP_not)}) == UINT64_MAX);
  CHECK(evaluate({op(DW_OP_lit6), op(DW_OP_plus_uconst, 1000)}) == 1006);
}

TEST_CASE("Numbers that hardware traps on give no result or wrap around") {
  CHECK(evaluate({op(DW_OP_lit1), op(DW_OP_lit0), op(DW_OP_div)}) == std::nullopt);
  CHECK(evaluate({op(DW_OP_lit1), op(DW_OP_lit0), op(DW_OP_mod)}) == std::nullopt);
  const std::uint64_t lowest = std::uint64_t{1} << 63;
  CHECK(evaluate({op(DW_OP_const8u, lowest), op(DW_OP_consts, minus(1)), op(DW_OP_div)}) == lowest);
  CHECK(evaluate({op(DW_OP_const8u, lowest), op(DW_OP_abs)}) == lowest);
  CHECK(evaluate({op(DW_OP_lit1), op(DW_OP_const1u, 64), op(DW_OP_shl)}) == 0);
  CHECK(evaluate({op(DW_OP_lit1), op(DW_OP_const1u, 200), op(DW_OP_shr)}) == 0);
  CHECK(evaluate({op(DW_OP_const8u, lowest), op(DW_OP_const1u, 64), op(DW_OP_shra)}) == UINT64_MAX);
}

TEST_CASE("Memory is read where it is there, and in the size asked for") {
  CHECK(evaluate({op(DW_OP_const2u, 0x1000), op(DW_OP_deref)}) == 0x8877665544332211);
  CHECK(evaluate({op(DW_OP_const2u, 0x1000), op(DW_OP_deref_size, 4)}) == 0x44332211);
  CHECK(evaluate({op(DW_OP_const2u, 0x1009), op(DW_OP_deref)}) == std::nullopt);
  CHECK(evaluate({op(DW_OP_const2u, 0x1000), op(DW_OP_deref_size, 9)}) == std::nullopt);
  CHECK(evaluate({op(DW_OP_const2u, 0x2000), op(DW_OP_deref)}) == std::nullopt);
}

TEST_CASE("The CFA is at hand for a register's rule, not for the CFA's own") {
  CHECK(evaluate({op(DW_OP_call_frame_cfa), op(DW_OP_plus_uconst, 8)}, 0x7ff0) == 0x7ff8);
  CHECK(evaluate({op(DW_OP_call_frame_cfa)}) == std::nullopt);
}

TEST_CASE("A register that the frame lost gives no result") {
  CHECK(evaluate({op(DW_OP_breg6)}) == std::nullopt);
  CHECK(evaluate({op(DW_OP_bregx, 7, 16)}) == 0x7010);
  CHECK(evaluate({op(DW_OP_bregx, 17)}) == std::nullopt);
  CHECK(evaluate({op(DW_OP_bregx, UINT64_MAX)}) == std::nullopt);
}

TEST_CASE("Branches go where bytes say, and only to the start of an operation") {
  // offset 0: lit1; 1: bra +1 (three bytes); 4: lit5; 5: lit6
  const auto program = [](std::uint8_t condition, std::uint64_t distance) {
    return std::vector<Dwarf_Op>{
        {condition, 0, 0, 0}, {DW_OP_bra, distance, 0, 1}, {DW_OP_lit5, 0, 0, 4}, {DW_OP_lit6, 0, 0, 5}};
  };
  CHECK(evaluate(program(DW_OP_lit1, 1)) == 6);
  CHECK(evaluate({{DW_OP_skip, 1, 0, 0}, {DW_OP_lit5, 0, 0, 3}, {DW_OP_lit6, 0, 0, 4}}) == 6);
  CHECK(evaluate(program(DW_OP_lit1, 7)) == std::nullopt);
}

TEST_CASE("A loop without end is left") { CHECK(evaluate({{DW_OP_skip, minus(3), 0, 0}}) == std::nullopt); }

TEST_CASE("A stack that runs over or empty gives no result") {
  CHECK(evaluate(std::vector<Dwarf_Op>(65, op(DW_OP_lit1))) == std::nullopt);
  CHECK(evaluate(std::vector<Dwarf_Op>(64, op(DW_OP_lit1))) == 1);
  CHECK(evaluate({}) == std::nullopt);
  CHECK(evaluate({op(DW_OP_lit1), op(DW_OP_plus)}) == std::nullopt);
  CHECK(evaluate({op(DW_OP_swap)}) == std::nullopt);
  CHECK(evaluate({op(DW_OP_lit1), op(DW_OP_pick, UINT64_MAX)}) == std::nullopt);
}

TEST_CASE("Operations that need a compilation unit or a thread do not belong in call frame information") {
  for (const std::uint8_t atom :
       {DW_OP_fbreg, DW_OP_piece, DW_OP_call4, DW_OP_form_tls_address, DW_OP_push_object_address}) {
    CHECK(evaluate({op(DW_OP_lit1), op(DW_OP_lit1), op(atom)}) == std::nullopt);
  }
}

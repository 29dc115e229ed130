// Stacks made by hand: what each word means is known because the test put it there.
#include "unwind/unwinder.h"

#include "tests/unwind/synthetic_process.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace standstill;

namespace {

using Process = SyntheticProcess;
using R = Registers;

constexpr std::uint64_t CODE = Process::CODE, STACK = Process::STACK, GENERATED = Process::GENERATED;

Registers registers_at(std::uint64_t pc, std::uint64_t stack_pointer, std::uint64_t frame_pointer = 0) {
  Registers registers;
  registers.by_dwarf_number[R::RIP] = pc;
  registers.by_dwarf_number[R::RSP] = stack_pointer;
  registers.by_dwarf_number[R::RBP] = frame_pointer;
  return registers;
}

StackWithRegisters unwind(Process& process, const Registers& registers, const UnwindOptions& options = {}) {
  const Snapshot snapshot = process.snapshot();
  return Unwinder(snapshot, Unwinder::FindDebugImage{}).unwind_with_registers(registers, options);
}

std::vector<std::uint64_t> pcs(const Stack& stack) {
  std::vector<std::uint64_t> result;
  for (const Frame& frame : stack.frames) result.push_back(frame.pc.value());
  return result;
}

using Pcs = std::vector<std::uint64_t>;

// Functions of the program, with call frame information:
//   leaf      nothing pushed                         CFA = rsp + 8
//   middle    has pushed rbx and made room for 16    CFA = rsp + 32, rbx at CFA - 16
//   outermost the return address is undefined
constexpr std::uint64_t LEAF = CODE, MIDDLE = CODE + 0x100, OUTERMOST = CODE + 0x200,
                        RECURSIVE = CODE + 0x300;

Process three_functions() {
  Process process;
  process.describe(LEAF, 0x40, {});
  process.describe(MIDDLE, 0x40, {0x0e, 32, 0x83, 2});  // DW_CFA_def_cfa_offset 32; DW_CFA_offset rbx, 2
  process.describe(OUTERMOST, 0x40, {0x07, 16});        // DW_CFA_undefined rip
  process.describe(RECURSIVE, 0x40,
                   {0x0e, 16, 0x86, 2, 0x0d, 6});  // offset 16; rbp at CFA - 16; CFA register rbp
  process.add_memory(STACK, 512);
  return process;
}

}  // namespace

TEST_CASE("Call frame information out of the target's memory leads to the outermost frame") {
  Process process = three_functions();
  process.put_word(STACK + 0, MIDDLE + 0x20);      // leaf returns there
  process.put_word(STACK + 24, 0xb0b);             // rbx, pushed by middle: CFA is STACK + 40
  process.put_word(STACK + 32, OUTERMOST + 0x10);  // middle returns there
  const auto [stack, registers] = unwind(process, registers_at(LEAF + 4, STACK));
  CHECK(pcs(stack) == Pcs{LEAF + 4, MIDDLE + 0x20, OUTERMOST + 0x10});
  CHECK(stack.end == StackEnd::OUTERMOST);
  CHECK(stack.frames[0].found_by == FoundBy::REGISTERS);
  CHECK(stack.frames[0].lookup_address() == Address(LEAF + 4));
  CHECK(stack.frames[1].found_by == FoundBy::CFI);
  CHECK(stack.frames[1].lookup_address() == Address(MIDDLE + 0x1f));
  CHECK(stack.frames[0].cfa == Address(STACK + 8));
  CHECK(stack.frames[1].cfa == Address(STACK + 40));

  SECTION("and recovers the registers that callees keep, and no others") {
    REQUIRE(registers.size() == 3);
    CHECK(registers[0].get(R::RAX) == 0);
    CHECK(registers[1].get(R::RBX) == 0);
    CHECK(registers[1].get(R::RAX) == std::nullopt);
    CHECK(registers[2].get(R::RBX) == 0xb0b);
    CHECK(registers[2].get(R::RSP) == STACK + 40);
    CHECK(registers[2].get(R::RIP) == OUTERMOST + 0x10);
  }
}

TEST_CASE(
    "A return address right behind a function's end belongs to the call that was its last instruction") {
  Process process = three_functions();
  process.put_word(STACK, OUTERMOST + 0x40);  // a call of a function that does not return ends the code
  const auto stack = unwind(process, registers_at(LEAF, STACK)).stack;
  CHECK(pcs(stack) == Pcs{LEAF, OUTERMOST + 0x40});
  CHECK(stack.end == StackEnd::OUTERMOST);
}

TEST_CASE("A return address of zero ends a stack") {
  Process process = three_functions();
  const auto stack = unwind(process, registers_at(LEAF, STACK)).stack;
  CHECK(pcs(stack) == Pcs{LEAF});
  CHECK(stack.end == StackEnd::OUTERMOST);
}

TEST_CASE("A stack that is not in the core is said to be so") {
  Process process = three_functions();
  CHECK(unwind(process, registers_at(LEAF, 0x123000)).stack.end == StackEnd::UNREADABLE_STACK);
  CHECK(unwind(process, registers_at(GENERATED + 8, 0x123000, 7)).stack.end == StackEnd::UNREADABLE_STACK);
  // The last word of the stack: middle's return address would lie behind it.
  const auto stack = unwind(process, registers_at(MIDDLE + 4, STACK + 512 * 8 - 8)).stack;
  CHECK(stack.frames.size() == 1);
  CHECK(stack.end == StackEnd::UNREADABLE_STACK);
}

TEST_CASE("A frame pointer that leads back down ends the stack") {
  Process process = three_functions();
  process.put_word(STACK + 64, STACK + 64);  // the saved rbp is the same frame again
  process.put_word(STACK + 72, RECURSIVE + 0x20);
  const auto stack = unwind(process, registers_at(RECURSIVE + 4, STACK, STACK + 64)).stack;
  CHECK(stack.end == StackEnd::NO_PROGRESS);
  CHECK(stack.frames.size() == 2);
}

TEST_CASE("Twenty thousand frames of recursion are all there") {
  constexpr std::size_t DEPTH = 20'000;
  Process process = three_functions();
  constexpr std::uint64_t DEEP = STACK + 0x10000000;
  process.add_memory(DEEP, DEPTH * 2 + 8);
  for (std::size_t i = 0; i < DEPTH; ++i) {
    const std::uint64_t frame = DEEP + i * 16;
    process.put_word(frame, frame + 16);
    process.put_word(frame + 8, i + 1 < DEPTH ? RECURSIVE + 0x20 : OUTERMOST + 1);
  }
  const auto registers = registers_at(RECURSIVE + 0x10, DEEP, DEEP);
  const auto stack = unwind(process, registers).stack;
  CHECK(stack.frames.size() == DEPTH + 1);
  CHECK(stack.end == StackEnd::OUTERMOST);
  const auto cut = unwind(process, registers, {.max_frames = 100}).stack;
  CHECK(cut.frames.size() == 100);
  CHECK(cut.end == StackEnd::FRAME_LIMIT);
}

TEST_CASE("A call through a null pointer shows who made it") {
  Process process = three_functions();
  process.put_indirect_call(OUTERMOST + 0x10);
  process.put_word(STACK, OUTERMOST + 0x10);
  for (const std::uint64_t wild : {std::uint64_t{0}, std::uint64_t{0xdead0000beef}, STACK + 800}) {
    const auto stack = unwind(process, registers_at(wild, STACK)).stack;
    CHECK(pcs(stack) == Pcs{wild, OUTERMOST + 0x10});
    CHECK(stack.frames[1].found_by == FoundBy::SCAN);
    CHECK(stack.end == StackEnd::OUTERMOST);
  }
  process.put_word(STACK, OUTERMOST + 0x18);  // no call lies before it
  const auto stack = unwind(process, registers_at(0, STACK)).stack;
  CHECK(stack.frames.size() == 1);
  CHECK(stack.end == StackEnd::NO_RULE);
}

TEST_CASE("Frame pointers lead through generated code and back to call frame information") {
  Process process = three_functions();
  process.put_indirect_call(GENERATED + 0x200);
  process.put_indirect_call(MIDDLE + 0x20);
  process.put_word(STACK + 32, STACK + 96);  // rbp, and the return address above it
  process.put_word(STACK + 40, GENERATED + 0x200);
  process.put_word(STACK + 96, 0);
  process.put_word(STACK + 104, MIDDLE + 0x20);
  process.put_word(STACK + 112 + 24, OUTERMOST + 1);
  const auto stack = unwind(process, registers_at(GENERATED + 0x100, STACK, STACK + 32)).stack;
  CHECK(pcs(stack) == Pcs{GENERATED + 0x100, GENERATED + 0x200, MIDDLE + 0x20, OUTERMOST + 1});
  CHECK(stack.frames[1].found_by == FoundBy::FRAME_POINTER);
  CHECK(stack.frames[2].found_by == FoundBy::FRAME_POINTER);
  CHECK(stack.frames[3].found_by == FoundBy::CFI);
  CHECK(stack.end == StackEnd::OUTERMOST);
}

TEST_CASE("A frame pointer of zero ends a stack that has nothing else to go by") {
  Process process = three_functions();
  CHECK(unwind(process, registers_at(GENERATED + 0x100, STACK, 0)).stack.end == StackEnd::OUTERMOST);
  CHECK(unwind(process, registers_at(GENERATED + 0x100, STACK, 7)).stack.end == StackEnd::NO_RULE);
}

TEST_CASE("Scanning takes the call that went to the function at hand, not what earlier calls left behind") {
  // Without call frame information and frame pointer, in the program: UNKNOWN, called by MIDDLE; EARLIER
  // returned long ago.
  constexpr std::uint64_t UNKNOWN = CODE + 0x800, EARLIER = CODE + 0x700;
  Process process = three_functions();
  process.put_call(MIDDLE + 0x20, UNKNOWN);
  process.put_call(MIDDLE + 0x10, EARLIER);
  process.put_call(MIDDLE + 0x30, CODE + 0x900);
  process.put_word(STACK + 0, 42);
  process.put_word(STACK + 8, MIDDLE + 0x30);   // went to behind the pc
  process.put_word(STACK + 16, MIDDLE + 0x10);  // went to a function before the one at hand
  process.put_word(STACK + 24, MIDDLE + 0x11);  // follows no call
  process.put_word(STACK + 40, MIDDLE + 0x20);
  process.put_word(STACK + 48 + 24, OUTERMOST + 1);
  const auto stack = unwind(process, registers_at(UNKNOWN + 0x30, STACK, 7)).stack;
  CHECK(pcs(stack) == Pcs{UNKNOWN + 0x30, MIDDLE + 0x20, OUTERMOST + 1});
  CHECK(stack.frames[1].found_by == FoundBy::SCAN);
  CHECK(stack.frames[0].cfa == Address(STACK + 48));
  CHECK(stack.frames[2].found_by == FoundBy::CFI);
}

TEST_CASE("A scanned caller has its pushed registers back") {
  constexpr std::uint64_t UNKNOWN = CODE + 0x800;
  Process process = three_functions();
  process.put_call(OUTERMOST + 0x20, UNKNOWN);
  process.put_code(UNKNOWN, {0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0x54, 0x55, 0x53, 0x48, 0x83, 0xec,
                             0x10});  // endbr64; push r12, rbp, rbx; sub
  process.put_word(STACK + 16, 0xb);
  process.put_word(STACK + 24, 0xbb);
  process.put_word(STACK + 32, 0xc);
  process.put_word(STACK + 40, OUTERMOST + 0x20);
  const auto registers = unwind(process, registers_at(UNKNOWN + 0x30, STACK, 7)).registers;
  REQUIRE(registers.size() == 2);
  CHECK(registers[1].get(R::RBX) == 0xb);
  CHECK(registers[1].get(R::RBP) == 0xbb);
  CHECK(registers[1].get(R::R12) == 0xc);
}

TEST_CASE("A function that jumps on is seen through") {
  constexpr std::uint64_t JUMPS = CODE + 0x900, UNKNOWN = CODE + 0x800;
  Process process = three_functions();
  process.put_call(OUTERMOST + 0x20, JUMPS);
  process.put_code(JUMPS, {0x31, 0xd2, 0xe9, 0xf9, 0xfe, 0xff, 0xff});  // xor %edx, %edx; jmp UNKNOWN
  process.put_word(STACK + 8, OUTERMOST + 0x20);
  CHECK(pcs(unwind(process, registers_at(UNKNOWN + 0x30, STACK, 7)).stack) ==
        Pcs{UNKNOWN + 0x30, OUTERMOST + 0x20});
}

TEST_CASE("Words that only look like return addresses end a stack rather than make frames") {
  Process process = three_functions();
  process.put_call(MIDDLE + 0x20, CODE + 0x4000);
  for (std::size_t i = 0; i < 40; ++i)
    process.put_word(STACK + i * 8, i % 2 == 0 ? MIDDLE + 0x20 : OUTERMOST + 0x20);
  const auto stack = unwind(process, registers_at(CODE + 0x900, STACK, 7)).stack;
  CHECK(stack.frames.size() == 1);
  CHECK(stack.end == StackEnd::NO_RULE);
}

namespace {

// Puts the kernel's frame for a handler at `frame`: the address to return to, then the ucontext (struct
// rt_sigframe).
void put_signal_frame(Process& process, std::uint64_t frame, std::uint64_t trampoline,
                      const Registers& interrupted) {
  constexpr unsigned ORDER[] = {8,      9,      10,     11,     12,     13,     14,     15,    R::RDI,
                                R::RSI, R::RBP, R::RBX, R::RDX, R::RAX, R::RCX, R::RSP, R::RIP};
  process.put_word(frame, trampoline);
  std::uint64_t at = frame + 8 + 40;
  for (const unsigned number : ORDER) {
    process.put_word(at, interrupted.by_dwarf_number[number]);
    at += 8;
  }
}

constexpr std::uint64_t TRAMPOLINE = CODE + 0x1000;

Process with_trampoline() {
  Process process = three_functions();
  process.put_code(TRAMPOLINE, {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05});  // mov $15, %rax; syscall
  return process;
}

}  // namespace

TEST_CASE("A handler on an alternate stack leads to the exact instruction that was interrupted") {
  Process process = with_trampoline();
  // The alternate stack may lie above or below the one that was interrupted.
  const std::uint64_t alternate = GENERATE(STACK - 0x100000, STACK + 0x100000);
  process.add_memory(alternate, 128);
  process.put_word(STACK + 80, OUTERMOST + 1);
  Registers interrupted =
      registers_at(LEAF, STACK + 80);  // its first instruction: the byte before is another function's
  interrupted.by_dwarf_number[R::RAX] = 77;
  put_signal_frame(process, alternate + 32, TRAMPOLINE, interrupted);
  const auto [stack, registers] = unwind(process, registers_at(MIDDLE + 8, alternate + 8));
  // middle's CFA is rsp + 32, its return address at CFA - 8
  CHECK(pcs(stack) == Pcs{MIDDLE + 8, TRAMPOLINE, LEAF, OUTERMOST + 1});
  REQUIRE(stack.frames.size() == 4);
  CHECK(stack.frames[1].is_signal_frame);
  CHECK_FALSE(stack.frames[0].is_signal_frame);
  CHECK(stack.frames[2].is_exact);
  CHECK(stack.frames[2].lookup_address() == Address(LEAF));
  CHECK(stack.frames[3].lookup_address() == Address(OUTERMOST));
  CHECK(registers[2].get(R::RAX) == 77);
  CHECK(stack.end == StackEnd::OUTERMOST);
}

TEST_CASE("The trampoline is known by its bytes even where another function's entry ends right before it") {
  Process process = with_trampoline();
  process.describe(TRAMPOLINE - 0x40, 0x40, {0x0e, 64});
  process.put_word(STACK + 2048, OUTERMOST + 1);
  put_signal_frame(process, STACK, TRAMPOLINE, registers_at(LEAF + 1, STACK + 2048));
  CHECK(pcs(unwind(process, registers_at(LEAF + 2, STACK)).stack) ==
        Pcs{LEAF + 2, TRAMPOLINE, LEAF + 1, OUTERMOST + 1});
}

TEST_CASE("A thread that stands in the trampoline itself is on its way back") {
  Process process = with_trampoline();
  process.put_word(STACK + 2048, OUTERMOST + 1);
  put_signal_frame(process, STACK, 0, registers_at(LEAF + 1, STACK + 2048));
  for (const std::uint64_t pc : {TRAMPOLINE, TRAMPOLINE + 7}) {
    const auto stack = unwind(process, registers_at(pc, STACK + 8)).stack;
    CHECK(pcs(stack) == Pcs{pc, LEAF + 1, OUTERMOST + 1});
    CHECK(stack.frames[0].is_signal_frame);
  }
}

TEST_CASE("A handler without call frame information is found by the trampoline above it") {
  Process process = with_trampoline();
  process.put_word(STACK + 2048, OUTERMOST + 1);
  put_signal_frame(process, STACK + 64, TRAMPOLINE, registers_at(LEAF + 1, STACK + 2048));
  const auto stack = unwind(process, registers_at(CODE + 0x900, STACK, 7)).stack;
  CHECK(pcs(stack) == Pcs{CODE + 0x900, TRAMPOLINE, LEAF + 1, OUTERMOST + 1});
  CHECK(stack.frames[1].found_by == FoundBy::SCAN);
}

TEST_CASE("Signal frames that interrupt each other in a ring end") {
  Process process = with_trampoline();
  put_signal_frame(process, STACK, TRAMPOLINE, registers_at(LEAF + 1, STACK));
  const auto stack = unwind(process, registers_at(LEAF + 1, STACK)).stack;
  CHECK(stack.end == StackEnd::NO_PROGRESS);
  CHECK(stack.frames.size() < 300);
}

TEST_CASE("All threads at once give what each gives alone") {
  Process process = three_functions();
  constexpr std::size_t THREADS = 300;
  constexpr std::uint64_t STACKS = STACK + 0x10000000;
  for (std::size_t i = 0; i < THREADS; ++i) {
    const std::uint64_t start = STACKS + i * 0x10000;
    process.add_memory(start, 64);
    process.put_word(start, MIDDLE + 0x20 + i % 7);
    process.put_word(start + 32, OUTERMOST + 1);
    process.add_thread(registers_at(LEAF + i % 3, start));
  }
  const Snapshot snapshot = process.snapshot();
  const Unwinder unwinder(snapshot, Unwinder::FindDebugImage{});
  std::vector<Pcs> first;
  UnwindOptions options;
  options.on_first_stacks = [&](std::span<const Stack> stacks) {
    for (const Stack& stack : stacks) first.push_back(pcs(stack));
  };
  const auto all = unwinder.unwind_threads(options);
  // One for each place where a thread stands, whoever called.
  CHECK(first == std::vector<Pcs>{{LEAF, MIDDLE + 0x20, OUTERMOST + 1},
                                  {LEAF + 1, MIDDLE + 0x21, OUTERMOST + 1},
                                  {LEAF + 2, MIDDLE + 0x22, OUTERMOST + 1}});
  REQUIRE(all.stacks.size() == THREADS);
  CHECK(all.notes.empty());
  for (std::size_t i = 0; i < THREADS; ++i) {
    CHECK(pcs(all.stacks[i]) == Pcs{LEAF + i % 3, MIDDLE + 0x20 + i % 7, OUTERMOST + 1});
    CHECK(pcs(all.stacks[i]) == pcs(unwinder.unwind(snapshot.threads[i].registers)));
  }
}

TEST_CASE("A stack forged so that every frame is guessed is given up in time") {
  // Every word returns from a call of the function at hand, whose size no symbol tells.
  constexpr std::uint64_t UNKNOWN = CODE + 0x800, DEEP = STACK + 0x10000000;
  constexpr std::size_t WORDS = 300'000;
  Process process = three_functions();
  process.put_call(UNKNOWN + 0x20, UNKNOWN);
  process.add_memory(DEEP, WORDS);
  for (std::size_t i = 0; i < WORDS; ++i) process.put_word(DEEP + i * 8, UNKNOWN + 0x20);
  const auto stack = unwind(process, registers_at(UNKNOWN + 0x30, DEEP, 7)).stack;
  CHECK(stack.end == StackEnd::NO_RULE);
  CHECK(stack.frames.size() < 200);
}

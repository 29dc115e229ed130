// Whether code releases a lock, asked of instructions that are put together here byte by byte; the comments
// have them as objdump shows them.
#include "waits/holders/release_walk.h"

#include "waits/holders/instruction.h"

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

constexpr Address CODE(0x10000), HEAP(0x20000), STACK(0x30000);
constexpr std::uint64_t FUNCTION = 0x100;  // bytes from one function to the next

struct Patient {
  std::vector<std::uint8_t> code = std::vector<std::uint8_t>(0x1000, 0xcc);
  std::vector<std::uint8_t> heap = std::vector<std::uint8_t>(0x1000), stack = heap;
  FrameRegisters registers;

  // The lock lies at HEAP + 0x40, its address in rbx, and in the stack at rsp + 8.
  Patient() {
    registers.set(Registers::RSP, (STACK + 0x800).value());
    registers.set(Registers::RBX, (HEAP + 0x40).value());
    const std::uint64_t lock = (HEAP + 0x40).value();
    std::memcpy(&stack[0x808], &lock, 8);
  }
  void add_function(std::uint64_t number, const std::vector<std::uint8_t>& instructions) {
    std::ranges::copy(instructions, code.begin() + static_cast<std::ptrdiff_t>(number * FUNCTION));
  }
  template <class Ask>
  bool ask(const Ask& question) {
    Snapshot snapshot;
    snapshot.memory = MemoryView({{CODE, CODE + code.size(), {Bytes(code)}},
                                  {HEAP, HEAP + heap.size(), {Bytes(heap)}},
                                  {STACK, STACK + stack.size(), {Bytes(stack)}}},
                                 {});
    ReleaseFunctions functions(snapshot);
    return question(ReleaseWalk(snapshot, functions, HEAP + 0x40));
  }
  bool always() {
    return ask([&](const ReleaseWalk& walk) { return walk.always_releases(CODE, registers); });
  }
  bool may(unsigned times = 1) {
    return ask([&](const ReleaseWalk& walk) { return walk.may_release(CODE, registers, times); });
  }
};

}  // namespace

TEST_CASE("an exchange with zero releases") {
  Patient patient;
  // mov %rax,%r14; xor %eax,%eax; xchg %eax,(%rbx)
  patient.add_function(0, {0x49, 0x89, 0xc6, 0x31, 0xc0, 0x87, 0x03});
  CHECK(patient.always());
  CHECK(patient.may());
  CHECK_FALSE(patient.may(2));
}

TEST_CASE("an exchange with one, or with what is not known, does not release") {
  Patient patient;
  // mov $0x1,%eax; xchg %eax,(%rbx); ret
  patient.add_function(0, {0xb8, 1, 0, 0, 0, 0x87, 0x03, 0xc3});
  CHECK_FALSE(patient.may());
  // xchg %eax,(%rbx); ret
  patient.add_function(0, {0x87, 0x03, 0xc3});
  CHECK_FALSE(patient.may());
}

TEST_CASE("the lock of another guard is no evidence") {
  Patient patient;
  // xor %eax,%eax; xchg %eax,0x8(%rbx); ret
  patient.add_function(0, {0x31, 0xc0, 0x87, 0x43, 0x08, 0xc3});
  CHECK_FALSE(patient.always());
  CHECK_FALSE(patient.may());
}

TEST_CASE("a guard is followed from its place on the stack into the function that drops it") {
  Patient patient;
  // lea 0x8(%rsp),%rdi; call +0xf6 (0x10100); ud2
  patient.add_function(0, {0x48, 0x8d, 0x7c, 0x24, 0x08, 0xe8, 0xf6, 0, 0, 0, 0x0f, 0x0b});
  // push %rbx; mov (%rdi),%rax; xor %ecx,%ecx; xchg %ecx,(%rax); pop %rbx; ret
  patient.add_function(1, {0x53, 0x48, 0x8b, 0x07, 0x31, 0xc9, 0x87, 0x08, 0x5b, 0xc3});
  CHECK(patient.always());
  CHECK(patient.may());
}

TEST_CASE("who takes the lock first proves nothing by releasing it") {
  Patient patient;
  // mov $0x1,%ecx; xor %eax,%eax; lock cmpxchg %ecx,(%rbx); xor %eax,%eax; xchg %eax,(%rbx)
  patient.add_function(0, {0xb9, 1, 0, 0, 0, 0x31, 0xc0, 0xf0, 0x0f, 0xb1, 0x0b, 0x31, 0xc0, 0x87, 0x03});
  CHECK_FALSE(patient.always());
  CHECK_FALSE(patient.may());
}

TEST_CASE("a release that hangs on what nobody knows is not on every way") {
  Patient patient;
  // test %al,%al; je +4; xor %eax,%eax; xchg %eax,(%rbx); ret
  patient.add_function(0, {0x84, 0xc0, 0x74, 0x04, 0x31, 0xc0, 0x87, 0x03, 0xc3});
  CHECK_FALSE(patient.always());
  CHECK(patient.may());
}

TEST_CASE("both ways of what nobody knows may release") {
  Patient patient;
  // test %al,%al; je +4; movb $0x1,0x4(%rbx); xor %eax,%eax; xchg %eax,(%rbx)
  patient.add_function(0, {0x84, 0xc0, 0x74, 0x04, 0xc6, 0x43, 0x04, 0x01, 0x31, 0xc0, 0x87, 0x03});
  CHECK(patient.always());
}

TEST_CASE("a flag on the stack decides whether there is a guard") {
  Patient patient;
  // cmpb $0x0,0x10(%rsp); je +4; xor %eax,%eax; xchg %eax,(%rbx); ret
  patient.add_function(0, {0x80, 0x7c, 0x24, 0x10, 0x00, 0x74, 0x04, 0x31, 0xc0, 0x87, 0x03, 0xc3});
  CHECK_FALSE(patient.always());
  patient.stack[0x810] = 1;
  CHECK(patient.always());
}

TEST_CASE("what the code itself has stored is what it loads") {
  Patient patient;
  // mov %rbx,0x10(%rsp); movq $0x0,0x8(%rsp); mov 0x10(%rsp),%rdi; xor %eax,%eax; xchg %eax,(%rdi)
  patient.add_function(0, {0x48, 0x89, 0x5c, 0x24, 0x10, 0x48, 0xc7, 0x44, 0x24, 0x08, 0,   0,
                           0,    0,    0x48, 0x8b, 0x7c, 0x24, 0x10, 0x31, 0xc0, 0x87, 0x07});
  CHECK(patient.always());
  // ...; mov 0x8(%rsp),%rdi; ...
  patient.code[18] = 0x08;
  CHECK_FALSE(patient.always());
}

TEST_CASE("a reader takes its one off the count") {
  Patient patient;
  // mov $0xffffffff,%esi; lock xadd %esi,(%rbx)
  patient.add_function(0, {0xbe, 0xff, 0xff, 0xff, 0xff, 0xf0, 0x0f, 0xc1, 0x33});
  CHECK(patient.always());
  // mov $0x1,%esi; lock xadd %esi,(%rbx); ret
  patient.add_function(0, {0xbe, 0x01, 0x00, 0x00, 0x00, 0xf0, 0x0f, 0xc1, 0x33, 0xc3});
  CHECK_FALSE(patient.may());
}

TEST_CASE("two guards are released one after the other") {
  Patient patient;
  // xor %eax,%eax; xchg %eax,(%rbx); cmp $0x2,%eax; je +4; xor %eax,%eax; xchg %eax,(%rbx); ret
  patient.add_function(0,
                       {0x31, 0xc0, 0x87, 0x03, 0x83, 0xf8, 0x02, 0x74, 0x04, 0x31, 0xc0, 0x87, 0x03, 0xc3});
  CHECK(patient.may(2));
}

TEST_CASE("code that goes round for ever, or is none, ends the walk") {
  Patient patient;
  patient.add_function(0, {0xeb, 0xfe});  // jmp .
  CHECK_FALSE(patient.always());
  CHECK_FALSE(patient.may());
  patient.add_function(0, {0xe8, 0xfb, 0xff, 0xff, 0xff});  // call .
  CHECK_FALSE(patient.always());
  CHECK_FALSE(patient.may());
  patient.add_function(0, {0xc4, 0xe2, 0x7d, 0x58, 0x00});  // vpbroadcastd (%rax),%ymm0
  CHECK_FALSE(patient.always());
  CHECK_FALSE(patient.may());
}

TEST_CASE("instructions are as long as objdump says") {
  const auto length = [](std::vector<std::uint8_t> code) {
    code.resize(Instruction::LONGEST, 0x90);
    const auto instruction = decode_instruction(code);
    return instruction ? instruction->length : 0;
  };
  CHECK(length({0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0}) ==
        11);                                                             // data16 cs nopw 0x0(%rax,%rax,1)
  CHECK(length({0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}) == 10);             // movabs
  CHECK(length({0x66, 0xb8, 0x34, 0x12}) == 4);                          // mov $0x1234,%ax
  CHECK(length({0x66, 0x41, 0xc7, 0x44, 0x24, 0x10, 0x34, 0x12}) == 8);  // movw $0x1234,0x10(%r12)
  CHECK(length({0x48, 0xf7, 0x05, 1, 0, 0, 0, 2, 0, 0, 0}) == 11);       // testq $0x2,0x1(%rip)
  CHECK(length({0xf7, 0xd8}) == 2);                                      // neg %eax
  CHECK(length({0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0}) == 9);     // mov %fs:0x28,%rax
  CHECK(length({0xf3, 0x0f, 0x1e, 0xfa}) == 4);                          // endbr64
  CHECK(length({0x66, 0x0f, 0x6f, 0x44, 0x24, 0x10}) == 6);              // movdqa 0x10(%rsp),%xmm0
  CHECK(length({0xf0, 0x48, 0x0f, 0xb1, 0x0d, 1, 0, 0, 0}) == 9);        // lock cmpxchg %rcx,0x1(%rip)
  CHECK(length({0xc5, 0xf8, 0x77}) == 0);                                // vzeroupper
}

// What a thread will compare when its call returns, read from instructions that are put together here byte by
// byte; the comments have them as objdump shows them.
#include "waits/compared_value.h"

#include <algorithm>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

using Values = std::vector<std::pair<std::uint64_t, unsigned>>;

constexpr Address CODE(0x10000), HEAP(0x20000);

struct Patient {
  std::vector<std::uint8_t> heap = std::vector<std::uint8_t>(4096);
  FrameRegisters registers;
  StackWithRegisters stack;
  std::vector<std::vector<std::uint8_t>> functions;

  Patient() {
    registers.set(Registers::RSP, 0x30000);
    registers.set(Registers::R15, HEAP.value() + 0x123);
    registers.set(Registers::RBX, HEAP.value());
    add_pc(Address(0x500));
  }
  void add_pc(Address pc) {
    Frame frame;
    frame.pc = pc;
    stack.stack.frames.push_back(frame);
    stack.registers.push_back(registers);
  }
  // One more frame further out, whose call returns to these instructions.
  void add_frame(std::vector<std::uint8_t> code) {
    add_pc(CODE + functions.size() * 0x100);
    code.resize(0x100, 0xcc);
    functions.push_back(std::move(code));
  }
  std::optional<Values> compared() const {
    std::vector<std::uint8_t> code;
    for (const auto& function : functions) code.insert(code.end(), function.begin(), function.end());
    const MemoryView memory(
        {{CODE, CODE + code.size(), {Bytes(code)}}, {HEAP, HEAP + heap.size(), {Bytes(heap)}}}, {});
    Values values;
    const auto next = find_next_comparison(memory, stack);
    if (!next) return std::nullopt;
    exchanges = next->exchanges;
    for (const ComparedValue& value : next->values) values.emplace_back(value.address.value(), value.size);
    return values;
  }
  mutable bool exchanges = false;
};

}  // namespace

TEST_CASE("the value that is loaded and compared behind the call is the one waited for") {
  Patient patient;
  // movzbl (%r15),%eax; test %al,%al
  patient.add_frame({0x41, 0x0f, 0xb6, 0x07, 0x84, 0xc0});
  CHECK(patient.compared() == Values{{0x20123, 1}});
}

TEST_CASE("a comparison with memory itself counts with its size") {
  Patient patient;
  // cmpq $0x0,0x18(%rbx)
  patient.add_frame({0x48, 0x83, 0x7b, 0x18, 0x00});
  CHECK(patient.compared() == Values{{0x20018, 8}});
}

TEST_CASE("what follows a call that a wake-up ended is followed into the caller") {
  Patient patient;
  // __platform_wait: test %rax,%rax; je +2; int3; int3; add $0x8,%rsp; ret
  patient.add_frame({0x48, 0x85, 0xc0, 0x74, 0x02, 0xcc, 0xcc, 0x48, 0x83, 0xc4, 0x08, 0xc3});
  // movzwl (%r15),%eax; cmp %ax,%r14w
  patient.add_frame({0x41, 0x0f, 0xb7, 0x07, 0x66, 0x41, 0x39, 0xc6});
  CHECK(patient.compared() == Values{{0x20123, 2}});
}

TEST_CASE("the caller's result is not known: a jump by it ends the search") {
  Patient patient;
  patient.add_frame({0xc3});
  // test %rax,%rax; je +0; cmpb $0,(%r15)
  patient.add_frame({0x48, 0x85, 0xc0, 0x74, 0x00, 0x41, 0x80, 0x3f, 0x00});
  CHECK(patient.compared() == std::nullopt);
}

TEST_CASE("a jump by what is known is followed") {
  Patient patient;
  patient.registers.set(Registers::R13, 1);
  // cmp $0x2,%r13d; jb +1; int3; mov 0x8(%rbx),%rax; cmp %rcx,(%rax)
  patient.add_frame({0x41, 0x83, 0xfd, 0x02, 0x72, 0x01, 0xcc, 0x48, 0x8b, 0x43, 0x08, 0x48, 0x39, 0x08});
  const std::uint64_t object = 0x20300;
  std::memcpy(&patient.heap[8], &object, 8);
  CHECK(patient.compared() == Values{{object, 8}});
  patient.registers.set(Registers::R13, 2);  // falls into the int3
  patient.stack.registers.back() = patient.registers;
  CHECK(patient.compared() == std::nullopt);
}

TEST_CASE("an instruction that is not understood, and a jump that cannot be told, end the search") {
  Patient patient;
  SECTION("lock subl $0x1,(%rbx); cmpb $0,(%rbx)") {
    patient.add_frame({0xf0, 0x83, 0x2b, 0x01, 0x80, 0x3b, 0x00});
  }
  SECTION("jne by what is not known") { patient.add_frame({0x75, 0x00, 0x80, 0x3b, 0x00}); }
  SECTION("a jump to itself") { patient.add_frame({0xeb, 0xfe}); }
  SECTION("code that is not in the dump") { patient.add_pc(Address(0x600)); }
  CHECK(patient.compared() == std::nullopt);
}

TEST_CASE("an address relative to the next instruction is counted from its end") {
  Patient patient;
  // cmpl $0x12345678,0x10100(%rip): ten bytes
  patient.add_frame({0x81, 0x3d, 0x00, 0x01, 0x01, 0x00, 0x78, 0x56, 0x34, 0x12});
  CHECK(patient.compared() == Values{{0x2010a, 4}});
}

TEST_CASE("a compare-and-exchange is told from a comparison, also where its place is not known") {
  Patient patient;
  // test %rax,%rax; jns +1; int3; xor %eax,%eax; mov -0x8(%rbx),%rdi; lock cmpxchg %ecx,(%rdi)
  patient.registers.set(Registers::RBX, HEAP.value() + 8);
  patient.add_frame(
      {0x48, 0x85, 0xc0, 0x79, 0x01, 0xcc, 0x31, 0xc0, 0x48, 0x8b, 0x7b, 0xf8, 0xf0, 0x0f, 0xb1, 0x0f});
  const std::uint64_t lock = 0x20400;
  std::memcpy(&patient.heap[0], &lock, 8);
  CHECK(patient.compared() == Values{{lock, 4}});
  CHECK(patient.exchanges);
  patient.stack.registers.back().forget(Registers::RBX);
  CHECK(patient.compared() == Values{});
  CHECK(patient.exchanges);
}

TEST_CASE("a value that picks an entry of a table is compared") {
  Patient patient;
  // mov (%rbx),%r12d; mov %r12d,%eax; and $0x3,%eax; movslq (%r15,%rax,4),%rax
  patient.add_frame({0x44, 0x8b, 0x23, 0x44, 0x89, 0xe0, 0x83, 0xe0, 0x03, 0x49, 0x63, 0x04, 0x87});
  CHECK(patient.compared() == Values{{0x20000, 4}});
  CHECK_FALSE(patient.exchanges);
}

// What is kept of a thread's stack for whoever explains its system call.
#include "unwind/call_memory.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

using namespace standstill;

namespace {

constexpr Address STACK(0x70000);

// A stack in a dump that is copied rather than mapped; byte N holds N / 16.
struct DumpedStack {
  std::string path =
      std::filesystem::temp_directory_path() / ("standstill-stack-" + std::to_string(getpid()));
  std::shared_ptr<const MappedFile> file;
  MemoryView memory;

  DumpedStack() {
    std::ofstream out(path, std::ios::binary);
    for (int i = 0; i < 16384; ++i) out.put(static_cast<char>(i / 16));
    out.close();
    file = *MappedFile::open(path, MappedFile::Access::SPARSE);
    memory = MemoryView({{STACK, STACK + 16384, {file->bytes()}}}, {}, file);
  }
  ~DumpedStack() { std::filesystem::remove(path); }

  // With the stack pointer at `top` and these arguments, after the unwinder's first read.
  CallMemory keep(std::uint64_t top, std::uint64_t first, std::uint64_t second, std::int64_t call = 7) {
    Registers registers;
    registers.system_call = call;
    registers.by_dwarf_number[Registers::RSP] = (STACK + top).value();
    registers.by_dwarf_number[Registers::RDI] = first;
    registers.by_dwarf_number[Registers::RSI] = second;
    StackWindow window(memory);
    window.read(STACK + top + 8);
    return keep_call_memory(registers, window);
  }
};

}  // namespace

TEST_CASE("the bytes around what a call points at on its own stack are kept") {
  DumpedStack stack;
  const CallMemory kept = stack.keep(0x1000, (STACK + 0x1100).value(), 1);
  REQUIRE(kept.start == STACK + 0x10c0);
  REQUIRE(kept.bytes.size() == 128);
  CHECK(kept.bytes[64] == (0x1100 / 16 & 0xff));
  CHECK(kept.bytes[127] == (0x113f / 16 & 0xff));
}

TEST_CASE("two pointers are kept with all between them, as far as that is little") {
  DumpedStack stack;
  const CallMemory near = stack.keep(0x1000, (STACK + 0x1080).value(), (STACK + 0x1010).value());
  CHECK(near.start == STACK + 0x1010 - 64);
  CHECK(near.bytes.size() == 0x70 + 128);
  const CallMemory far = stack.keep(0x1000, (STACK + 0x1700).value(), (STACK + 0x1010).value());
  CHECK(far.start == STACK + 0x1010 - 64);
  CHECK(far.bytes.size() == 512);
}

TEST_CASE("nothing is kept of a call that points elsewhere, nor of a thread in none") {
  DumpedStack stack;
  CHECK(stack.keep(0x1000, (STACK + 0x900).value(), 3).bytes.empty());
  CHECK(stack.keep(0x1000, (STACK + 0x1900).value(), 3).bytes.empty());
  CHECK(stack.keep(0x1000, (STACK + 0x1100).value(), 1, -1).bytes.empty());
  CHECK(stack.keep(0x1000, 0, UINT64_MAX).bytes.empty());
}

TEST_CASE("at the end of the stack's memory what is there is kept") {
  DumpedStack stack;
  const CallMemory kept = stack.keep(0x3f00, (STACK + 0x3ff8).value(), 1);
  CHECK(kept.start == STACK + 0x3ff8 - 64);
  CHECK(kept.bytes.size() == 72);
}

// A process made by hand: one program at 0x400000 whose call frame information lies in its memory (there is
// no file), and stacks that the test fills word by word.
#pragma once

#include "coredump/elf_headers.h"
#include "coredump/snapshot.h"

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include <elf.h>

namespace standstill {

class SyntheticProcess {
 public:
  static constexpr std::uint64_t PROGRAM = 0x400000, HEADER = 0x400200, FRAMES = 0x402000, CODE = 0x408000,
                                 END = 0x410000;
  static constexpr std::uint64_t GENERATED = 0x500000;  // executable, of no module
  static constexpr std::uint64_t STACK = 0x7ff000000000;

  SyntheticProcess() : program_(END - PROGRAM), generated_(0x1000, 0xcc) {
    std::memset(at(CODE), 0xcc, END - CODE);
    add_cie(false);
    add_cie(true);
  }

  // Call frame information for the functions [start, start + size); `instructions` come after the CIE's own,
  // which say "CFA = rsp + 8, return address at CFA - 8".
  void describe(std::uint64_t start, std::uint64_t size, std::vector<std::uint8_t> instructions,
                bool is_signal = false) {
    pairs_[start] = FRAMES + frames_.size();
    const std::size_t begin = frames_.size();
    put32(0);
    put32(static_cast<std::uint32_t>(begin + 4 - cies_[is_signal]));
    put64(start);
    put64(size);
    frames_.push_back(0);  // no augmentation data
    frames_.insert(frames_.end(), instructions.begin(), instructions.end());
    finish(begin);
  }

  void put_code(std::uint64_t address, std::initializer_list<int> bytes) {
    std::uint8_t* to = address >= GENERATED ? generated_.data() + (address - GENERATED) : at(address);
    for (const int byte : bytes) *to++ = static_cast<std::uint8_t>(byte);
  }
  // A direct call of `target` that returns to `return_address`.
  void put_call(std::uint64_t return_address, std::uint64_t target) {
    const auto distance = static_cast<std::uint32_t>(target - return_address);
    put_code(return_address - 5, {0xe8, int(distance & 0xff), int(distance >> 8 & 0xff),
                                  int(distance >> 16 & 0xff), int(distance >> 24)});
  }
  void put_indirect_call(std::uint64_t return_address) {
    put_code(return_address - 2, {0xff, 0xd0});
  }  // call *%rax

  // A stack (or any other data) of `words` zeros at `start`.
  void add_memory(std::uint64_t start, std::size_t words) {
    data_[start] = std::vector<std::uint64_t>(words);
  }
  void put_word(std::uint64_t address, std::uint64_t value) {
    auto& [start, words] = *std::prev(data_.upper_bound(address));
    words.at((address - start) / 8) = value;
  }

  void add_thread(Registers registers) {
    Thread thread;
    thread.tid = static_cast<int>(threads_.size()) + 1;
    thread.registers = registers;
    threads_.push_back(thread);
  }

  // Valid as long as this object lives and is not changed.
  Snapshot snapshot() {
    write_headers();
    std::vector<IntervalMap<MemoryView::Piece>::Interval> pieces;
    std::vector<IntervalMap<std::uint32_t>::Interval> ranges;
    const auto add = [&](std::uint64_t start, Bytes bytes, std::uint32_t flags) {
      pieces.push_back({Address(start), Address(start + bytes.size()), {bytes, MemoryView::Source::DUMP}});
      ranges.push_back({Address(start), Address(start + bytes.size()), flags});
    };
    add(PROGRAM, program_, PF_R | PF_X);
    add(GENERATED, generated_, PF_R | PF_W | PF_X);
    for (const auto& [start, words] : data_) {
      add(start, {reinterpret_cast<const std::uint8_t*>(words.data()), words.size() * 8}, PF_R | PF_W);
    }
    Snapshot snapshot;
    snapshot.memory = MemoryView(std::move(pieces), {});
    snapshot.ranges = IntervalMap<std::uint32_t>(std::move(ranges));
    snapshot.threads = threads_;
    Module module;
    module.path = "/bin/synthetic";
    module.start = Address(PROGRAM);
    module.end = Address(END);
    module.is_main_program = true;
    snapshot.modules.push_back(module);
    return snapshot;
  }

 private:
  std::uint8_t* at(std::uint64_t address) { return program_.data() + (address - PROGRAM); }
  void put32(std::uint32_t value) { append(value); }
  void put64(std::uint64_t value) { append(value); }
  template <class T>
  void append(T value) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    frames_.insert(frames_.end(), bytes, bytes + sizeof value);
  }
  void finish(std::size_t begin) {
    while (frames_.size() % 8 != 0) frames_.push_back(0);
    const auto length = static_cast<std::uint32_t>(frames_.size() - begin - 4);
    std::memcpy(frames_.data() + begin, &length, sizeof length);
  }
  void add_cie(bool is_signal) {
    cies_.push_back(frames_.size());
    const std::size_t begin = frames_.size();
    put32(0);
    put32(0);
    frames_.push_back(1);
    for (const char c : std::string_view(is_signal ? "zRS" : "zR"))
      frames_.push_back(static_cast<std::uint8_t>(c));
    // NUL; code alignment 1; data alignment -8; return address in column 16; one byte of data: addresses are
    // absolute; DW_CFA_def_cfa rsp, 8; DW_CFA_offset 16, 1
    for (const int byte : {0, 1, 0x78, 16, 1, 0, 0x0c, 7, 8, 0x90, 1})
      frames_.push_back(static_cast<std::uint8_t>(byte));
    finish(begin);
  }

  void write_headers() {
    Elf64_Ehdr header = make_elf_header(ET_EXEC);
    header.e_phoff = sizeof header;
    header.e_phnum = 2;
    Elf64_Phdr segments[2] = {};
    segments[0] = {PT_LOAD, PF_R | PF_X, 0, PROGRAM, PROGRAM, program_.size(), program_.size(), 0x1000};
    const std::uint64_t size = 12 + pairs_.size() * 8;
    segments[1] = {PT_GNU_EH_FRAME, PF_R, HEADER - PROGRAM, HEADER, HEADER, size, size, 4};
    std::memcpy(at(PROGRAM), &header, sizeof header);
    std::memcpy(at(PROGRAM) + sizeof header, segments, sizeof segments);
    std::vector<std::uint32_t> table = {0x3b031b01, static_cast<std::uint32_t>(FRAMES - (HEADER + 4)),
                                        static_cast<std::uint32_t>(pairs_.size())};
    for (const auto& [start, entry] : pairs_) {
      table.push_back(static_cast<std::uint32_t>(start - HEADER));
      table.push_back(static_cast<std::uint32_t>(entry - HEADER));
    }
    std::memcpy(at(HEADER), table.data(), table.size() * 4);
    std::memcpy(at(FRAMES), frames_.data(), frames_.size());
  }

  std::vector<std::uint8_t> program_, generated_, frames_;
  std::vector<std::size_t> cies_;
  std::map<std::uint64_t, std::uint64_t> pairs_;  // start of a function -> address of its FDE
  std::map<std::uint64_t, std::vector<std::uint64_t>> data_;
  std::vector<Thread> threads_;
};

}  // namespace standstill

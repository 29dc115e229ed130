// Makes small ELF files and cores in memory, laid out as linkers, gdb and the kernel lay them out. What a
// test wants damaged it damages in the bytes; the builders only make sound ones.
#pragma once

#include "coredump/snapshot.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <elf.h>

namespace standstill::synth {

using ByteVector = std::vector<std::uint8_t>;

// Appends little-endian values and texts.
class ByteWriter {
 public:
  template <class T>
  ByteWriter& add(const T& value) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof(T));
    return *this;
  }
  ByteWriter& add_bytes(Bytes bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  ByteWriter& add_text(std::string_view text) {
    return add_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  ByteWriter& pad_to(std::size_t offset) {
    if (bytes_.size() < offset) bytes_.resize(offset);
    return *this;
  }
  ByteWriter& align(std::size_t alignment) {
    return pad_to((bytes_.size() + alignment - 1) / alignment * alignment);
  }
  std::size_t size() const { return bytes_.size(); }
  ByteVector take() { return std::move(bytes_); }

 private:
  ByteVector bytes_;
};

// One note with its padding.
ByteVector note(std::string_view owner, std::uint32_t type, Bytes contents);

// A module: the header page (with program headers and, unless empty, a build ID note), a page of text, a page
// of data.
//
//     offset 0x0000  R    headers, notes at 0x200
//     offset 0x1000  R X  text, filled with `text_byte`
//     offset 0x2000  RW   data, filled with 0xda, at vaddr 0x3000; .bss up to 0x5000
//
// With sections: .note.gnu.build-id, .text, .shstrtab.
struct ElfBuilder {
  std::uint16_t type = ET_DYN;
  std::uint64_t base = 0;  // p_vaddr of the first segment
  ByteVector build_id = {0xaa, 0xbb, 0xcc, 0xdd, 1, 2, 3, 4};
  std::uint8_t text_byte = 0x90;
  bool has_sections = true;

  static constexpr std::uint64_t TEXT = 0x1000, DATA = 0x3000, END = 0x5000;  // from `base`
  static constexpr std::size_t PAGE = 0x1000;

  ByteVector build() const;
};

class CoreBuilder {
 public:
  enum class Layout {
    KERNEL,  // notes before the memory; a count over 65,534 stands in a section header at the end
    GCORE,   // notes last
  };
  explicit CoreBuilder(Layout layout = Layout::KERNEL) : layout_(layout) {}

  // Memory that the dump holds, and after it `left_out` bytes that it does not.
  CoreBuilder& memory(std::uint64_t vaddr, ByteVector bytes, std::uint32_t flags = PF_R | PF_W,
                      std::uint64_t left_out = 0);
  CoreBuilder& raw_note(std::string_view owner, std::uint32_t type, Bytes contents);
  CoreBuilder& thread(int tid, const Registers& registers, int signal = 0);
  CoreBuilder& process(int pid, std::string_view name, std::string_view arguments);
  CoreBuilder& signal_info(int number);
  CoreBuilder& auxiliary(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& vector);
  CoreBuilder& files(const std::vector<FileMapping>& mappings);

  // A module as the dump of a loaded ElfBuilder has it: header page and data dumped, text left out.
  CoreBuilder& loaded_module(const ElfBuilder& elf, std::uint64_t load_bias, bool dump_header = true);

  ByteVector build() const;

 private:
  struct Segment {
    Elf64_Phdr header;
    ByteVector bytes;
  };
  Layout layout_;
  std::vector<Segment> segments_;
  ByteVector notes_;
};

// Where the mappings of a loaded ElfBuilder stand in NT_FILE.
std::vector<FileMapping> mappings_of(const ElfBuilder& elf, std::uint64_t load_bias, const std::string& path);

}  // namespace standstill::synth

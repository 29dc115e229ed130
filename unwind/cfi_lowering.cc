#include "unwind/cfi_lowering.h"

#include "coredump/elf_headers.h"

#include <bit>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <libelf.h>

namespace standstill {
namespace {

// libdw reads call frame information only out of an ELF file. We hand it the smallest one there can be: an
// .eh_frame with the one CIE and FDE in question, written anew in the plainest form. So libdw sees only what
// was checked, in 300 bytes, never builds its tree of all entries, and one handle for each question needs no
// lock.
class OneEntryFile {
 public:
  explicit OneEntryFile(const CallFrameEntry& entry) {
    static constexpr std::string_view NAMES{"\0.eh_frame\0.shstrtab\0", 21};
    append(Elf64_Ehdr{});
    const std::uint64_t sections = bytes_.size();
    for (int i = 0; i < 3; ++i) append(Elf64_Shdr{});
    const std::uint64_t names = bytes_.size();
    bytes_.insert(bytes_.end(), NAMES.begin(), NAMES.end());
    align(8);
    const std::uint64_t frames = bytes_.size();
    append_cie(entry);
    append_fde(entry, frames);
    append(std::uint32_t{0});  // the terminator
    const std::uint64_t frames_end = bytes_.size();

    Elf64_Ehdr header = make_elf_header(ET_DYN);
    header.e_shoff = sections;
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    put(0, header);
    Elf64_Shdr eh_frame{};
    eh_frame.sh_name = 1;
    eh_frame.sh_type = SHT_PROGBITS;
    eh_frame.sh_offset = frames;
    eh_frame.sh_size = frames_end - frames;
    eh_frame.sh_addralign = 8;
    put(sections + sizeof(Elf64_Shdr), eh_frame);
    Elf64_Shdr strings{};
    strings.sh_name = 11;
    strings.sh_type = SHT_STRTAB;
    strings.sh_offset = names;
    strings.sh_size = NAMES.size();
    strings.sh_addralign = 1;
    put(sections + 2 * sizeof(Elf64_Shdr), strings);
    bytes_.resize(bytes_.size() + 32);  // should libdw look a few bytes too far, it finds zeros
  }

  std::span<std::uint8_t> bytes() { return bytes_; }

 private:
  template <class T>
  void append(const T& value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  template <class T>
  void put(std::uint64_t at, const T& value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  void append_bytes(Bytes bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void align(std::size_t alignment) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
  }
  // Signed LEB128. Also good for unsigned numbers below 2^63; larger alignments are nonsense and stay
  // nonsense.
  void append_sleb(std::int64_t value) {
    for (;;) {
      const auto byte = static_cast<std::uint8_t>(value & 0x7f);
      value >>= 7;
      const bool last = (value == 0 && (byte & 0x40) == 0) || (value == -1 && (byte & 0x40) != 0);
      bytes_.push_back(last ? byte : byte | 0x80);
      if (last) return;
    }
  }

  void append_cie(const CallFrameEntry& entry) {
    const std::size_t begin = bytes_.size();
    append(std::uint32_t{0});  // length, set below
    append(std::uint32_t{0});  // a CIE
    bytes_.push_back(3);
    for (const char c : {'z', 'S'}) {
      if (c == 'z' || entry.is_signal_frame) bytes_.push_back(static_cast<std::uint8_t>(c));
    }
    bytes_.push_back(0);
    append_sleb(static_cast<std::int64_t>(entry.code_alignment & INT64_MAX));
    append_sleb(entry.data_alignment);
    append_sleb(entry.return_address_register);
    bytes_.push_back(0);  // no augmentation data: addresses are absolute, eight bytes
    append_bytes(entry.initial_instructions);
    align(8);  // with DW_CFA_nop
    put(begin, static_cast<std::uint32_t>(bytes_.size() - begin - 4));
  }

  void append_fde(const CallFrameEntry& entry, std::uint64_t cie) {
    const std::size_t begin = bytes_.size();
    append(std::uint32_t{0});
    append(static_cast<std::uint32_t>(begin + 4 - cie));
    append(entry.start);
    append(entry.end - entry.start);
    bytes_.push_back(0);  // no augmentation data
    append_bytes(entry.instructions);
    align(8);
    put(begin, static_cast<std::uint32_t>(bytes_.size() - begin - 4));
  }

  std::vector<std::uint8_t> bytes_;
};

struct CloseElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
struct CloseCfi {
  void operator()(Dwarf_CFI* cfi) const { dwarf_cfi_end(cfi); }
};
struct FreeFrame {
  void operator()(Dwarf_Frame* frame) const { std::free(frame); }  // as libdw.h asks for
};

std::int64_t keep_expression(UnwindRow& row, std::span<const Dwarf_Op> operations, std::uint64_t load_bias) {
  std::vector<Dwarf_Op> copy(operations.begin(), operations.end());
  for (Dwarf_Op& operation : copy) {
    if (operation.atom == DW_OP_addr) operation.number += load_bias;
  }
  row.expressions.push_back(std::move(copy));
  return static_cast<std::int64_t>(row.expressions.size() - 1);
}

bool lower_cfa(Dwarf_Frame* frame, UnwindRow& row, std::uint64_t load_bias) {
  Dwarf_Op* first = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_cfa(frame, &first, &count) != 0 || count == 0 || first == nullptr) return false;
  const std::span operations(first, count);
  const Dwarf_Op& only = operations.front();
  if (count == 1 && only.atom == DW_OP_bregx && only.number < Registers::COUNT) {
    row.cfa_register = static_cast<std::uint8_t>(only.number);
    row.cfa_value = static_cast<std::int64_t>(only.number2);
    return true;
  }
  row.cfa_register = UnwindRow::CFA_BY_EXPRESSION;
  row.cfa_value = keep_expression(row, operations, load_bias);
  return true;
}

using Kind = RegisterRule::Kind;

// libdw states a rule as a location: nothing (undefined), DW_OP_regx N, or DW_OP_call_frame_cfa followed by
// what is to be added or computed, and by DW_OP_stack_value where the result is the value itself.
RegisterRule lower_rule(UnwindRow& row, unsigned number, std::span<const Dwarf_Op> operations,
                        std::uint64_t load_bias) {
  RegisterRule rule{static_cast<std::uint8_t>(number), Kind::UNDEFINED, 0};
  if (operations.empty()) return rule;
  const bool is_value = operations.back().atom == DW_OP_stack_value;
  const auto location = is_value ? operations.first(operations.size() - 1) : operations;
  if (location.size() == 1 && location[0].atom == DW_OP_regx) {
    rule.kind = location[0].number < Registers::COUNT ? Kind::IN_REGISTER : Kind::UNDEFINED;
    rule.value = static_cast<std::int64_t>(location[0].number & 0xff);
  } else if (location.size() == 1 && location[0].atom == DW_OP_call_frame_cfa) {
    rule.kind = is_value ? Kind::CFA_PLUS : Kind::AT_CFA;
  } else if (location.size() == 2 && location[1].atom == DW_OP_plus_uconst) {
    rule.kind = is_value ? Kind::CFA_PLUS : Kind::AT_CFA;
    rule.value = static_cast<std::int64_t>(location[1].number);
  } else {
    rule.kind = is_value ? Kind::VALUE_EXPRESSION : Kind::EXPRESSION;
    rule.value = keep_expression(row, location, load_bias);
  }
  return rule;
}

// False where libdw cannot say.
bool lower_register(Dwarf_Frame* frame, UnwindRow& row, unsigned number, unsigned column,
                    std::uint64_t load_bias) {
  Dwarf_Op memory[3];
  Dwarf_Op* first = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_register(frame, static_cast<int>(column), memory, &first, &count) != 0) return false;
  const std::span operations(first, first == nullptr ? 0 : count);
  if (number == Registers::RIP) {
    // "Same value" is what the ABI's defaults leave where a CIE says nothing of the return address: no rule
    // at all.
    if (first == nullptr) return false;
  } else {
    // elfutils' table of defaults for x86-64 means rbx and says register 0 (backends/x86_64_cfi.c, to 0.192
    // at least), so that an rbx which was never touched comes out undefined. No compiler says "undefined" of
    // a register that callees keep.
    if (operations.empty()) return true;
    // rsp is the CFA: the default, and not worth a rule.
    if (number == Registers::RSP && count == 2 && first[1].atom == DW_OP_stack_value) return true;
  }
  row.rules[row.rule_count++] = lower_rule(row, number, operations, load_bias);
  return true;
}

}  // namespace

std::optional<UnwindRow> lower_row(const CallFrameEntry& entry, std::uint64_t vaddr,
                                   std::uint64_t load_bias) {
  elf_version(EV_CURRENT);
  OneEntryFile file(entry);
  const std::unique_ptr<Elf, CloseElf> elf(
      elf_memory(reinterpret_cast<char*>(file.bytes().data()), file.bytes().size()));
  if (elf == nullptr) return std::nullopt;
  const std::unique_ptr<Dwarf_CFI, CloseCfi> cfi(dwarf_getcfi_elf(elf.get()));
  if (cfi == nullptr) return std::nullopt;
  Dwarf_Frame* raw_frame = nullptr;
  if (dwarf_cfi_addrframe(cfi.get(), vaddr, &raw_frame) != 0) return std::nullopt;
  const std::unique_ptr<Dwarf_Frame, FreeFrame> frame(raw_frame);

  UnwindRow row;
  row.kind = UnwindRow::Kind::CFI;
  row.is_signal_frame = entry.is_signal_frame;
  if (!lower_cfa(frame.get(), row, load_bias)) return std::nullopt;
  for (unsigned number = 0; number < Registers::RIP; ++number) {
    if (!lower_register(frame.get(), row, number, number, load_bias)) return std::nullopt;
  }
  if (!lower_register(frame.get(), row, Registers::RIP, entry.return_address_register, load_bias))
    return std::nullopt;
  return row;
}

}  // namespace standstill

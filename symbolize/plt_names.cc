#include "symbolize/plt_names.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include <elf.h>

namespace standstill {

namespace {

constexpr std::uint64_t kEntry = 16;    // of .plt and .plt.sec
constexpr std::uint64_t kGotEntry = 8;  // of .plt.got without endbr64, whose header may say 8 or 16

const ElfImage::Section* find_stub_section(const ElfImage& image, std::uint64_t address) {
  for (const ElfImage::Section& section : image.sections()) {
    if (!section.name.starts_with(".plt") || (section.header.sh_flags & SHF_EXECINSTR) == 0) continue;
    if (address >= section.header.sh_addr && address - section.header.sh_addr < section.contents.size())
      return &section;
  }
  return nullptr;
}

// Which function's address belongs into which slot, and in which order .rela.plt lists them.
class Slots {
 public:
  explicit Slots(const ElfImage& image) {
    for (const ElfImage::Section& section : image.sections()) {
      if (section.header.sh_type == SHT_RELA && section.header.sh_entsize == sizeof(Elf64_Rela))
        read(image, section);
    }
  }

  std::string at_address(std::uint64_t slot) const {
    const auto found = names_.find(slot);
    return found == names_.end() ? std::string{} : std::string(found->second);
  }
  std::string at_index(std::uint64_t index) const {
    return index < jumps_.size() ? std::string(jumps_[index]) : std::string{};
  }

 private:
  void read(const ElfImage& image, const ElfImage::Section& table) {
    const auto& sections = image.sections();
    if (table.header.sh_link >= sections.size()) return;
    const ElfImage::Section& symbols = sections[table.header.sh_link];
    if (symbols.header.sh_link >= sections.size()) return;
    const Bytes strings = sections[symbols.header.sh_link].contents;
    Cursor cursor(table.contents);
    while (cursor.remaining() >= sizeof(Elf64_Rela)) {
      const auto relocation = cursor.read<Elf64_Rela>();
      const auto type = ELF64_R_TYPE(relocation.r_info);
      if (table.name == ".rela.plt") jumps_.emplace_back();
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
      Cursor at(clipped(symbols.contents, ELF64_R_SYM(relocation.r_info) * sizeof(Elf64_Sym)));
      const auto symbol = at.read<Elf64_Sym>();
      if (!at.ok() || symbol.st_name == 0) continue;
      Cursor text(clipped(strings, symbol.st_name));
      const std::string_view name = text.read_c_string();
      names_.emplace(relocation.r_offset, name);
      if (table.name == ".rela.plt") jumps_.back() = name;
    }
  }

  std::unordered_map<std::uint64_t, std::string_view> names_;
  std::vector<std::string_view> jumps_;
};

// The first instruction that tells: a jump through a slot, or the push of an index into .rela.plt.
std::string read_stub(Bytes code, std::uint64_t vaddr, const Slots& slots) {
  Cursor cursor(code);
  if (as_text(clipped(code, 0, 4)) == "\xf3\x0f\x1e\xfa") cursor.skip(4);  // endbr64
  auto opcode = cursor.read<std::uint8_t>();
  if (opcode == 0xf2) opcode = cursor.read<std::uint8_t>();  // bnd
  if (opcode == 0x68) {                                      // push
    const auto index = cursor.read<std::uint32_t>();
    return cursor.ok() ? slots.at_index(index) : std::string{};
  }
  if (opcode != 0xff || cursor.read<std::uint8_t>() != 0x25) return {};  // jmp *(%rip)
  const auto distance = cursor.read<std::int32_t>();
  if (!cursor.ok()) return {};
  return slots.at_address(vaddr + cursor.offset() + static_cast<std::uint64_t>(std::int64_t{distance}));
}

}  // namespace

std::vector<PltStub> find_plt_stubs(const ElfImage& image, std::span<const std::uint64_t> addresses) {
  std::vector<PltStub> result(addresses.size());
  std::optional<Slots> slots;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const ElfImage::Section* section = find_stub_section(image, addresses[i]);
    if (section == nullptr) continue;
    if (!slots) slots.emplace(image);
    const std::uint64_t size =
        section->name == ".plt.got" && section->header.sh_entsize == kGotEntry ? kGotEntry : kEntry;
    const std::uint64_t offset = (addresses[i] - section->header.sh_addr) / size * size;
    result[i].start = section->header.sh_addr + offset;
    result[i].function = read_stub(clipped(section->contents, offset, size), result[i].start, *slots);
  }
  return result;
}

}  // namespace standstill

#include "symbolize/dwarf_types.h"

#include "coredump/section_contents.h"
#include "symbolize/debug_sections.h"

#include <llvm/DebugInfo/DWARF/DWARFCompileUnit.h>

namespace standstill {

namespace {

namespace dwarf = llvm::dwarf;
using llvm::DWARFDie;

constexpr int DEEPEST_BASE = 16;          // base classes of base classes
constexpr unsigned MOST_CHILDREN = 4096;  // of one structure
constexpr std::uint64_t MOST_UNPACKED = std::uint64_t{256} << 20;

// LLVM unpacks sections whole; that must not cost gigabytes.
bool is_affordable(const ElfImage& image) {
  const ElfImage::Section* const info = find_debug_section(image, ".debug_info");
  return info != nullptr && (!is_compressed(*info) || info->contents.size() < MOST_UNPACKED / 8);
}

std::optional<std::uint64_t> offset_of(const DWARFDie& member) {
  const auto location = member.find(dwarf::DW_AT_data_member_location);
  return location ? dwarf::toUnsigned(location) : std::optional<std::uint64_t>(0);
}

std::optional<StructureMember> find_member(const DWARFDie& structure, std::string_view name, int depth) {
  if (depth > DEEPEST_BASE) return std::nullopt;
  unsigned children = 0;
  for (const DWARFDie child : structure.children()) {
    if (++children > MOST_CHILDREN) break;
    const bool is_base = child.getTag() == dwarf::DW_TAG_inheritance;
    if ((!is_base && child.getTag() != dwarf::DW_TAG_member) || child.find(dwarf::DW_AT_external)) continue;
    const auto offset = offset_of(child);
    if (!offset) continue;
    const DWARFDie type = find_type_of(child).type;
    if (!type) continue;
    if (is_base) {
      if (const auto found = find_member(type, name, depth + 1))
        return StructureMember{*offset + found->offset, found->type};
    } else if (const char* own = child.getShortName(); own != nullptr && name == own) {
      return StructureMember{*offset, type};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<OpenedDwarf> open_dwarf(const ElfImage& image) {
  if (!is_affordable(image)) return std::nullopt;
  const llvm::MemoryBufferRef buffer(llvm::StringRef(as_text(image.file()->bytes())), image.path());
  auto object = llvm::object::ObjectFile::createELFObjectFile(buffer);
  if (!object) {
    llvm::consumeError(object.takeError());
    return std::nullopt;
  }
  const auto be_silent = [](llvm::Error error) { llvm::consumeError(std::move(error)); };
  OpenedDwarf opened;
  opened.object = std::move(*object);
  opened.context = llvm::DWARFContext::create(
      *opened.object, llvm::DWARFContext::ProcessDebugRelocations::Ignore, nullptr, "", be_silent, be_silent);
  return opened;
}

std::uint64_t element_count(const DWARFDie& array) {
  std::uint64_t count = 1;
  for (const DWARFDie child : array.children()) {
    if (child.getTag() != dwarf::DW_TAG_subrange_type) continue;
    std::uint64_t dimension = dwarf::toUnsigned(child.find(dwarf::DW_AT_count), 0);
    if (dimension == 0)
      if (const auto last = dwarf::toUnsigned(child.find(dwarf::DW_AT_upper_bound))) dimension = *last + 1;
    if (__builtin_mul_overflow(count, dimension, &count)) return 0;
  }
  return count;
}

std::uint64_t size_of_type(const DWARFDie& type) {
  const std::uint64_t size = dwarf::toUnsigned(type.find(dwarf::DW_AT_byte_size), 0);
  if (size != 0 || type.getTag() != dwarf::DW_TAG_array_type) return size;
  const DWARFDie element = find_type_of(type).type;
  if (!element || element.getTag() == dwarf::DW_TAG_array_type) return 0;
  std::uint64_t product = 0;
  return __builtin_mul_overflow(size_of_type(element), element_count(type), &product) ? 0 : product;
}

std::optional<StructureMember> find_member(const DWARFDie& structure, std::string_view name) {
  return find_member(structure, name, 0);
}

DWARFDie find_type_argument(const DWARFDie& structure) {
  for (const DWARFDie child : structure.children())
    if (child.getTag() == dwarf::DW_TAG_template_type_parameter) return find_type_of(child).type;
  return {};
}

DWARFDie find_variable_type(llvm::DWARFContext& context, std::uint64_t vaddr, std::string_view linkage_name) {
  llvm::DWARFCompileUnit* const unit = context.getCompileUnitForCodeAddress(vaddr);
  if (unit == nullptr || !unit->getUnitDIE(false)) return {};
  for (const llvm::DWARFDebugInfoEntry& entry : unit->dies()) {
    // A static member is declared as a variable since DWARF 5, before as a member.
    if (entry.getTag() != dwarf::DW_TAG_variable && entry.getTag() != dwarf::DW_TAG_member) continue;
    const DWARFDie die(unit, &entry);
    const char* const name = die.getLinkageName();
    if (name == nullptr || linkage_name != name) continue;
    const DWARFDie declaration = die.getAttributeValueAsReferencedDie(dwarf::DW_AT_specification);
    if (const DWARFDie type = find_type_of(declaration ? declaration : die).type) return type;
  }
  return {};
}

}  // namespace standstill

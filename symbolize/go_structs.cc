#include "symbolize/go_structs.h"

#include "symbolize/debug_files.h"
#include "symbolize/debug_sections.h"
#include "symbolize/dwarf_unit.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <llvm/BinaryFormat/Dwarf.h>

namespace standstill {

namespace {

namespace dwarf = llvm::dwarf;

constexpr std::size_t MOST_MEMBERS = 4096;  // struct m, the largest, has 70

struct Entry {
  std::string_view name;
  std::optional<std::uint64_t> size, place;
};

class StructReader {
 public:
  StructReader(const DwarfFile& file, std::span<const std::string_view> names) : file_(file), names_(names) {}

  GoStructs read() {
    for (const DwarfUnitHeader& header : file_.units()) {
      if (found_.size() == names_.size()) break;
      if (!header.is_understood) continue;
      const DwarfUnit unit(file_, header);
      if (unit.is_understood() && !unit.is_split()) read_unit(unit);
    }
    return std::move(found_);
  }

 private:
  // All entries of a unit stand one behind the other, ends of lists of siblings among them: no recursion.
  void read_unit(const DwarfUnit& unit) {
    Cursor cursor = unit.cursor(unit.first_child());
    while (cursor.ok() && cursor.offset() < unit.header().end && found_.size() < names_.size()) {
      const DwarfEntry entry = unit.read_entry(cursor);
      if (entry.shape == nullptr) {
        if (!cursor.ok()) return;
        continue;
      }
      if (entry.shape->tag != dwarf::DW_TAG_structure_type) {
        if (!unit.skip_attributes(cursor, *entry.shape)) return;
        continue;
      }
      const auto structure = attributes(unit, cursor, entry);
      if (!structure) return;
      if (entry.shape->has_children && is_wanted(structure->name)) {
        GoStruct read{structure->size.value_or(0), {}};
        if (!read_members(unit, cursor, read)) return;
        found_.emplace(structure->name, std::move(read));
      }
    }
  }

  bool is_wanted(std::string_view name) const {
    return std::ranges::find(names_, name) != names_.end() && !found_.contains(name);
  }

  // Members have no children in Go.
  static bool read_members(const DwarfUnit& unit, Cursor& cursor, GoStruct& out) {
    while (cursor.ok() && cursor.offset() < unit.header().end) {
      const DwarfEntry entry = unit.read_entry(cursor);
      if (entry.shape == nullptr) return cursor.ok();
      const auto member = attributes(unit, cursor, entry);
      if (!member || entry.shape->has_children) return false;
      if (out.members.size() > MOST_MEMBERS) return false;
      if (entry.shape->tag == dwarf::DW_TAG_member && !member->name.empty() && member->place)
        out.members.emplace(member->name, *member->place);
    }
    return false;
  }

  static std::optional<Entry> attributes(const DwarfUnit& unit, Cursor& cursor, const DwarfEntry& entry) {
    Entry result;
    const bool is_read =
        unit.read_attributes(cursor, *entry.shape, [&](std::uint16_t attribute, FormValue value) {
          if (attribute == dwarf::DW_AT_name) result.name = unit.string(value);
          if (attribute == dwarf::DW_AT_byte_size) result.size = unit.constant(value);
          if (attribute == dwarf::DW_AT_data_member_location) result.place = unit.constant(value);
        });
    return is_read ? std::optional(result) : std::nullopt;
  }

  const DwarfFile& file_;
  std::span<const std::string_view> names_;
  GoStructs found_;
};

}  // namespace

GoStructs read_go_structs(std::shared_ptr<const ElfImage> image, std::span<const std::string_view> names) {
  if (!image || !has_debug_info(*image)) return {};
  std::vector<Note> unused;
  const DebugSections sections = open_debug_sections(std::move(image), unused);
  const DwarfFile file(sections);
  return StructReader(file, names).read();
}

GoStructReader go_struct_reader(SymbolizerOptions options) {
  return [options = std::move(options)](const Module& module, std::span<const std::string_view> names) {
    return read_go_structs(find_debug_files(module, options).with_debug_info(), names);
  };
}

}  // namespace standstill

#include "symbolize/dwarf_scope.h"

#include <optional>
#include <string_view>
#include <vector>

#include <llvm/BinaryFormat/Dwarf.h>

namespace standstill {

using namespace llvm::dwarf;

namespace {

constexpr std::size_t kMaximumDepth = 512;  // deeper nesting is damage

struct Scope {
  std::uint16_t tag = 0;
  FormValue name;
};

// The scopes around an entry, outermost first; nothing where it is not found.
std::optional<std::vector<Scope>> scopes_around(const DwarfUnit& unit, std::uint64_t wanted) {
  std::vector<Scope> around;
  Cursor at = unit.cursor(unit.first_child());
  for (;;) {
    const DwarfEntry entry = unit.read_entry(at);
    if (!at.ok() || entry.offset > wanted) return std::nullopt;
    if (entry.offset == wanted) return around;
    if (entry.shape == nullptr) {
      if (around.empty()) return std::nullopt;
      around.pop_back();
      continue;
    }
    if (!entry.shape->has_children) {
      if (!unit.skip_attributes(at, *entry.shape)) return std::nullopt;
      continue;
    }
    Scope scope{.tag = entry.shape->tag, .name = {}};
    FormValue sibling;
    const bool ok = unit.read_attributes(at, *entry.shape, [&](std::uint16_t name, FormValue value) {
      if (name == DW_AT_name) scope.name = value;
      if (name == DW_AT_sibling) sibling = value;
    });
    if (!ok) return std::nullopt;
    const auto next = unit.reference(sibling);
    // Only forward, and not past what is looked for.
    if (next && next->first == &unit.file() && next->second > at.offset() && next->second <= wanted) {
      at.seek(next->second);
      continue;
    }
    if (around.size() == kMaximumDepth) return std::nullopt;
    around.push_back(scope);
  }
}

bool is_type(std::uint16_t tag) {
  return tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

}  // namespace

std::string find_scope(const DwarfUnit& unit, std::uint64_t entry) {
  const auto around = scopes_around(unit, entry);
  if (!around) return {};
  std::string result;
  for (const Scope& scope : *around) {
    const std::string_view name = unit.string(scope.name);
    if (scope.tag == DW_TAG_namespace) {
      result.append(name.empty() ? "(anonymous namespace)" : name).append("::");
    } else if (is_type(scope.tag) && !name.empty()) {
      result.append(name).append("::");
    } else {
      result.clear();  // a function, or the nameless type of a lambda: what is inside has a name of its own
    }
  }
  return result;
}

}  // namespace standstill

#include "heapwalk/object_types.h"

#include "heapwalk/module_data.h"
#include "symbolize/demangle.h"
#include "symbolize/symbolizer.h"

#include <algorithm>
#include <cctype>

namespace standstill {

namespace {

constexpr std::string_view SYMBOL_PREFIX = "vtable for ";
constexpr std::string_view TYPE_NAME_PREFIX = "typeinfo name for ";

bool looks_mangled(std::string_view name) {
  return !name.empty() && name.size() < 4096 &&
         std::ranges::all_of(
             name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '$'; });
}

std::string name_in_type_info(const Snapshot& snapshot, Address type_info) {
  const MemoryView& memory = snapshot.memory;
  const auto own_table = memory.read_address(type_info);
  const auto name_at = memory.read_address(type_info + 8);
  if (!own_table || !name_at || !snapshot.find_module(*own_table) || !snapshot.find_module(*name_at))
    return {};
  std::string name = memory.read_c_string(*name_at, 4096).value_or("");
  if (name.starts_with('*')) name.erase(0, 1);  // a type local to its file
  if (!looks_mangled(name)) return {};
  std::string readable = function_name("_ZTS" + name);
  if (!readable.starts_with(TYPE_NAME_PREFIX)) return {};
  return readable.substr(TYPE_NAME_PREFIX.size());
}

}  // namespace

DataPointerFilter::DataPointerFilter(const Snapshot& snapshot) : slots_(SLOTS) {
  for (const Module& module : snapshot.modules)
    for (const DataRange& range : data_ranges(snapshot, module))
      ranges_.emplace_back(range.start.value() >> 12, (range.end.value() + 4095) >> 12);
  std::ranges::sort(ranges_);
  if (ranges_.empty()) return;
  lowest_ = ranges_.front().first << 12;
  const auto last = std::ranges::max_element(ranges_, {}, [](const auto& range) { return range.second; });
  span_ = (last->second << 12) - lowest_;
}

bool DataPointerFilter::lies_in_data(std::uint64_t word) const {
  const std::uint64_t page = word >> 12;
  const auto after =
      std::ranges::upper_bound(ranges_, page, {}, [](const auto& range) { return range.first; });
  return after != ranges_.begin() && page < std::prev(after)->second;
}

std::string class_of_table(const Snapshot& snapshot, const Symbolizer* symbolizer, Address table) {
  const MemoryView& memory = snapshot.memory;
  const auto to_top = memory.read<std::uint64_t>(table - 16);
  const auto type_info = memory.read_address(table - 8);
  const auto function = memory.read_address(table);
  // The first function may be missing where a class was never made whole, but never be something else.
  if (!to_top || !type_info || !function || *to_top != 0) return {};
  if (*function && !snapshot.is_executable(*function)) return {};
  if (*type_info) return name_in_type_info(snapshot, *type_info);
  if (symbolizer == nullptr) return {};
  std::string symbol = symbolizer->names_of_data({&table, 1}).front();
  if (!symbol.starts_with(SYMBOL_PREFIX)) return {};
  symbol.erase(0, SYMBOL_PREFIX.size());
  return symbol.substr(0, symbol.rfind('+'));
}

}  // namespace standstill

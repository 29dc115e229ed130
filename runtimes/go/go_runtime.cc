#include "runtimes/go/go_runtime.h"

#include <algorithm>
#include <cstring>

#include <elf.h>
#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::uint64_t LARGEST_FUNCTION = 1u << 20;  // bytes of code that are searched for references
constexpr std::uint64_t BUILD_INFO_REACH = 1u << 20;  // the linker puts it first in the data
constexpr std::size_t LONGEST_TABLE_TEXT = 60;

bool is_known_by_name(std::string_view name) {
  return name.starts_with("runtime") || name.starts_with("internal/") || name.starts_with("sync.") ||
         name.starts_with("sync/");
}

}  // namespace

std::unique_ptr<const GoRuntime> GoRuntime::find(const Snapshot& snapshot, std::vector<Note>& notes,
                                                 const GoStructReader& read_structs) {
  std::unique_ptr<GoRuntime> runtime(new GoRuntime(snapshot));
  for (ModuleIndex i = 0; i < snapshot.modules.size(); ++i) {
    if (auto data = find_module_data(snapshot, i)) {
      GoLineTable lines(snapshot.memory, *data);
      runtime->modules_.push_back(std::make_unique<GoModule>(GoModule{*data, std::move(lines)}));
    }
  }
  if (runtime->modules_.empty()) return nullptr;
  // Plugins use the program's runtime; only C libraries written in Go bring another one.
  std::size_t runtimes = 0;
  std::vector<std::unique_ptr<GoModule>> ordered;
  for (auto& module : runtime->modules_) {
    runtime->by_name_.clear();
    runtime->index_names(*module);
    const bool has_runtime = runtime->by_name_.contains("runtime.allgadd");
    if (has_runtime && runtimes++ == 0)
      ordered.insert(ordered.begin(), std::move(module));
    else if (!has_runtime)
      ordered.push_back(std::move(module));
    else
      notes.push_back({Severity::WARNING,
                       "a second Go runtime in the same process: its goroutines are not read",
                       snapshot.modules[module->data.module].path});
  }
  runtime->modules_ = std::move(ordered);
  runtime->by_name_.clear();
  for (const auto& module : runtime->modules_) runtime->index_names(*module);

  const auto version = runtime->find_version();
  if (!version) {
    notes.push_back({Severity::WARNING, "a Go program, but its Go version cannot be read: threads only",
                     snapshot.modules[runtime->modules_.front()->data.module].path});
    return nullptr;
  }
  runtime->version_ = *version;
  runtime->find_layout(read_structs);
  for (const auto& module : runtime->modules_) runtime->find_versioned_fields(*module);
  return runtime;
}

void GoRuntime::find_layout(const GoStructReader& read_structs) {
  layout_ = layout_of(version_.minor);
  if (is_layout_known() || !read_structs) return;
  const Module& module = snapshot_->modules[modules_.front()->data.module];
  if (const auto own = layout_out_of(read_structs(module, structs_of_layout()), version_.minor))
    layout_ = *own;
}

// Of a version that is not known its tables say which layout is theirs.
void GoRuntime::find_versioned_fields(GoModule& module) {
  constexpr int NEWEST_OF_EACH_LAYOUT[] = {27, 26, 25, 22, 20, 19};
  const auto read_as = [&](const ModuleLayout& layout) {
    read_versioned_fields(memory(), layout, module.data);
    module.lines.set_gofunc(module.data.gofunc);
  };
  read_as(layout_.module);
  if (is_layout_known() || module.lines.has_inline_trees()) return;
  if (!layout_.is_by_debug_information) {
    for (const int minor : NEWEST_OF_EACH_LAYOUT) {
      read_as(layout_of(minor).module);
      if (module.lines.has_inline_trees()) return;
    }
    read_as(layout_.module);
  }
  are_tables_known_ = false;
}

void GoRuntime::index_names(const GoModule& module) {
  for (std::uint32_t i = 0; i < module.lines.size(); ++i) {
    std::uint8_t id = 0;
    const std::string_view name = module.lines.name_at(i, &id);
    wrapper_id_ = std::max(wrapper_id_, int{id});
    if (is_known_by_name(name)) by_name_.try_emplace(name, &module, i);
  }
}

// The build information may have been stripped, but the runtime has the version in a variable of its own,
// which schedinit looks at.
std::optional<GoVersion> GoRuntime::find_version() const {
  for (const Address variable : references({"runtime.schedinit", "runtime.Version"})) {
    const auto text = read_string(variable, 64);
    if (!text) continue;
    if (auto version = parse_go_version(*text)) return version;
  }
  const Address start = modules_.front()->data.variables_start();
  const Module& module = snapshot_->modules[modules_.front()->data.module];
  for (const auto& range : snapshot_->ranges.intervals()) {
    if (range.start < module.start || range.start >= module.end || (range.value & PF_X) != 0 ||
        range.start > start)
      continue;
    const TableBytes bytes(memory(), range.start, std::min(range.end - range.start, BUILD_INFO_REACH));
    if (auto version = find_build_version(bytes.bytes())) return version;
  }
  return std::nullopt;
}

std::optional<GoPlace> GoRuntime::find_function(Address pc) const {
  for (const auto& module : modules_) {
    if (auto function = module->lines.find(pc)) return GoPlace{module.get(), *function};
  }
  return std::nullopt;
}

std::optional<GoPlace> GoRuntime::find_function(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  const auto function = found->second.first->lines.at(found->second.second);
  return function ? std::optional(GoPlace{found->second.first, *function}) : std::nullopt;
}

int GoRuntime::id_of(std::string_view name) const {
  const auto place = find_function(name);
  return place ? place->function.id : -1;
}

std::vector<Address> GoRuntime::references(std::string_view name, unsigned alignment) const {
  std::vector<Address> found;
  const auto place = find_function(name);
  if (!place) return found;
  const GoFunction& function = place->function;
  const TableBytes table(memory(), function.entry, std::min(function.end - function.entry, LARGEST_FUNCTION));
  const Bytes code = table.bytes();
  const Address low = place->module->data.variables_start(), high = place->module->data.variables_end();
  for (std::size_t at = 1; at + 4 <= code.size(); ++at) {
    if ((code[at - 1] & 0xc7) != 5) continue;  // ModRM: mod 00, rm 101
    std::int32_t displacement = 0;
    std::memcpy(&displacement, &code[at], sizeof displacement);
    const Address next = function.entry + (at + 4) + static_cast<std::uint64_t>(std::int64_t{displacement});
    for (const unsigned immediate : {0, 1, 2, 4}) {
      const Address target = next + immediate;
      if (low <= target && target < high && target.value() % alignment == 0) found.push_back(target);
    }
  }
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

std::vector<Address> GoRuntime::references(std::initializer_list<std::string_view> functions,
                                           unsigned alignment) const {
  std::vector<Address> found;
  for (const std::string_view function : functions) {
    const std::vector<Address> more = references(function, alignment);
    found.insert(found.end(), more.begin(), more.end());
  }
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

std::optional<std::string> GoRuntime::read_string(Address address, std::size_t limit) const {
  std::uint64_t words[2];
  if (!memory().copy(address, {reinterpret_cast<std::uint8_t*>(words), sizeof words}) || words[1] > limit)
    return std::nullopt;
  std::string text(words[1], '\0');
  if (!memory().copy(Address(words[0]), {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}))
    return std::nullopt;
  return text;
}

std::vector<std::string> GoRuntime::read_string_table(Address address, std::size_t limit) const {
  std::vector<std::string> texts;
  while (texts.size() < limit) {
    auto text = read_string(address + texts.size() * 16, LONGEST_TABLE_TEXT);
    if (!text || !std::ranges::all_of(*text, [](char c) { return c >= ' ' && c <= '~'; })) break;
    texts.push_back(std::move(*text));
  }
  return texts;
}

}  // namespace standstill

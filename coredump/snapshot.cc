#include "coredump/snapshot.h"

#include <algorithm>

#include <elf.h>

namespace standstill {

std::optional<std::uint64_t> ProcessInfo::auxiliary(std::uint64_t type) const {
  for (const auto& [key, value] : auxiliary_vector) {
    if (key == type) return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Snapshot::auxiliary(std::uint64_t type) const { return process.auxiliary(type); }

std::optional<ModuleIndex> Snapshot::find_module(Address address) const {
  const auto next = std::upper_bound(modules.begin(), modules.end(), address,
                                     [](Address a, const Module& module) { return a < module.start; });
  if (next == modules.begin() || !std::prev(next)->contains(address)) return std::nullopt;
  return static_cast<ModuleIndex>(next - modules.begin() - 1);
}

bool Snapshot::is_executable(Address address) const {
  const auto* range = ranges.find(address);
  return range != nullptr && (range->value & PF_X) != 0;
}

}  // namespace standstill

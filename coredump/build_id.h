// The build ID of an ELF file: the contents of its NT_GNU_BUILD_ID note. Two files with the same one are the
// same build; it is the only proof we accept that a file on disk is what the process had mapped.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

struct BuildId {
  std::vector<std::uint8_t> bytes;

  bool empty() const { return bytes.empty(); }
  std::string hex() const;  // lowercase, "" when empty
  friend auto operator<=>(const BuildId&, const BuildId&) = default;
};

// Looks through the contents of a PT_NOTE segment or SHT_NOTE section. Damaged notes end the search.
std::optional<BuildId> find_build_id(Bytes notes, std::uint64_t alignment = 4);

}  // namespace standstill

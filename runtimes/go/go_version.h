// Which Go built a program. It is written twice: in the build information that the linker puts at the start
// of the data (Go 1.18 src/debug/buildinfo/buildinfo.go), and in the variable runtime.buildVersion.
#pragma once

#include "base/bytes.h"

#include <optional>
#include <string>
#include <string_view>

namespace standstill {

struct GoVersion {
  std::string text;  // "go1.22.12"
  int minor = 0;     // 22
};

// "go1.24.4", "go1.26rc1 X:arenas", "devel go1.25-abcdef"; nothing for other texts and for majors but 1.
std::optional<GoVersion> parse_go_version(std::string_view text);

// The version out of build information that begins somewhere in `data`, at a multiple of 16 from its start.
// Go 1.18 and later write the text there itself; the older form, a pointer to it, is not read.
std::optional<GoVersion> find_build_version(Bytes data);

}  // namespace standstill

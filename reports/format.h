// One output format of `report`. Each lives in its own file in formats/ and defines `const Format X_format`.
#pragma once

#include "reports/findings.h"

#include <span>
#include <string>

namespace standstill {

struct RenderOptions {
  bool color = false;
  std::size_t width = 80;      // columns of the terminal
  std::size_t max_groups = 0;  // 0: all
  bool all_frames = false;     // instead of folding those of libraries and of deep recursion
};

struct Format {
  const char* name;  // as in --format
  const char* help;
  std::string (*render)(const Findings& findings, const RenderOptions& options);
};

// Generated from formats/.
std::span<const Format* const> all_formats();

}  // namespace standstill

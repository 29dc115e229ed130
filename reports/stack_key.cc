#include "reports/stack_key.h"

#include "reports/phrases.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {

namespace {

const ModuleRecord* main_program(const Findings& findings) {
  const auto found = std::ranges::find_if(findings.modules, &ModuleRecord::is_main_program);
  return found == findings.modules.end() ? nullptr : &*found;
}

}  // namespace

std::string stack_key(std::span<const FrameRecord> frames, bool with_lines) {
  std::string key;
  for (const FrameRecord& frame : frames) {
    key += basename(frame.module);
    if (frame.function.empty())
      key += fmt::format("+{:x}", frame.module_offset);
    else
      key.append("\x01").append(frame.function);
    if (with_lines)
      key += frame.line != 0 ? fmt::format(":{}", frame.line) : fmt::format("+{:x}", frame.offset);
    key += '\n';
  }
  return key;
}

bool is_same_build(const Findings& a, const Findings& b) {
  const ModuleRecord* first = main_program(a);
  const ModuleRecord* second = main_program(b);
  return first != nullptr && second != nullptr && first->path == second->path &&
         first->build_id == second->build_id;
}

bool is_same_process(const Findings& a, const Findings& b) {
  return a.target.pid == b.target.pid && is_same_build(a, b) &&
         main_program(a)->start == main_program(b)->start;
}

}  // namespace standstill

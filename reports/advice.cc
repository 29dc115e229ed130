#include "reports/advice.h"

#include "reports/phrases.h"
#include "reports/standpoint.h"

#include <tuple>

#include <fmt/format.h>

namespace standstill {

namespace {

bool is_library_plumbing(const ModuleRecord& module) {
  FrameRecord frame;
  frame.module = module.path;
  return is_plumbing(frame);
}

}  // namespace

const ModuleRecord* most_useful_advice(const Findings& findings) {
  const ModuleRecord* best = nullptr;
  const auto value = [](const ModuleRecord& module) {
    return std::tuple(!is_library_plumbing(module), module.unnamed_frames, module.frames);
  };
  for (const ModuleRecord& module : findings.modules) {
    if (module.advice.empty() || module.frames == 0) continue;
    if (best == nullptr || value(module) > value(*best)) best = &module;
  }
  return best;
}

std::string describe_advice(const ModuleRecord& module) {
  const std::uint64_t frames = module.unnamed_frames != 0 ? module.unnamed_frames : module.frames;
  return fmt::format("{} in {} {} no {}; {}", counted(frames, "frame"), basename(module.path),
                     frames == 1 ? "has" : "have", module.unnamed_frames != 0 ? "name" : "line",
                     module.advice);
}

}  // namespace standstill

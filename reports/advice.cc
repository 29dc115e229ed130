#include "reports/advice.h"

#include <tuple>

namespace standstill {

const ModuleRecord* most_useful_advice(const Findings& findings) {
  const ModuleRecord* best = nullptr;
  // The program itself before libraries: its lines say more than those of the C library.
  const auto value = [](const ModuleRecord& module) {
    return std::tuple(module.unnamed_frames, module.is_main_program, module.frames);
  };
  for (const ModuleRecord& module : findings.modules) {
    if (module.advice.empty() || module.frames == 0) continue;
    if (best == nullptr || value(module) > value(*best)) best = &module;
  }
  return best;
}

}  // namespace standstill

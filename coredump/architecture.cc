#include "coredump/architecture.h"

namespace standstill {

const Architecture* find_architecture(std::uint16_t machine) {
  for (const Architecture* architecture : all_architectures()) {
    if (architecture->machine == machine) return architecture;
  }
  return nullptr;
}

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture* architecture : all_architectures()) {
    if (architecture->name == name) return architecture;
  }
  return nullptr;
}

}  // namespace standstill

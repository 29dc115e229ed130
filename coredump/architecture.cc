#include "coredump/architecture.h"

namespace standstill {

const Architecture* find_architecture(std::uint16_t machine) {
  for (const Architecture* architecture : all_architectures()) {
    if (architecture->machine == machine) return architecture;
  }
  return nullptr;
}

}  // namespace standstill

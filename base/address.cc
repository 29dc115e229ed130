#include "base/address.h"

#include <fmt/format.h>

namespace standstill {

std::string to_string(Address address) { return fmt::format("{:#x}", address.value()); }

}  // namespace standstill

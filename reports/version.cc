#include "reports/version.h"

namespace standstill {

std::string_view version() { return STANDSTILL_VERSION; }

}  // namespace standstill

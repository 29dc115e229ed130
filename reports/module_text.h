// `info`: what the process was made of, which of its files are here, and what is missing.
#pragma once

#include "reports/findings.h"
#include "reports/format.h"

#include <string>

namespace standstill {

std::string to_module_text(const Findings& findings, const RenderOptions& options);

}  // namespace standstill

// The first lines of every text for people: what process this is, and what its picture lacks.
#pragma once

#include "reports/findings.h"
#include "reports/format.h"

#include <string>

namespace standstill {

std::string to_target_text(const Findings& findings, const RenderOptions& options);

// One line for each note, errors and warnings before information; equal ones once. `at_least` leaves out
// lesser ones.
std::string to_notes_text(const Findings& findings, const RenderOptions& options, Severity at_least);

}  // namespace standstill

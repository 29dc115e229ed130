// The first lines of every text for people: what process this is, and what its picture lacks.
#pragma once

#include "reports/findings.h"
#include "reports/format.h"

#include <string>

namespace standstill {

// One line: name, pid, number of threads; and, for a truncated core, how much is missing.
std::string to_target_title(const Findings& findings, const RenderOptions& options);
// A line each: the program, its command line, where the picture comes from, the signal that ended it.
std::string to_target_details(const Findings& findings, const RenderOptions& options);

// "4.8 MiB of 8.6 MiB are there; 89 of 228 segments are cut or missing"; "" for a core that is whole.
std::string describe_truncation(const TargetRecord& target);

// One line for each note from the gravest down to the least severity asked for, in that order; equal ones
// once.
std::string to_notes_text(const Findings& findings, const RenderOptions& options, Severity gravest,
                          Severity least);

}  // namespace standstill

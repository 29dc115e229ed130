// Findings as JSON: put into the message of report.proto, which is the schema, and printed by protobuf's own
// mapping.
#pragma once

#include "reports/findings.h"

#include <string>

namespace standstill {

// The parts of Report that a command prints; tool, target and notes are always there.
struct JsonParts {
  bool verdict = true;  // with findings and resources
  bool stacks = true;   // tasks and groups
  bool modules = true;
  bool heaps = true;
};

// Pretty, ends with a newline, the same bytes for the same findings.
std::string to_json(const Findings& findings, const JsonParts& parts);

}  // namespace standstill

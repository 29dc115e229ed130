// What pictures tell together as JSON: the message Diff of report.proto.
#pragma once

#include "reports/diff_record.h"

#include <span>
#include <string>

namespace standstill {

// `pictures` are those that `diff` was made from.
std::string to_json(const DiffRecord& diff, std::span<const Findings> pictures);

}  // namespace standstill

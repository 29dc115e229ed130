// `report` for programs: all of report.proto that is known.
#include "reports/json.h"

#include "reports/format.h"

namespace standstill {

extern const Format json_format;
const Format json_format{
    "json", "for programs; reports/report.proto is its schema",
    [](const Findings& findings, const RenderOptions&) { return to_json(findings, {}); }};

}  // namespace standstill

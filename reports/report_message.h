// Records as messages of report.proto, for the formats that print such messages, and the printing.
#pragma once

#include "reports/findings.h"
#include "reports/report.pb.h"

#include <string>

namespace standstill {

void fill(report::Target& out, const TargetRecord& target);
void fill(report::Frame& out, const FrameRecord& frame);
void fill(report::Finding& out, const FindingRecord& finding);
void fill(report::Note& out, const Note& note);

// By protobuf's own mapping: pretty, ends with a newline, the same bytes for the same message.
std::string print_json(const google::protobuf::Message& message);

}  // namespace standstill

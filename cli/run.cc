#include "cli/run.h"

#include "cli/exit_status.h"
#include "cli/investigate.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/terminal.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {

namespace {

int give_up(const Error& error) {
  print_error(error);
  return EXIT_NOT_DONE;
}

// Something that will never end by itself; a root blocker may.
bool has_deadlock(const Findings& findings) {
  return std::ranges::any_of(findings.findings,
                             [](const FindingRecord& finding) { return finding.kind != "ROOT_BLOCKER"; });
}

Result<void> write(Output& output, const Printed& answer) {
  if (!answer.write) return output.write(answer.text);
  Result<void> written;
  answer.write([&](std::string_view piece) {
    written = output.append(piece);
    return written && !output.is_closed();
  });
  return written ? output.finish() : written;
}

}  // namespace

int investigate_and_print(const Options& options, Contents contents, const Printer& print, Subject subject) {
  Result<Output> output = Output::open(options.output);
  if (!output) return give_up(output.error());
  if (contents == Contents::BINARY && is_terminal(output->descriptor()))
    return give_up(
        {"the profile is a binary file, which a terminal cannot show", "name a file with: -o threads.pb.gz"});

  const Result<Findings> findings = investigate(options);
  if (!findings) return give_up(findings.error());

  const RenderOptions render{.color = use_color(options.color, output->descriptor()),
                             .width = terminal_width(output->descriptor()),
                             .max_groups = 0};
  if (contents != Contents::TEXT_WITH_NOTES) print_notes(*findings, options);
  const Result<Printed> answer = print(*findings, render);
  if (!answer) return give_up(answer.error());
  const Result<void> written = write(*output, *answer);
  if (!written) return give_up(written.error());
  if (subject == Subject::TASKS && findings->tasks.empty())
    return give_up({fmt::format("{}: no thread can be shown", findings->target.path),
                    "what else is in it is told by: standstill info"});
  return options.exit_code && has_deadlock(*findings) ? EXIT_DEADLOCK_FOUND : EXIT_DONE;
}

}  // namespace standstill

#include "cli/messages.h"

#include "cli/terminal.h"
#include "reports/printable.h"
#include "reports/target_text.h"

#include <cstdio>
#include <limits>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

namespace standstill {

namespace {

void print_to_standard_error(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

void print_error(const Error& error) {
  // One line, so that it survives in a log: what was found, where, and what to try.
  std::string text = fmt::format("standstill: {}", printable(error.message));
  if (!error.hint.empty()) text += fmt::format("; {}", printable(error.hint));
  print_to_standard_error(text + "\n");
}

void print_notes(const Findings& findings, const Options& options) {
  if (options.quiet) return;
  RenderOptions render;
  render.color = use_color(options.color, STDERR_FILENO);
  // In a file or a pipe each note stays on one line, so that it can be searched for.
  render.width =
      is_terminal(STDERR_FILENO) ? terminal_width(STDERR_FILENO) : std::numeric_limits<std::size_t>::max();
  if (const std::string truncation = describe_truncation(findings.target); !truncation.empty())
    print_to_standard_error(fmt::format("warning: the core is truncated: {}\n", truncation));
  print_to_standard_error(
      to_notes_text(findings, render, Severity::ERROR, options.verbose ? Severity::INFO : Severity::WARNING));
}

}  // namespace standstill

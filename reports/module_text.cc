#include "reports/module_text.h"

#include "reports/advice.h"
#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/target_text.h"

#include <fmt/format.h>

namespace standstill {

namespace {

std::string_view status_in_words(const std::string& status) {
  if (status == "OK") return "functions and lines";
  if (status == "NO_FILE") return "its file is not here";
  if (status == "BUILD_ID_MISMATCH") return "the file here is another build: not used";
  if (status == "NO_SYMBOLS") return "stripped of all symbols";
  if (status == "NO_DEBUG_INFO") return "functions, no lines: no debug info";
  return "unknown";
}

std::string module_text(const ModuleRecord& module, const RenderOptions& options) {
  const Ink ink(options.color);
  const bool is_whole = module.status == "OK";
  std::string out = ink.bold(printable(module.path)) + "\n";
  const auto row = [&](std::string_view title, std::string_view text) {
    out += fmt::format("  {:<10} ", title) + wrapped_after(text, options.width, 13);
  };
  out +=
      fmt::format("  {:<10} ", "status") +
      (is_whole ? std::string(status_in_words(module.status)) : ink.warning(status_in_words(module.status))) +
      "\n";
  row("addresses", fmt::format("{}-{}", to_string(module.start), to_string(module.end)));
  row("build ID", module.build_id.empty() ? "none" : module.build_id);
  if (!module.debug_file.empty()) row("debug file", printable(module.debug_file));
  if (module.frames != 0)
    row("frames", module.unnamed_frames == 0
                      ? fmt::format("{} distinct", with_thousands(module.frames))
                      : fmt::format("{} distinct, {} without a name", with_thousands(module.frames),
                                    with_thousands(module.unnamed_frames)));
  if (is_whole) return out;
  for (const std::string& place : module.looked_for) row("not in", printable(place));
  if (!module.advice.empty()) row("try", printable(module.advice));
  return out;
}

std::string advice_text(const Findings& findings, const RenderOptions& options) {
  const ModuleRecord* module = most_useful_advice(findings);
  if (module == nullptr) return "Nothing is missing that stands in a stack.\n";
  return wrapped(fmt::format("What would help most: {}", printable(module->advice)), options.width);
}

}  // namespace

std::string to_module_text(const Findings& findings, const RenderOptions& options) {
  std::string out = to_target_text(findings, options) + "\n" + advice_text(findings, options);
  out += fmt::format("\n{}\n\n", counted(findings.modules.size(), "module"));
  for (const ModuleRecord& module : findings.modules) out += module_text(module, options) + "\n";
  return out + to_notes_text(findings, options, Severity::INFO);
}

}  // namespace standstill

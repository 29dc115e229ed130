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

std::string row(std::string_view title, std::string_view text, const RenderOptions& options) {
  return fmt::format("  {:<10} ", title) + wrapped_after(text, options.width, 13);
}

std::string title_of(const ModuleRecord& module, const RenderOptions& options) {
  return Ink(options.color).bold(printable(module.path)) + "\n" +
         row("status", status_in_words(module.status), options) +
         row("addresses", fmt::format("{}-{}", to_string(module.start), to_string(module.end)), options) +
         row("build ID", module.build_id.empty() ? "none" : module.build_id, options);
}

std::string module_text(const ModuleRecord& module, const RenderOptions& options) {
  std::string out = title_of(module, options);
  if (!module.debug_file.empty()) out += row("debug file", printable(module.debug_file), options);
  if (module.frames == 0) return out;
  const std::string unnamed = module.unnamed_frames == 0
                                  ? ""
                                  : fmt::format(", {} without a name", with_thousands(module.unnamed_frames));
  out += row("frames", fmt::format("{} distinct{}", with_thousands(module.frames), unnamed), options);
  if (module.status == "OK") return out;
  for (const std::string& place : module.looked_for) out += row("not in", printable(place), options);
  return module.advice.empty() ? out : out + row("try", printable(module.advice), options);
}

std::string advice_text(const Findings& findings, const RenderOptions& options) {
  const ModuleRecord* module = most_useful_advice(findings);
  if (findings.groups.empty()) return {};  // nothing is said of stacks that are not there
  if (module == nullptr) return "Every frame of every stack has its function, file and line.\n";
  return wrapped(fmt::format("What would help most: {}", printable(describe_advice(*module))), options.width);
}

std::string modules_text(const Findings& findings, const RenderOptions& options, bool in_stacks) {
  std::string out;
  for (const ModuleRecord& module : findings.modules)
    if ((module.frames != 0) == in_stacks) out += module_text(module, options) + "\n";
  return out;
}

}  // namespace

std::string to_module_text(const Findings& findings, const RenderOptions& options) {
  const Ink ink(options.color);
  std::string out = to_target_title(findings, options) + to_target_details(findings, options) + "\n" +
                    ink.bold(advice_text(findings, options));
  if (const std::string text = modules_text(findings, options, true); !text.empty())
    out += "\nModules that stand in stacks\n\n" + text;
  if (const std::string text = modules_text(findings, options, false); !text.empty())
    out += "\nOther modules\n\n" + text;
  return out + to_notes_text(findings, options, Severity::ERROR, Severity::INFO);
}

}  // namespace standstill

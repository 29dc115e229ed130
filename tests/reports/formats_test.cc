// Every format, from values alone, against golden files. STANDSTILL_UPDATE_GOLDEN=1 rewrites them: read the
// diff.
#include "reports/format.h"
#include "reports/grouped_text.h"
#include "reports/json.h"
#include "reports/module_text.h"
#include "reports/printable.h"
#include "reports/traceback_text.h"
#include "tests/reports/sample_findings.h"
#include "tests/support/run_program.h"

#include <algorithm>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

void check_golden(const std::string& name, const std::string& text) {
  CHECK(text == golden(std::string(SOURCE_DIR) + "/tests/reports/golden/" + name, text));
}

std::string render(const std::string& format, const Findings& findings, const RenderOptions& options = {}) {
  const auto formats = all_formats();
  const auto found = std::ranges::find_if(formats, [&](const Format* f) { return f->name == format; });
  REQUIRE(found != formats.end());
  return (*found)->render(findings, options);
}

Findings truncated_findings() {
  Findings findings = sample_findings();
  findings.target.missing_bytes = 3u << 30;
  findings.target.promised_segments = 4066;
  findings.target.missing_segments = 1200;
  findings.target.signal_number = 6;
  findings.target.signal_name = "SIGABRT";
  findings.target.signal_task = "thread:4248";
  FindingRecord finding;
  finding.kind = "ORPHANED_LOCK";
  finding.confidence = "PROBABLE";
  finding.title = "Four threads wait for a mutex whose owner is gone";
  finding.explanation =
      "The mutex at 0x5581c0009040 names thread 4249 as its owner; the process has no such thread.";
  finding.tasks = {"thread:4243"};
  findings.findings.push_back(finding);
  return findings;
}

}  // namespace

TEST_CASE("The text report says what the process is, where its threads stand, and what would help") {
  check_golden("report.txt", render("text", sample_findings()));
}

TEST_CASE("The text report of a truncated core of a killed process says so first, and findings lead") {
  check_golden("report-truncated.txt", render("text", truncated_findings()));
}

TEST_CASE("A core that ends within its program headers lacks at least what is known to be missing") {
  Findings findings = sample_findings();
  findings.target.file_bytes = 1000;
  findings.target.missing_bytes = 48 * 56;
  findings.target.promised_segments = 60;
  findings.target.missing_segments = 48;
  findings.target.lost_headers = true;
  CHECK(render("text", findings)
            .find("\nTRUNCATED 1,000 bytes of at least 3.6 KiB are there; 48 of 60 segments are cut\n"
                  "          or missing\n") != std::string::npos);
}

TEST_CASE("How much of a core is missing is said once in each format") {
  const std::string said = "812 MiB of 3.8 GiB are there; 1,200 of 4,066 segments are cut or missing";
  const std::string json = render("json", truncated_findings());
  CHECK(json.find("the core is truncated: " + said) != std::string::npos);
  std::string text = render("text", truncated_findings());
  CHECK(text.find("TRUNCATED 812 MiB of 3.8 GiB are there") != std::string::npos);
  CHECK(text.find("truncated") == std::string::npos);
}

TEST_CASE("The text report stays within 80 columns except for names and ids that cannot be cut") {
  std::string text = render("text", truncated_findings());
  while (!text.empty()) {
    const std::string line = text.substr(0, text.find('\n'));
    text.erase(0, line.size() + 1);
    INFO(line);
    CHECK((display_width(line) <= 80 || line.find(' ', line.find_first_not_of(' ')) == std::string::npos));
  }
}

TEST_CASE("Colour adds escape sequences and nothing else") {
  const Findings findings = truncated_findings();
  std::string colored = render("text", findings, {.color = true});
  CHECK(colored.find("\x1b[1m") != std::string::npos);
  for (std::size_t start; (start = colored.find("\x1b[")) != std::string::npos;)
    colored.erase(start, colored.find('m', start) + 1 - start);
  CHECK(colored == render("text", findings));
}

TEST_CASE("Escape sequences in a thread's name do not reach the terminal") {
  const Findings findings = sample_findings();
  for (const std::string& text :
       {render("text", findings), to_traceback_text(findings, {}), to_grouped_text(findings, "thread")})
    CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("A deep recursion is cut in its middle, with the number of frames left out") {
  const std::string text = render("text", many_threads(1, 1, 10000));
  CHECK(text.find("... 9,950 frames left out ...") != std::string::npos);
  CHECK(text.find("#9999 function_9999") != std::string::npos);
  CHECK(std::ranges::count(text, '\n') < 70);
}

TEST_CASE("Groups beyond the limit get a line each") {
  const std::string text = render("text", many_threads(30, 2, 5), {.max_groups = 20});
  CHECK(text.find("10 smaller groups in short") != std::string::npos);
  CHECK(text.find("  2 threads in function_145 (main.cc:145)\n") != std::string::npos);
}

TEST_CASE("JSON has the fields of the schema, and nothing that is not known") {
  check_golden("report.json", render("json", truncated_findings()));
}

TEST_CASE("Grouped stacks are laid out as Go lays out goroutine?debug=1") {
  check_golden("stacks-1.txt", to_grouped_text(sample_findings(), "thread"));
}

TEST_CASE("Stacks one by one are laid out as Go lays out goroutine?debug=2") {
  check_golden("stacks-2.txt", to_traceback_text(sample_findings(), {}));
  check_golden("stacks-2-as-goroutines.txt", to_traceback_text(sample_findings(), {.as_goroutines = true}));
}

TEST_CASE("Modules are listed with what is missing and where it was looked for") {
  check_golden("info.txt", to_module_text(sample_findings(), {}));
}

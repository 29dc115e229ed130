// The layouts are Go's own; tests/end_to_end holds them against what programs of each version print. Here the
// rules are looked at one by one, on literals.
#include "reports/goroutine_profile.h"
#include "reports/goroutine_traceback.h"
#include "reports/tasks.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

FrameRecord frame(std::string function, std::uint64_t pc, std::uint32_t line, bool inlined = false) {
  FrameRecord record;
  record.pc = Address(pc);
  record.counted_pc = Address(pc);
  record.function = std::move(function);
  record.offset = 0x20;
  record.file = "/src/a.go";
  record.line = line;
  record.inlined = inlined;
  record.found_by = "GO_PCLNTAB";
  record.skips_traceback = record.function.starts_with("runtime.");
  return record;
}

// Two workers and one that is locked to its thread, in the same place, of Go 1.22.
Findings workers() {
  Findings findings;
  findings.go.minor_version = 22;
  findings.go.has_arguments = true;
  findings.go.states = {{"chan receive", "", "CHANNEL_RECV", true}};
  CreatedBy creator;
  creator.function = "main.main";
  creator.file = "/src/main.go";
  creator.line = 9;
  creator.offset = 0x1e;
  findings.go.creators = {creator};
  findings.go.label_sets = {{{"tenant", "4\"2"}, {"handler", "/x"}}};
  GroupRecord group;
  group.frames = {frame("runtime.gopark", 0x100, 1), frame("main.leaf", 0x208, 2, true),
                  frame("main.worker", 0x210, 3), frame("runtime.goexit", 0x301, 4)};
  using Kind = ArgumentPiece::Kind;
  group.frames[2].arguments = {{Kind::VALUE}, {Kind::OPEN},  {Kind::STALE_VALUE},
                               {Kind::MORE},  {Kind::CLOSE}, {Kind::OUT_OF_REACH}};
  group.tasks = {0, 1, 2};
  findings.groups.push_back(group);
  for (std::uint64_t id = 17; id < 20; ++id) {
    GoroutineRecord goroutine;
    goroutine.number = id;
    goroutine.parent = 1;
    goroutine.state = 0;
    goroutine.creator = 0;
    goroutine.arguments = (id - 17) * 3;
    goroutine.waited_ns = static_cast<std::int64_t>(id - 17) * 61'000'000'000;
    findings.goroutines.push_back(goroutine);
    findings.go.arguments.resize(1);
    findings.go.arguments[0].insert(findings.go.arguments[0].end(),
                                    {0x80 | 0x2a, 0x01, static_cast<std::uint8_t>(id)});
  }
  findings.goroutines[2].is_locked_to_thread = true;
  return findings;
}

}  // namespace

TEST_CASE("a goroutine's traceback has its state, its own arguments and who created it") {
  const std::string text = to_goroutine_traceback(workers());
  CHECK(
      text.starts_with("goroutine 17 [chan receive]:\n"
                       "main.leaf(...)\n\t/src/a.go:2\n"
                       "main.worker(0xaa, {0x11?, ...}, _)\n\t/src/a.go:3 +0x20\n"
                       "created by main.main in goroutine 1\n\t/src/main.go:9 +0x1e\n"
                       "\n"
                       "goroutine 18 [chan receive, 1 minutes]:\n"));
  CHECK(text.find("goroutine 19 [chan receive, 2 minutes, locked to thread]:\n") != std::string::npos);
  CHECK(text.find("main.worker(0xaa, {0x13?, ...}, _)") != std::string::npos);
}

TEST_CASE("arguments that were not kept are left open") {
  Findings findings = workers();
  findings.go.has_arguments = false;
  CHECK(to_goroutine_traceback(findings).find("main.worker(...)\n") != std::string::npos);
}

TEST_CASE("a deep stack is shown whole, and one that was cut as asked says so") {
  Findings findings = workers();
  GroupRecord& group = findings.groups[0];
  group.frames.clear();
  for (std::uint64_t i = 0; i < 151; ++i)
    group.frames.push_back(frame("main.deep", 0x1000 + i, static_cast<std::uint32_t>(i)));
  const auto count = [](const std::string& text, std::string_view what) {
    std::size_t found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  };
  findings.goroutines.resize(1);
  for (const int minor : {19, 24}) {
    findings.go.minor_version = minor;
    group.is_cut = false;
    std::string text = to_goroutine_traceback(findings);
    CHECK(count(text, "main.deep(") == 151);
    CHECK(count(text, "elided") == 0);
    group.is_cut = true;
    text = to_goroutine_traceback(findings);
    CHECK(text.find("a.go:150 +0x20\n...additional frames elided...\ncreated by") != std::string::npos);
  }
}

TEST_CASE(
    "a goroutine profile counts by stack and labels, and hides the runtime above the first other function") {
  Findings findings = workers();
  findings.goroutines[1].labels = 0;
  CHECK(to_goroutine_profile(findings) ==
        "goroutine profile: total 3\n"
        "2 @ 0x100 0x208 0x210 0x301\n"
        "# wait: channel recv, 2 waiting, min 0s, max 2m2s\n"
        "#\t0x207\tmain.leaf+0x1f\t\t/src/a.go:2\n"
        "#\t0x20f\tmain.worker+0x1f\t/src/a.go:3\n"
        "\n"
        "1 @ 0x100 0x208 0x210 0x301\n"
        "# labels: {\"handler\":\"/x\", \"tenant\":\"4\\\"2\"}\n"
        "# wait: channel recv, 1 waiting, min 1m1s, max 1m1s\n"
        "#\t0x207\tmain.leaf+0x1f\t\t/src/a.go:2\n"
        "#\t0x20f\tmain.worker+0x1f\t/src/a.go:3\n"
        "\n");
}

TEST_CASE("frames of C code and wrappers are in no profile and no traceback") {
  Findings findings = workers();
  findings.goroutines.resize(1);
  findings.groups[0].tasks = {0};
  FrameRecord c = frame("pause", 0x7f00, 0);
  c.is_foreign = c.skips_profile = c.skips_traceback = true;
  findings.groups[0].frames.insert(findings.groups[0].frames.begin(), c);
  CHECK(to_goroutine_profile(findings).find("pause") == std::string::npos);
  CHECK(to_goroutine_profile(findings).find("0x7f00") == std::string::npos);
  CHECK(to_goroutine_traceback(findings).find("pause") == std::string::npos);
}

TEST_CASE("a goroutine as a task says its state, its wait and who created it") {
  const Findings findings = workers();
  const TaskRecord task = task_at(findings, 1);
  CHECK(task.id == "goroutine:18");
  CHECK(task.kind == "GOROUTINE");
  CHECK(task.state == "chan receive");
  CHECK(task.wait->kind == "CHANNEL_RECV");
  CHECK(task.wait->duration_seconds == 61);
  CHECK(task.wait->bound == "AT_LEAST");
  CHECK(task.created_by->task == "goroutine:1");
}

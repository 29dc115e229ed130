// The JSON, taken apart by another reader: Python's.
#include "reports/json.h"

#include "tests/reports/sample_findings.h"
#include "tests/support/evaluate_json.h"
#include "tests/support/run_program.h"

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

TEST_CASE("JSON is read back by Python with ids, addresses and indices as the contract has them") {
  const std::string json = to_json(sample_findings(), {});
  CHECK(evaluate(json, "r['schema_version'], r['tool']['name'], r['target']['source'], r['target']['pid']") ==
        "(1, 'standstill', 'CORE', 4242)");
  CHECK(evaluate(json, "[g['count'] for g in r['groups']]") == "[3, 1, 1, 1, 1]");
  CHECK(evaluate(json, "r['groups'][0]['tasks']") == "['thread:4243', 'thread:4244', 'thread:4245']");
  CHECK(evaluate(json, "all(t['id'] in r['groups'][t['group']]['tasks'] for t in r['tasks'])") == "True");
  CHECK(evaluate(json, "r['groups'][0]['frames'][0]['pc'], r['groups'][0]['frames'][0]['found_by']") ==
        "('0x7f0000088d80', 'REGISTERS')");
  CHECK(evaluate(json, "[f['function'] for f in r['groups'][0]['frames'] if f.get('inlined')]") ==
        "['std::mutex::lock']");
  CHECK(evaluate(json, "r['groups'][3]['frames'][0]['missing'], 'function' in r['groups'][3]['frames'][0]") ==
        "('its file is not here', False)");
  CHECK(evaluate(json, "[m['status'] for m in r['modules']]") == "['OK', 'OK', 'NO_FILE']");
  CHECK(evaluate(json, "r['tasks'][-1]['name'] == 'gone\\x1b[31m\\n'") == "True");
}

TEST_CASE("A task that something found names, and whose stack was not asked for, has no group") {
  Findings findings = sample_findings();
  findings.groups.back().is_hidden = true;
  const std::string hidden =
      "thread:" + std::to_string(findings.tasks.at(findings.groups.back().tasks.front()).number);
  const std::string with_it = "[t for t in r['tasks'] if t['id'] == '" + hidden + "']";
  CHECK(evaluate(to_json(findings, {}), with_it) == "[]");
  FindingRecord& blocker = findings.findings.emplace_back();
  blocker.kind = "ROOT_BLOCKER";
  blocker.tasks = {hidden};
  const std::string json = to_json(findings, {});
  CHECK(evaluate(json, "['group' in t for t in r['tasks'] if t['id'] == '" + hidden + "']") == "[False]");
  CHECK(evaluate(json, "max(t.get('group', 0) for t in r['tasks']) < len(r['groups'])") == "True");
}

TEST_CASE("A wait whose kind or duration is not known says UNKNOWN, and never a number") {
  Findings findings = sample_findings();
  findings.tasks[0].wait = WaitRecord{};
  findings.tasks[0].wait->kind = "UNKNOWN";
  findings.tasks[1].wait = WaitRecord{};
  findings.tasks[1].wait->kind = "CHANNEL_RECV";
  findings.tasks[1].wait->duration_seconds = 90.5;
  findings.tasks[1].wait->bound = "AT_LEAST";
  const std::string json = to_json(findings, {});
  CHECK(evaluate(json, "r['tasks'][0]['wait']") == "{'kind': 'UNKNOWN', 'bound': 'UNKNOWN'}");
  CHECK(evaluate(json, "r['tasks'][1]['wait']") ==
        "{'kind': 'CHANNEL_RECV', 'duration_seconds': 90.5, 'bound': 'AT_LEAST'}");
}

TEST_CASE("Text that is no UTF-8 stays readable as JSON") {
  Findings findings = sample_findings();
  findings.tasks[0].name = "caf\xe9";
  findings.target.executable = "/srv/\xff\xfe/\xc3\xa9t\xc3\xa9";
  const std::string json = to_json(findings, {});
  CHECK(evaluate(json, "r['tasks'][0]['name'] == 'caf\\ufffd'") == "True");
  CHECK(evaluate(json, "r['target']['executable'] == '/srv/\\ufffd\\ufffd/\\u00e9t\\u00e9'") == "True");
}

TEST_CASE("The same findings give the same JSON, labels in order") {
  Findings findings = sample_findings();
  for (int i = 0; i < 50; ++i) findings.tasks[0].labels["key" + std::to_string(i)] = "value";
  const std::string json = to_json(findings, {});
  for (int i = 0; i < 5; ++i) CHECK(to_json(findings, {}) == json);
  CHECK(evaluate(json, "list(r['tasks'][0]['labels']) == sorted(r['tasks'][0]['labels'])") == "True");
}

TEST_CASE("A command that prints a part of the report leaves the other parts out") {
  const std::string json = to_json(sample_findings(), {.verdict = false, .stacks = false});
  CHECK(evaluate(json, "sorted(r)") == "['modules', 'notes', 'schema_version', 'target', 'tool']");
}

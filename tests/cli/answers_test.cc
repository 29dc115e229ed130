// The same process told in every format: they must agree, and say the same every time.
#include "tests/cli/hung_core.h"
#include "tests/support/evaluate_json.h"
#include "tests/support/run_program.h"

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

std::string answer(std::vector<std::string> words) {
  words.insert(words.begin(), STANDSTILL);
  words.push_back(hung_core());
  const ProgramResult result = run_program(words);
  INFO(result.error);
  CHECK(result.exit_status == 0);
  return result.out;
}

}  // namespace

TEST_CASE("The report's first lines name the process and why it is stuck") {
  const std::string report = answer({});
  CHECK(report.starts_with("hung_orders, pid "));
  CHECK(report.find("\nDeadlock: threads ") != std::string::npos);
  CHECK(report.find("pthread_mutex_lock from shop::OrderService::place") != std::string::npos);
}

TEST_CASE("Every format of one core has the same threads in the same stacks") {
  const std::string json = answer({"--format", "json"});
  CHECK(
      evaluate(json, "len(r['tasks']), sum(g['count'] for g in r['groups']), r['target']['thread_count']") ==
      "(11, 11, 11)");
  CHECK(evaluate(json, "r['verdict']['headline'][:17]") == "Deadlock: threads");
  const std::string grouped = answer({"stacks"});
  CHECK(grouped.starts_with("thread profile: total 11\n"));
  const std::string counts = evaluate(json, "sorted(g['count'] for g in r['groups'])");
  const std::string expression = "sorted(int(l.split()[0]) for l in r['text'].splitlines() if ' @ ' in l)";
  const std::string wrapped =
      run_program({"python3", "-c", "import json,sys\nprint(json.dumps({'text': sys.stdin.read()}))"},
                  {.input = grouped})
          .out;
  CHECK(evaluate(wrapped, expression) == counts);
  CHECK(evaluate(answer({"stacks", "--format=json"}), "sorted(r)") ==
        "['groups', 'schema_version', 'target', 'tasks', 'tool']");

  const std::string one_by_one = answer({"stacks", "--debug", "2"});
  for (std::size_t i = 0; i < 11; ++i) {
    const std::string task = evaluate(json, "r['tasks'][" + std::to_string(i) + "]['id'][7:]");
    CHECK(one_by_one.find("thread " + task + " ") != std::string::npos);
  }
  CHECK(evaluate(answer({"info", "--format=json"}),
                 "any(m['path'].endswith('hung_orders') and m['status'] == 'OK' for m in r['modules'])") ==
        "True");
}

TEST_CASE("A deadlock is found, named, and told to scripts") {
  const std::string json = answer({"deadlocks", "--format", "json"});
  CHECK(evaluate(json,
                 "[(f['kind'], f['confidence'], len(f['tasks'])) for f in r['findings'] if f['kind'] == "
                 "'DEADLOCK']") == "[('DEADLOCK', 'CERTAIN', 2)]");
  CHECK(evaluate(json, "all(t['wait']['kind'] for t in r['tasks'])") == "True");
  const ProgramResult result = run_program({STANDSTILL, "deadlocks", "--exit-code", hung_core()}, {});
  CHECK(result.exit_status == 3);
  CHECK(result.out.find("held by thread ") != std::string::npos);
}

TEST_CASE("Go's pprof opens the profile and the grouped text of a core") {
  const TemporaryFolder folder;
  write_whole_file(folder.file("threads.pb.gz"), answer({"pprof"}));
  write_whole_file(folder.file("tasks.pb.gz"), answer({"pprof", "--per-task"}));
  write_whole_file(folder.file("threads.txt"), answer({"stacks"}));
  write_whole_file(folder.file("goroutines.txt"), answer({"stacks", "--as-goroutines"}));
  for (const char* name : {"threads.pb.gz", "tasks.pb.gz", "threads.txt", "goroutines.txt"}) {
    const ProgramResult top =
        run_program({"go", "tool", "pprof", "-symbolize=none", "-top", folder.file(name)},
                    {.environment = {{"HOME", folder.path()}, {"PPROF_TMPDIR", folder.path()}}});
    INFO(name << ": " << top.error);
    CHECK(top.exit_status == 0);
    CHECK(top.out.find("% of 11 total") != std::string::npos);
  }
}

TEST_CASE("The same core gives the same bytes") {
  for (const auto& words : {std::vector<std::string>{},
                            {"--format=json"},
                            {"stacks"},
                            {"stacks", "--debug=2"},
                            {"pprof"},
                            {"info"}})
    CHECK(answer(words) == answer(words));
}

TEST_CASE("At most so many frames are shown as --max-frames says") {
  CHECK(evaluate(answer({"--format=json", "--max-frames=2"}),
                 "max(len([f for f in g['frames'] if not f.get('inlined')]) for g in r['groups'])") == "2");
}

// What Go's own tools say: its text/tabwriter lays out the same columns, and its pprof reads what we write.
#include "reports/grouped_text.h"
#include "reports/profile.h"
#include "reports/tab_columns.h"
#include "tests/reports/sample_findings.h"
#include "tests/support/run_program.h"

#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

std::string random_table(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](unsigned n) { return random() % n; };
  std::string text;
  for (unsigned line = 1 + below(30); line-- > 0;) {
    for (unsigned cell = below(6); cell-- > 0;) {
      for (unsigned i = below(20); i-- > 0;)
        text += below(8) == 0 ? "\u00e4" : std::string(1, static_cast<char>('a' + below(26)));
      text += '\t';
    }
    text.append(below(9), 'x');
    if (line != 0 || below(2) != 0) text += '\n';
  }
  return text;
}

const char* const TABWRITER_PROGRAM = R"(package main

import (
	"io"
	"os"
	"text/tabwriter"
)

// Lays out each argument file with the settings of runtime/pprof and writes it back.
func main() {
	for _, name := range os.Args[1:] {
		text, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		out, err := os.Create(name)
		if err != nil {
			panic(err)
		}
		w := tabwriter.NewWriter(out, 1, 8, 1, '\t', 0)
		io.WriteString(w, string(text))
		w.Flush()
		out.Close()
	}
}
)";

RunOptions go_environment(const TemporaryFolder& folder) {
  return {.input = {},
          .environment = {{"GOCACHE", folder.file("cache")},
                          {"GOFLAGS", "-mod=mod"},
                          {"GO111MODULE", "off"},
                          {"HOME", folder.path()},
                          {"PPROF_TMPDIR", folder.path()}},
          .folder = folder.path()};
}

ProgramResult pprof(const TemporaryFolder& folder, const std::string& what, const std::string& file) {
  return run_program({"go", "tool", "pprof", "-symbolize=none", what, file}, go_environment(folder));
}

// The part of pprof's -raw that says what the profile holds: samples with the addresses of their locations.
std::string samples_of_raw(const std::string& raw) {
  const std::size_t start = raw.find("Samples:");
  return raw.substr(start, raw.find("Mappings") - start);
}

}  // namespace

TEST_CASE("Columns are the same as those of Go's text/tabwriter") {
  const TemporaryFolder folder;
  write_whole_file(folder.file("layout.go"), TABWRITER_PROGRAM);
  std::vector<std::string> command = {"go", "run", folder.file("layout.go")};
  std::vector<std::string> tables;
  for (unsigned seed = 0; seed < 300; ++seed) {
    tables.push_back(random_table(seed));
    command.push_back(folder.file("table-" + std::to_string(seed)));
    write_whole_file(command.back(), tables.back());
  }
  const ProgramResult result = run_program(command, go_environment(folder));
  REQUIRE(result.error == "");
  REQUIRE(result.exit_status == 0);
  for (unsigned seed = 0; seed < tables.size(); ++seed) {
    INFO("seed " << seed);
    CHECK(line_up_tabs(tables[seed]) == read_whole_file(folder.file("table-" + std::to_string(seed))));
  }
}

TEST_CASE("pprof reads the profile: functions, inlined lines and counts") {
  const TemporaryFolder folder;
  const std::string file = folder.file("threads.pb.gz");
  write_whole_file(file, to_profile(sample_findings(), {}));

  const ProgramResult top = pprof(folder, "-top", file);
  INFO(top.error);
  REQUIRE(top.exit_status == 0);
  CHECK(top.out.find("Type: threads") != std::string::npos);
  CHECK(top.out.find("Showing nodes accounting for 7, 100% of 7 total") != std::string::npos);
  CHECK(top.out.find("         4 57.14% 57.14%          4 57.14%  __futex_abstimed_wait_common64") !=
        std::string::npos);
  CHECK(top.out.find("         4 57.14%  std::mutex::lock (inline)") != std::string::npos);

  const ProgramResult traces = pprof(folder, "-traces", file);
  REQUIRE(traces.exit_status == 0);
  CHECK(traces.out.find("         3   __futex_abstimed_wait_common64\n"
                        "             ___pthread_mutex_lock\n"
                        "             std::mutex::lock (inline)\n"
                        "             orders::Book::take\n"
                        "             worker_main\n"
                        "             start_thread\n"
                        "             __clone3\n") != std::string::npos);

  const ProgramResult raw = pprof(folder, "-raw", file);
  REQUIRE(raw.exit_status == 0);
  CHECK(raw.out.find("1: 0x5581c0001000/0x5581c0008000/0x1000 /srv/orders/bin/orders "
                     "3f2a000000000000000000000000000000000001 [FN][FL][LN][IN]") != std::string::npos);
  CHECK(raw.out.find("/srv/orders/lib/libplugin.so 77777777777777777777777777777777777777aa \n") !=
        std::string::npos);
}

TEST_CASE("pprof reads the grouped text too, with the same addresses and counts as the profile") {
  const TemporaryFolder folder;
  const Findings findings = sample_findings();
  write_whole_file(folder.file("threads.pb.gz"), to_profile(findings, {}));
  write_whole_file(folder.file("threads.txt"), to_grouped_text(findings, "thread"));
  const ProgramResult top = pprof(folder, "-top", folder.file("threads.txt"));
  INFO(top.error);
  REQUIRE(top.exit_status == 0);
  CHECK(top.out.find("100% of 7 total") != std::string::npos);

  // The addresses of each sample, by the locations of each file.
  const auto addresses = [&](const std::string& name) {
    const std::string raw = pprof(folder, "-raw", folder.file(name)).out;
    std::vector<std::string> of_location = {""};
    for (std::size_t at = raw.find("Locations");
         (at = raw.find(": 0x", at)) != std::string::npos && at < raw.find("Mappings");) {
      of_location.push_back(raw.substr(at + 2, raw.find_first_of(" \n", at + 2) - at - 2));
      at += 4;
    }
    std::multiset<std::string> samples;
    std::istringstream lines(samples_of_raw(raw));
    for (std::string line; std::getline(lines, line);) {
      const std::size_t colon = line.find(':');
      if (colon == std::string::npos || line.find_first_not_of(" 0123456789:") != std::string::npos) continue;
      std::istringstream ids(line.substr(colon + 1));
      std::string sample = line.substr(0, colon);
      for (std::size_t id; ids >> id;) sample += " " + of_location.at(id);
      samples.insert(sample);
    }
    return samples;
  };
  const auto of_profile = addresses("threads.pb.gz");
  CHECK(of_profile.size() == 5);
  CHECK(of_profile == addresses("threads.txt"));
}

TEST_CASE("One sample a task carries the labels that name it") {
  const TemporaryFolder folder;
  const std::string file = folder.file("threads.pb.gz");
  write_whole_file(file, to_profile(sample_findings(), {.per_task = true}));
  const ProgramResult raw = pprof(folder, "-raw", file);
  REQUIRE(raw.exit_status == 0);
  CHECK(raw.out.find("thread::name:[worker-2]\n                thread::tid:[4244]") != std::string::npos);
  const ProgramResult tags = pprof(folder, "-tags", file);
  CHECK(tags.out.find("thread::name: Total 6.0") != std::string::npos);
  CHECK(tags.out.find("thread::tid: Total 7.0") != std::string::npos);
}

TEST_CASE("pprof reads a recursion of 10,000 frames as text, cut at the longest line that it takes") {
  const TemporaryFolder folder;
  const std::string text = to_grouped_text(many_threads(1, 3, 10000), "thread");
  CHECK(text.find(" more frames: readers of this format take no longer lines") != std::string::npos);
  write_whole_file(folder.file("threads.txt"), text);
  const ProgramResult top = pprof(folder, "-top", folder.file("threads.txt"));
  INFO(top.error);
  REQUIRE(top.exit_status == 0);
  CHECK(top.out.find("of 3 total") != std::string::npos);
}

TEST_CASE("pprof takes a process without any readable stack") {
  const TemporaryFolder folder;
  Findings findings = sample_findings();
  findings.groups.clear();
  findings.tasks.clear();
  add_group(findings, {}, {{1, ""}, {2, ""}});
  write_whole_file(folder.file("threads.pb.gz"), to_profile(findings, {}));
  write_whole_file(folder.file("threads.txt"), to_grouped_text(findings, "thread"));
  for (const char* name : {"threads.pb.gz", "threads.txt"}) {
    const ProgramResult top = pprof(folder, "-top", folder.file(name));
    INFO(name << ": " << top.error);
    CHECK(top.exit_status == 0);
    CHECK(top.out.find("100% of 2 total") != std::string::npos);
  }
}

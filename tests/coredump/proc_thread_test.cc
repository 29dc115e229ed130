// The texts of /proc about threads, as kernels print them, and as nobody should.
#include "coredump/live/proc_thread.h"

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

// Linux 6.18, shortened.
constexpr std::string_view SCHED =
    "cat (2839, #threads: 1)\n"
    "-------------------------------------------------------------------\n"
    "se.exec_start                                :      12029166.011493\n"
    "se.vruntime                                  :         38186.637680\n"
    "se.sum_exec_runtime                          :             2.714761\n"
    "se.nr_migrations                             :                    0\n"
    "nr_switches                                  :                    9\n"
    "nr_voluntary_switches                        :                    7\n"
    "nr_involuntary_switches                      :                    2\n"
    "policy                                       :                    0\n";

}  // namespace

TEST_CASE("a thread's name may hold brackets and blanks, and look like more fields") {
  const auto line = parse_stat(
      "4711 (a) S 1 (b) D 1 4711 4711 34816 4711 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99 100 50 "
      "18446744073709551615 1 2 3 4 5 0 0 0 0 0 0 0 17 1 0 0 0 0 0");
  REQUIRE(line);
  CHECK(line->tid == 4711);
  CHECK(line->name == "a) S 1 (b");
  CHECK(line->state == 'D');
  CHECK(line->last_cpu == 1);
}

TEST_CASE("a newline in a thread's name is not a backslash and an n") {
  CHECK(parse_stat("1 (a\\nb\\\\n) S 1")->name == "a\nb\\n");
}

TEST_CASE("a stat line that is cut short tells what it can") {
  CHECK_FALSE(parse_stat(""));
  CHECK_FALSE(parse_stat("4711 (name"));
  CHECK_FALSE(parse_stat("4711 (name)"));
  CHECK_FALSE(parse_stat("x (name) S 1"));
  const auto line = parse_stat("4711 (name) S 1 2");
  REQUIRE(line);
  CHECK(line->state == 'S');
  CHECK(line->last_cpu == -1);
}

TEST_CASE("sched tells when a thread last ran, and how often it let go") {
  const auto lines = parse_sched(SCHED);
  REQUIRE(lines);
  CHECK(lines->exec_start_ns == 12029166011493);
  CHECK(lines->run_time_ns == 2714761u);
  CHECK(lines->voluntary_switches == 7u);
  CHECK(lines->involuntary_switches == 2u);
}

TEST_CASE("a process cannot pretend times by its name") {
  const std::string text =
      "x\nse.exec_start:9 (1, #threads: 1)\n" + std::string(SCHED.substr(SCHED.find('\n') + 1));
  CHECK(parse_sched(text)->exec_start_ns == 12029166011493);
}

TEST_CASE("sched without exec_start, or with one that is no time, tells nothing") {
  CHECK_FALSE(parse_sched(""));
  CHECK_FALSE(parse_sched("se.exec_start : 1.000000\n"));
  const std::string head(SCHED.substr(0, SCHED.find("se.exec")));
  CHECK_FALSE(parse_sched(head));
  CHECK_FALSE(parse_sched(head + "se.exec_start : -1.000000\n"));
  CHECK_FALSE(parse_sched(head + "se.exec_start : 1.5\n"));
  CHECK_FALSE(parse_sched(head + "se.exec_start : 99999999999999999999.000000\n"));
}

TEST_CASE("status gives switches, user and tracer") {
  const StatusLines lines = parse_status(
      "Name:\tcat\nState:\tS (sleeping)\nTracerPid:\t77\nUid:\t1000\t1001\t1000\t1000\n"
      "voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n");
  CHECK(lines.voluntary_switches == 12u);
  CHECK(lines.involuntary_switches == 3u);
  CHECK(lines.uid == 1001u);
  CHECK(lines.tracer_pid == 77);
}

TEST_CASE("schedstat begins with the time on a processor") {
  CHECK(parse_schedstat_run_time("2714761 0 12\n") == 2714761u);
  CHECK_FALSE(parse_schedstat_run_time(""));
}

TEST_CASE("the line of a system call has a number, six arguments, stack pointer and pc") {
  const auto call = parse_system_call(
      "0 0x3 0x7f404c2e0000 0x20000 0x7f404c371b60 0xffffffff 0x0 0x7fff0f952fb8 0x7f404c45a2ad\n");
  REQUIRE(call);
  CHECK(call->number == 0);
  CHECK(call->arguments[0] == 3);
  CHECK(call->arguments[4] == 0xffffffff);
  CHECK(call->stack_pointer == Address(0x7fff0f952fb8));
  CHECK(call->pc == Address(0x7f404c45a2ad));
  CHECK(parse_system_call("running\n")->is_running);
  const auto fault = parse_system_call("-1 0x7fff0f952fb8 0x7f404c45a2ad\n");
  REQUIRE(fault);
  CHECK(fault->number == -1);
  CHECK(fault->pc == Address(0x7f404c45a2ad));
  CHECK_FALSE(parse_system_call("0 0x3 0x7f\n"));
  CHECK_FALSE(parse_system_call(""));
  CHECK_FALSE(parse_system_call("-1 0x1 0x2 0x3\n"));
}

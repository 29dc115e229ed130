// Processes that cannot be looked at: what is said, and which way out is shown.
#include "coredump/live/process_check.h"

#include <filesystem>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <sys/wait.h>
#include <unistd.h>

using namespace standstill;

namespace {

RefusalFacts refused() {
  RefusalFacts facts;
  facts.pid = 4711;
  facts.name = "redis-server";
  facts.own_uid = facts.uid = 1000;
  facts.user = "anna";
  return facts;
}

bool mentions(const Error& error, const std::string& in_message, const std::string& in_hint) {
  return error.message.find(in_message) != std::string::npos &&
         error.hint.find(in_hint) != std::string::npos && error.message.find('\n') == std::string::npos &&
         error.hint.find('\n') == std::string::npos;
}

}  // namespace

TEST_CASE("Another user's process: run as root, or as that user") {
  RefusalFacts facts = refused();
  facts.uid = 105;
  facts.user = "redis";
  CHECK(mentions(explain_refusal(facts), "process 4711 (redis-server): it runs as redis",
                 "sudo -u redis standstill 4711"));
  facts.user = "";
  CHECK(mentions(explain_refusal(facts), "it runs as uid 105", "sudo -u '#105'"));
  facts.uid = 0;
  facts.user = "root";
  CHECK(mentions(explain_refusal(facts), "it runs as root", "sudo standstill 4711"));
}

TEST_CASE("One's own process under each ptrace_scope: the setting is named, and what lifts it") {
  RefusalFacts facts = refused();
  facts.ptrace_scope = 1;
  CHECK(mentions(explain_refusal(facts), "ptrace_scope = 1", "sysctl kernel.yama.ptrace_scope=0"));
  CHECK(mentions(explain_refusal(facts), "ancestors", "setcap cap_sys_ptrace=ep"));
  facts.ptrace_scope = 2;
  CHECK(mentions(explain_refusal(facts), "ptrace_scope = 2", "setcap cap_sys_ptrace=ep"));
  facts.ptrace_scope = 3;
  CHECK(mentions(explain_refusal(facts), "ptrace_scope = 3", "core"));
  facts.ptrace_scope = 0;
  CHECK(mentions(explain_refusal(facts), "PR_SET_DUMPABLE", "sudo standstill 4711"));
}

TEST_CASE("Root without CAP_SYS_PTRACE is told how a container gets it") {
  RefusalFacts facts = refused();
  facts.own_uid = 0;
  CHECK(mentions(explain_refusal(facts), "CAP_SYS_PTRACE", "--cap-add=SYS_PTRACE"));
  facts.may_trace_anybody = true;
  CHECK(mentions(explain_refusal(facts), "security module", "audit"));
}

TEST_CASE("Numbers that are no process, and this process, are refused in words") {
  CHECK(mentions(check_process(0x3fffff, true).error(), "there is no process 4194303", "ps -ef"));
  CHECK(mentions(check_process(0, true).error(), "there is no process 0", ""));
  CHECK(mentions(check_process(-5, true).error(), "there is no process -5", ""));
  CHECK(mentions(check_process(::getpid(), true).error(), "this very process", ""));
}

TEST_CASE("A zombie is called one, and its parent is shown") {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) ==
          0);  // ended, and not collected
  const auto result = check_process(child, true);
  REQUIRE_FALSE(result);
  CHECK(mentions(result.error(), "is a zombie", "standstill " + std::to_string(::getpid())));
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("A thread of the kernel is called one") {
  if (!std::filesystem::exists("/proc/2/comm")) SKIP("no kernel threads to be seen here (a container)");
  const auto result = check_process(2, true);
  REQUIRE_FALSE(result);
  CHECK(mentions(result.error(), "thread of the kernel", "/proc/2/stack"));
}

// What it costs to explain waits and to find cycles, beside all that comes before: the picture, stacks,
// groups, names.
//
//   explain_waits CORE EXE [ROUNDS]
//
// Everything is done anew in each round, in one process, without the cache of names. Prints the medians in
// milliseconds: "before", "explained" (who waits for what, owner fields), "judged" (other holders, cycles,
// root blockers).
#include "waits/explain_waits.h"

#include "coredump/open_core.h"
#include "symbolize/symbolizer.h"
#include "unwind/stack_group.h"
#include "unwind/unwinder.h"
#include "waits/verdict.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace standstill {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.at(values.size() / 2);
}

int run(const std::string& core, const std::string& exe, int rounds) {
  std::vector<double> before, explained, judged;
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    OpenOptions options;
    options.executable = exe;
    const Result<Snapshot> snapshot = open_core(core, options);
    if (!snapshot) {
      std::fprintf(stderr, "%s\n", snapshot.error().message.c_str());
      return 1;
    }
    SymbolizerOptions symbols;
    symbols.use_cache = false;
    Symbolizer symbolizer(*snapshot, symbols);
    const UnwoundThreads threads = unwind_threads(*snapshot, symbolizer, {});
    const std::vector<StackGroup> groups = group_stacks(threads.stacks);
    const std::vector<Address> addresses = distinct_lookup_addresses(groups);
    const std::vector<Location> locations = symbolizer.locate(addresses);
    const auto named = Clock::now();
    WaitTable table = explain_waits(*snapshot, threads.stacks, groups, {addresses, locations});
    const auto told = Clock::now();
    const Verdict verdict = judge_waits(*snapshot, threads.stacks, groups, symbolizer, table);
    const auto end = Clock::now();
    before.push_back(milliseconds(start, named));
    explained.push_back(milliseconds(named, told));
    judged.push_back(milliseconds(told, end));
  }
  std::printf("before %.2f\nexplained %.2f\njudged %.2f\n", median(before), median(explained),
              median(judged));
  return 0;
}

}  // namespace
}  // namespace standstill

int main(int argument_count, char** arguments) {
  if (argument_count < 3) {
    std::fprintf(stderr, "usage: %s CORE EXE [ROUNDS]\n", arguments[0]);
    return 2;
  }
  return standstill::run(arguments[1], arguments[2],
                         argument_count > 3 ? std::max(1, std::atoi(arguments[3])) : 11);
}

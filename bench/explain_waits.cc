// What it costs to explain waits and to find cycles, beside all that comes before: the picture, stacks,
// groups, names.
//
//   explain_waits CORE EXE [ROUNDS]
//
// Everything is done anew in each round, in one process, without the cache of names. Prints the medians in
// milliseconds: "before", "explained" (who waits for what, owner fields), "judged" (other holders, cycles,
// root blockers), and of each as "..._work" the time of all processors, which a busy machine changes less.
#include "waits/explain_waits.h"

#include "coredump/cores/open_core.h"
#include "symbolize/symbolizer.h"
#include "unwind/stack_group.h"
#include "unwind/unwinder.h"
#include "waits/verdict.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace standstill {
namespace {

// A moment on the clock on the wall, and how much all processors have worked for us until then.
struct Moment {
  double wall, work;  // ms
};

Moment now() {
  const auto read = [](clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  };
  return {read(CLOCK_MONOTONIC), read(CLOCK_PROCESS_CPUTIME_ID)};
}

struct Times {
  std::vector<double> wall, work;
  void add(const Moment& from, const Moment& to) {
    wall.push_back(to.wall - from.wall);
    work.push_back(to.work - from.work);
  }
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.at(values.size() / 2);
}

int run(const std::string& core, const std::string& exe, int rounds) {
  Times before, explained, judged;
  for (int round = 0; round < rounds; ++round) {
    const auto start = now();
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
    const auto named = now();
    WaitTable table =
        explain_waits(*snapshot, threads.stacks, groups, {addresses, locations}, {}, threads.call_memory);
    const auto told = now();
    const Verdict verdict = judge_waits(*snapshot, threads.stacks, groups, symbolizer, table);
    const auto end = now();
    before.add(start, named);
    explained.add(named, told);
    judged.add(told, end);
  }
  const auto print = [](const char* name, const Times& times) {
    std::printf("%s %.2f\n%s_work %.2f\n", name, median(times.wall), name, median(times.work));
  };
  print("before", before);
  print("explained", explained);
  print("judged", judged);
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

// What the units of the big program share: a thread's way through them. Each unit offers steps; a step does
// some work of its own and calls `descend`, which takes the next step of the thread's path, and blocks for
// ever where the path ends.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace fleet {

struct Context;
using Step = int (*)(Context&);

struct Context {
  int thread = 0;
  std::size_t depth = 0;
  std::vector<Step> path;
  std::string name;
};

int descend(Context& context);

}  // namespace fleet

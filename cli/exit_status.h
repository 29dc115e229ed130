#pragma once

namespace standstill {

// What scripts read; contract.md, Command line.
enum ExitStatus : int {
  EXIT_DONE = 0,
  EXIT_NOT_DONE = 1,
  EXIT_WRONG_USAGE = 2,
  EXIT_DEADLOCK_FOUND = 3,  // only with --exit-code
  EXIT_INTERRUPTED = 130,
};

}  // namespace standstill

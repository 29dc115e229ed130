#pragma once

#include "coredump/live_facts.h"
#include "coredump/registers.h"

#include <optional>
#include <string>

namespace standstill {

// One thread of the process as the snapshot shows it.
struct Thread {
  int tid = 0;
  int namespace_tid =
      0;  // its number as the process itself sees it, where that is another one (a container); else 0
  std::string name;  // empty where nothing tells it (a core holds the main thread's name only)
  Registers registers;
  int signal = 0;                    // pr_cursig: the signal that was being delivered; 0 for none
  std::optional<ThreadFacts> facts;  // of a live process, or from a capture; never of a plain core
};

}  // namespace standstill

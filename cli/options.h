// What the user asked for, as parsed from the command line (contract.md, Command line).
#pragma once

#include "cli/heap_detail.h"

#include <cstddef>
#include <string>
#include <vector>

namespace standstill {

struct Options {
  std::string target;
  std::string base;  // diff
  std::string executable;
  std::string sysroot;
  std::vector<std::string> debug_dirs;
  std::string debuginfod = "auto";
  std::string format = "text";
  std::string tasks = "auto";
  std::string output;  // "": standard output
  std::string color = "auto";
  std::vector<std::string> more_targets;  // looked at together with `target`
  bool no_stop = false;                   // of a pid: look at it without stopping it
  bool quiet = false;
  bool verbose = false;
  bool use_cache = true;
  std::size_t max_frames = 0;
  int debug = 1;                // stacks; heap: 0 is the summary
  bool as_goroutines = false;   // stacks --debug 2
  std::string profile;          // pprof, heap
  std::string runtime_profile;  // one that a language runtime keeps; "": none is looked for
  HeapDetail heap_detail = HeapDetail::NONE;
  bool reads_profiles = false;  // capture: what profiles are made of is read, though none is printed
  std::string from;             // pprof: an allocator's own dump, instead of a target
  bool per_task = false;        // pprof
  // Whether the answer says who keeps whom waiting. Set by the command: stacks alone are had for less.
  bool wants_verdict = true;
  // Whether it tells of each goroutine what it waits for: grouped text does so of whole groups alone.
  bool wants_each_wait = true;
  bool exit_code = false;            // --exit-code
  bool inspect_all_modules = false;  // info: also those that stand in no stack
  std::string memory = "analysis";   // capture
  std::string report;                // capture: the format of a report at once; "": none
  double every_seconds = 5;          // diff
  int times = 3;                     // diff
  std::string shell;                 // completion
};

}  // namespace standstill

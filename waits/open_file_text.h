// What is behind the descriptors that a thread waits on, in words: a live process and a capture know it.
#pragma once

#include "coredump/live_facts.h"
#include "waits/wait_state.h"

#include <string>

namespace standstill {

// "tcp 10.0.0.5:41872 -> 10.0.0.9:5432 ESTABLISHED", "pipe:[815], written by pid 77 (nginx)". Without the
// number of the descriptor.
std::string describe_open_file(const OpenFile& file);

// The same for all descriptors of a wait, with locks of files and members of an epoll: "fd 12: pipe:[815],
// ...". "" where nothing is known.
std::string describe_descriptors(const WaitState& state, const ProcessFacts& facts);

}  // namespace standstill

// The environment that the process was started with, where it still lies in its memory: settings of
// allocators are read from there.
#pragma once

#include "coredump/snapshot.h"

#include <optional>
#include <string>
#include <string_view>

namespace standstill {

// The value of the first variable whose name ends in `name`; nothing where there is none, or the upper end of
// the first thread's stack is not there.
std::optional<std::string> find_in_environment(const Snapshot& snapshot, std::string_view name);

}  // namespace standstill

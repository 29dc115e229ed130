// Which library a thread waits in, for kinds of locks that a library builds on futex(2) by itself and whose
// functions have no names in stripped builds.
#pragma once

#include "waits/blocked_thread.h"

#include <string_view>

namespace standstill {

// The file name of the module whose code made the futex call: "libglib-2.0.so.0.7400.6". Where the syscall()
// function made it, of the module that called that. Empty where that is not known.
inline std::string_view name_of_calling_module(const BlockedThread& blocked) {
  const std::size_t caller = blocked.futex && blocked.futex->by_syscall_function ? 1 : 0;
  const auto& frames = blocked.stack.frames;
  if (caller >= frames.size()) return {};
  const auto module = blocked.snapshot.find_module(frames[caller].lookup_address());
  if (!module) return {};
  const std::string_view path = blocked.snapshot.modules[*module].path;
  return path.substr(path.find_last_of('/') + 1);  // npos + 1 is 0
}

}  // namespace standstill

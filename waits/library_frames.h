// Which library a thread waits in, for kinds of locks that a library builds on futex(2) by itself and whose
// functions have no names in stripped builds.
#pragma once

#include "waits/blocked_thread.h"

#include <string_view>

namespace standstill {

namespace library_frames {
inline std::string_view name_of_module(const BlockedThread& blocked, std::size_t frame) {
  const auto& frames = blocked.stack.frames;
  if (frame >= frames.size()) return {};
  const auto module = blocked.snapshot.find_module(frames[frame].lookup_address());
  if (!module) return {};
  const std::string_view path = blocked.snapshot.modules[*module].path;
  return path.substr(path.find_last_of('/') + 1);  // npos + 1 is 0
}
}  // namespace library_frames

// Of the innermost frame that is not of glibc.
inline std::string_view name_of_module_behind_glibc(const BlockedThread& blocked) {
  constexpr std::size_t MOST = 6;  // of a lock's own frames
  for (std::size_t frame = 0; frame < MOST; ++frame) {
    const std::string_view name = library_frames::name_of_module(blocked, frame);
    if (!name.starts_with("libc.so") && !name.starts_with("libc-2.") && !name.starts_with("libpthread"))
      return name;
  }
  return {};
}

// The file name of the module whose code made the futex call: "libglib-2.0.so.0.7400.6". Where the syscall()
// function made it, of the module that called that. Empty where that is not known.
inline std::string_view name_of_calling_module(const BlockedThread& blocked) {
  const std::size_t caller = blocked.futex && blocked.futex->by_syscall_function ? 1 : 0;
  return library_frames::name_of_module(blocked, caller);
}

}  // namespace standstill

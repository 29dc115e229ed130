// Pieces of text that the kinds of system calls share.
#pragma once

#include "waits/blocked_thread.h"
#include "waits/wait_kind.h"

#include <array>
#include <string>
#include <string_view>

namespace standstill {

// A wait on a file descriptor that is the call's argument 0: "fd 12".
Recognition wait_on_descriptor(const BlockedThread& blocked, WaitWord word, std::string_view call);
// A wait with no object: only the call and what is to be said of it.
Recognition wait_in_call(WaitWord word, std::string_view call, std::string detail);
// "fd 12"; a negative number is no descriptor and says so.
std::string descriptor_text(std::uint64_t argument);
// "no timeout", "250 ms", from poll's and epoll's milliseconds.
std::string milliseconds_text(std::uint64_t argument);
bool is_forever(std::uint64_t milliseconds);

// The name that stands at the same place as `number` does among `numbers`.
template <std::size_t N>
const char* name_of_call(const std::array<int, N>& numbers, const std::array<const char*, N>& names,
                         int number) {
  for (std::size_t i = 0; i < N; ++i)
    if (numbers[i] == number) return names[i];
  return "";
}

}  // namespace standstill

// Pieces of text that the kinds of system calls share.
#pragma once

#include "waits/blocked_thread.h"
#include "waits/wait_kind.h"

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace standstill {

// A wait on a file descriptor that is the call's argument 0: "fd 12".
Recognition wait_on_descriptor(const BlockedThread& blocked, WaitWord word, std::string_view call);
// A wait with no object: only the call and what is to be said of it.
Recognition wait_in_call(WaitWord word, std::string_view call, std::string detail);
// "fd 12"; a negative number is no descriptor and says so.
std::string descriptor_text(std::uint64_t argument);
// "fd:12" or "fd:3,5", the resource that stands for these descriptors together; "" for none.
std::string descriptors_id(std::span<const std::int32_t> descriptors);
// "fd 3, 5 and 2 more": the first of `count` descriptors; "" for none.
std::string descriptors_text(std::span<const std::int32_t> first, std::uint64_t count);
// Appends behind a comma where there is something already.
void add_detail(std::string& detail, std::string_view more);

// The name that stands at the same place as `number` does among `numbers`.
template <std::size_t N>
const char* name_of_call(const std::array<int, N>& numbers, const std::array<const char*, N>& names,
                         int number) {
  for (std::size_t i = 0; i < N; ++i)
    if (numbers[i] == number) return names[i];
  return "";
}

}  // namespace standstill

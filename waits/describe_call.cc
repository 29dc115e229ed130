#include "waits/describe_call.h"

namespace standstill {

std::string descriptor_text(std::uint64_t argument) {
  return "fd " + std::to_string(static_cast<std::int32_t>(argument));
}

bool is_forever(std::uint64_t milliseconds) { return static_cast<std::int32_t>(milliseconds) < 0; }

std::string milliseconds_text(std::uint64_t argument) {
  if (is_forever(argument)) return "no timeout";
  return "timeout " + std::to_string(static_cast<std::int32_t>(argument)) + " ms";
}

Recognition wait_in_call(WaitWord word, std::string_view call, std::string detail) {
  Recognition found;
  found.sureness = sureness::POINTER;
  found.word = word;
  found.what = call;
  found.detail = std::move(detail);
  return found;
}

Recognition wait_on_descriptor(const BlockedThread& blocked, WaitWord word, std::string_view call) {
  Recognition found = wait_in_call(word, call, descriptor_text(blocked.argument(0)));
  found.resource_id = "fd:" + std::to_string(static_cast<std::int32_t>(blocked.argument(0)));
  return found;
}

}  // namespace standstill

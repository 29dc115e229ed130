#include "waits/describe_call.h"

#include <algorithm>

namespace standstill {

std::string descriptor_text(std::uint64_t argument) {
  return "fd " + std::to_string(static_cast<std::int32_t>(argument));
}

std::string descriptors_id(std::span<const std::int32_t> descriptors) {
  std::string id;
  for (const std::int32_t descriptor : descriptors)
    id += (id.empty() ? "fd:" : ",") + std::to_string(descriptor);
  return id;
}

std::string descriptors_text(std::span<const std::int32_t> first, std::uint64_t count) {
  constexpr std::size_t SHOWN = 4;
  std::string text;
  const std::size_t shown = std::min(first.size(), SHOWN);
  for (std::size_t i = 0; i < shown; ++i)
    text += (i == 0 ? "fd " : i + 1 == count ? " and " : ", ") + std::to_string(first[i]);
  if (shown != 0 && count > shown) text += " and " + std::to_string(count - shown) + " more";
  return text;
}

void add_detail(std::string& detail, std::string_view more) {
  if (!detail.empty() && !more.empty()) detail += ", ";
  detail += more;
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
  found.descriptors = {static_cast<std::int32_t>(blocked.argument(0))};
  return found;
}

}  // namespace standstill

// "# wait: mutex 0xc00001c0b8, 9 waiting, min 3m2s, max 12m40s": what the tasks of a sample wait for, where
// that is known. It names the resource only where all of them wait for the same.
#pragma once

#include "reports/findings.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace standstill {

class WaitSummary {
 public:
  void add(const GoroutineRecord& goroutine, const Findings& findings);
  // "" where nothing is known.
  std::string line(const Findings& findings) const;

 private:
  std::uint32_t state_ = GoroutineRecord::NONE;  // of the first task
  std::uint32_t resource_ = GoroutineRecord::NONE;
  bool same_resource_ = true;
  std::size_t waiting_ = 0;
  std::int64_t least_ = -1, most_ = -1;  // ns
};

// 182.5 s as Go prints durations, in whole seconds: "3m2s".
std::string go_duration(double seconds);
// "channel recv" for "CHANNEL_RECV".
std::string words_of_kind(std::string_view kind);
// "0x7f12cc6a412b"; of what has no address its id: "fd 12".
std::string short_resource_name(const ResourceRecord& resource);

}  // namespace standstill

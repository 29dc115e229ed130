#include "reports/wait_line.h"

#include "reports/printable.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>

namespace standstill {

void WaitSummary::add(const GoroutineRecord& goroutine, const Findings& findings) {
  if (goroutine.state >= findings.go.states.size()) return;
  const std::string& kind = findings.go.states[goroutine.state].kind;
  if (waiting_ == 0) {
    state_ = goroutine.state;
    resource_ = goroutine.resource;
  } else if (state_ != goroutine.state && kind != findings.go.states[state_].kind) {
    return;
  }
  ++waiting_;
  same_resource_ = same_resource_ && resource_ == goroutine.resource;
  if (goroutine.waited_ns < 0) return;
  least_ = least_ < 0 ? goroutine.waited_ns : std::min(least_, goroutine.waited_ns);
  most_ = std::max(most_, goroutine.waited_ns);
}

std::string WaitSummary::line(const Findings& findings) const {
  if (waiting_ == 0) return {};
  const GoRecord::State& state = findings.go.states[state_];
  if (state.kind.empty() || state.kind == "RUNNING") return {};
  std::string text = "# wait: ";
  text += state.kind == "GO_OTHER" ? state.text : words_of_kind(state.kind);
  if (same_resource_ && resource_ < findings.resources.size()) {
    text += ' ';
    text += short_resource_name(findings.resources[resource_]);
  }
  text += fmt::format(", {} waiting", waiting_);
  if (least_ >= 0)
    text += fmt::format(", min {}, max {}", go_duration(static_cast<double>(least_) / 1e9),
                        go_duration(static_cast<double>(most_) / 1e9));
  return text += '\n';
}

std::string go_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e12) return "?";
  const auto whole = static_cast<std::uint64_t>(std::floor(seconds));
  if (whole >= 3600) return fmt::format("{}h{}m{}s", whole / 3600, whole / 60 % 60, whole % 60);
  if (whole >= 60) return fmt::format("{}m{}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

std::string words_of_kind(std::string_view kind) {
  std::string text(kind);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c == '_' ? ' ' : static_cast<char>(std::tolower(c)); });
  return text;
}

std::string short_resource_name(const ResourceRecord& resource) {
  if (resource.address) return to_string(resource.address);
  std::string name = printable(resource.id, 256);
  if (const std::size_t colon = name.find(':'); colon != std::string::npos) name[colon] = ' ';
  return name;
}

}  // namespace standstill

#include "reports/runtime_profile_text.h"

#include "reports/printable.h"
#include "reports/tab_columns.h"

#include <array>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace standstill {

namespace {

using Sink = std::back_insert_iterator<std::string>;

// Type arguments are shown as "[...]": from the first bracket to the last.
std::string shown_name(std::string_view name) {
  const std::size_t first = name.find('['), last = name.rfind(']');
  if (first == std::string_view::npos || last == std::string_view::npos || last < first)
    return printable(name);
  return printable(fmt::format("{}[...]{}", name.substr(0, first), name.substr(last + 1)));
}

bool append_frames(std::string& out, const RuntimeProfileRecord& profile, const RuntimeSampleRecord& sample,
                   bool show) {
  for (const std::uint32_t index : sample.frames) {
    const RuntimeFrameRecord& frame = profile.frames.at(index);
    const bool is_hidden = frame.function.starts_with("runtime.") ||
                           (profile.hides_internal && frame.function.starts_with("internal/runtime/"));
    if (frame.function == "runtime.goexit" || (!show && is_hidden)) continue;
    show = true;
    fmt::format_to(Sink(out), "#\t{:#x}\t{}+{:#x}\t{}:{}\n", frame.pc.value(), shown_name(frame.function),
                   frame.pc - frame.entry, printable(frame.file), frame.line);
  }
  return show;
}

// The frames below a sample's line. The runtime's own at the beginning are left out, where others follow.
void append_stack(std::string& out, const RuntimeProfileRecord& profile, const RuntimeSampleRecord& sample,
                  bool show_all) {
  if (sample.frames.empty())
    out += "#\t0x0\n";
  else if (!append_frames(out, profile, sample, show_all))
    append_frames(out, profile, sample, true);
  out += "\n";
}

void append_addresses(std::string& out, const RuntimeSampleRecord& sample) {
  out += "@";
  for (const Address address : sample.stack) fmt::format_to(Sink(out), " {:#x}", address.value());
}

std::string heap_text(const RuntimeProfileRecord& profile) {
  std::array<std::int64_t, 4> sums{};  // objects and bytes in use, and of all allocations
  for (const RuntimeSampleRecord& sample : profile.samples)
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += sample.recorded.at(i);
  if (profile.keeps_totals_apart && sums[1] == sums[3]) ++sums[3];
  // Twice the rate: what the first profilers of C++ wrote there.
  std::string out = fmt::format("heap profile: {}: {} [{}: {}] @ heap/{}\n", sums[0], sums[1], sums[2],
                                sums[3], 2 * profile.period);
  for (const std::uint32_t index : profile.text_order) {
    const RuntimeSampleRecord& sample = profile.samples.at(index);
    fmt::format_to(Sink(out), "{}: {} [{}: {}] ", sample.recorded[0], sample.recorded[1], sample.recorded[2],
                   sample.recorded[3]);
    append_addresses(out, sample);
    out += "\n";
    append_stack(out, profile, sample, false);
  }
  out += "\n# runtime.MemStats\n";
  for (const auto& [name, value] : profile.figures) fmt::format_to(Sink(out), "# {} = {}\n", name, value);
  return out;
}

std::string contention_text(const RuntimeProfileRecord& profile) {
  std::string out = fmt::format("--- {}:\ncycles/second={}\n",
                                profile.name == "mutex" ? "mutex" : "contention", profile.cycles_per_second);
  if (profile.name == "mutex") fmt::format_to(Sink(out), "sampling period={}\n", profile.mutex_fraction);
  for (const std::uint32_t index : profile.text_order) {
    const RuntimeSampleRecord& sample = profile.samples.at(index);
    fmt::format_to(Sink(out), "{} {} ", sample.recorded.at(0), sample.recorded.at(1));
    append_addresses(out, sample);
    out += "\n";
    append_stack(out, profile, sample, true);
  }
  return out;
}

std::string count_text(const RuntimeProfileRecord& profile) {
  std::int64_t total = 0;
  for (const RuntimeSampleRecord& sample : profile.samples) total += sample.recorded.at(0);
  std::string out = fmt::format("{} profile: total {}\n", profile.name, total);
  for (const std::uint32_t index : profile.text_order) {
    const RuntimeSampleRecord& sample = profile.samples.at(index);
    fmt::format_to(Sink(out), "{} ", sample.recorded[0]);
    append_addresses(out, sample);
    out += "\n";
    append_stack(out, profile, sample, false);
  }
  return out;
}

}  // namespace

std::string to_runtime_profile_text(const RuntimeProfileRecord& profile) {
  if (profile.name == "heap" || profile.name == "allocs") return line_up_tabs(heap_text(profile));
  if (profile.name == "block" || profile.name == "mutex") return line_up_tabs(contention_text(profile));
  return line_up_tabs(count_text(profile));
}

}  // namespace standstill

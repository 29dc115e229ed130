#include "reports/heap_change_text.h"

#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t STACKS_SHOWN = 10;
constexpr std::size_t FRAMES_SHOWN = 8;  // of each of them
constexpr std::size_t PARTS_SHOWN = 8;

using Sink = std::back_insert_iterator<std::string>;

std::uint64_t distance(std::int64_t number) {
  return number < 0 ? -static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
}
const char* sign(std::int64_t number) { return number < 0 ? "-" : "+"; }
std::string signed_bytes(std::int64_t bytes) {
  return fmt::format("{}{}", sign(bytes), in_bytes(distance(bytes)));
}
std::string signed_count(std::int64_t count) {
  return fmt::format("{}{}", sign(count), with_thousands(distance(count)));
}
std::string size(std::int64_t bytes) {
  return in_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0)));
}

class ChangeText {
 public:
  ChangeText(const HeapChange& change, const Findings& first, const Findings& last,
             const RenderOptions& options)
      : change_(change), first_(first), last_(last), options_(options) {}

  std::string text() const {
    std::string body;
    for (const HeapChange::Table& table : change_.tables) body += stacks(table);
    body += parts("C++ classes", change_.types,
                  [&](const HeapChange::Part& part) { return shortened_name(part.name, options_.width); });
    body += parts("blocks up to", change_.size_classes,
                  [](const HeapChange::Part& part) { return in_bytes(part.size); });
    body += arenas();
    if (body.empty() && !change_.live.is_change() && change_.system_growth() == 0 && change_.missing.empty())
      return {};
    const Ink ink(options_.color);
    std::string out = ink.bold(wrapped(title(), options_.width)) + body;
    if (!change_.missing.empty()) out += wrapped(change_.missing, options_.width, "  ! ");
    if (change_.is_partial)
      out += wrapped("damage was met: the figures are lower bounds (see standstill heap)", options_.width,
                     "  ! ");
    return out + "\n";
  }

 private:
  std::string title() const {
    std::string out = fmt::format("heap of {}: ", printable(change_.allocator));
    if (change_.knows_live)
      out += fmt::format("{} ({} -> {}), {} objects; ", signed_bytes(change_.live.bytes()),
                         size(change_.live.first.bytes), size(change_.live.last.bytes),
                         signed_count(change_.live.objects()));
    return out + fmt::format("{} from the system ({})", in_bytes(change_.last_system_bytes),
                             signed_bytes(change_.system_growth()));
  }

  std::size_t shown_of(std::size_t count, std::size_t limit) const {
    return options_.all_frames ? count : std::min(count, limit);
  }

  static std::string rest(std::size_t count, std::size_t shown, std::string_view noun) {
    return count <= shown ? std::string()
                          : fmt::format("    and {} more (all: --verbose, or --format json)\n",
                                        counted(count - shown, noun));
  }

  static std::string row(const HeapGrowth& live, std::string_view name) {
    return fmt::format("    {:>10} {:>14}  {}\n", signed_bytes(live.bytes()), signed_count(live.objects()),
                       name);
  }

  std::string stacks(const HeapChange::Table& table) const {
    if (table.stacks.empty()) return {};
    const bool is_growth = table.name == "growth";
    std::string out = fmt::format(
        "  {}: {} ({} -> {})\n", is_growth ? "steps that made the heap larger, by stack" : "live, by stack",
        signed_bytes(table.live.bytes()), size(table.live.first.bytes), size(table.live.last.bytes));
    const std::size_t shown = shown_of(table.stacks.size(), is_growth ? 3 : STACKS_SHOWN);
    for (std::size_t i = 0; i < shown; ++i) {
      const HeapChange::Stack& stack = table.stacks[i];
      out += row(stack.live,
                 fmt::format("({} -> {})", size(stack.live.first.bytes), size(stack.live.last.bytes)));
      append_frames(out, stack);
    }
    return out + rest(table.stacks.size(), shown, "stack");
  }

  void append_frames(std::string& out, const HeapChange::Stack& stack) const {
    const HeapRecord& heap = stack.is_of_last ? last_.heaps.at(change_.last) : first_.heaps.at(change_.first);
    std::size_t frames = 0;
    const std::size_t limit = options_.all_frames ? SIZE_MAX : FRAMES_SHOWN;
    for (const std::uint32_t location : stack.locations)
      for (const FrameRecord& frame : heap.locations.at(location)) {
        if (++frames > limit) continue;
        out.append("      ").append(frame.function.empty()
                                        ? to_string(frame.pc)
                                        : shortened_name(printable(frame.function), options_.width));
        if (!frame.file.empty())
          fmt::format_to(Sink(out), "  {}:{}", basename(printable(frame.file)), frame.line);
        out += "\n";
      }
    if (frames > limit) fmt::format_to(Sink(out), "      ... {}\n", counted(frames - limit, "more frame"));
  }

  std::string parts(std::string_view title, const std::vector<HeapChange::Part>& parts, auto name_of) const {
    if (parts.empty()) return {};
    std::string out = fmt::format("  {}\n", title);
    const std::size_t shown = shown_of(parts.size(), PARTS_SHOWN);
    for (std::size_t i = 0; i < shown; ++i) out += row(parts[i].live, printable(name_of(parts[i])));
    return out + rest(parts.size(), shown, "line");
  }

  std::string arenas() const {
    if (change_.arenas.empty()) return {};
    std::string out = "  arenas\n";
    const std::size_t shown = shown_of(change_.arenas.size(), PARTS_SHOWN);
    for (std::size_t i = 0; i < shown; ++i) {
      const HeapChange::Part& arena = change_.arenas[i];
      std::string name = printable(arena.name);
      if (arena.address) name.append(" ").append(to_string(arena.address));
      name += fmt::format(", {} from the system ({})", in_bytes(arena.last_system_bytes),
                          signed_bytes(static_cast<std::int64_t>(arena.last_system_bytes) -
                                       static_cast<std::int64_t>(arena.first_system_bytes)));
      out += change_.knows_live ? row(arena.live, name) : fmt::format("    {}\n", name);
    }
    return out + rest(change_.arenas.size(), shown, "arena");
  }

  const HeapChange& change_;
  const Findings& first_;
  const Findings& last_;
  const RenderOptions& options_;
};

}  // namespace

std::string to_heap_change_text(const HeapChange& change, const Findings& first, const Findings& last,
                                const RenderOptions& options) {
  return ChangeText(change, first, last, options).text();
}

}  // namespace standstill

#include "reports/heap_text.h"

#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <string_view>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t STACKS_SHOWN = 10;
constexpr std::size_t FRAMES_SHOWN = 12;  // of each of them
constexpr std::size_t TYPES_SHOWN = 20;
constexpr std::size_t ARENAS_SHOWN = 16;
constexpr std::size_t CLASSES_SHOWN = 16;

using Sink = std::back_insert_iterator<std::string>;

std::size_t shown_of(std::size_t count, std::size_t limit, const RenderOptions& options) {
  return options.all_frames ? count : std::min(count, limit);
}

std::string rest_line(std::size_t count, std::size_t shown, std::string_view noun) {
  return count <= shown ? std::string()
                        : fmt::format("    and {} more (all: --verbose, or --format json)\n",
                                      counted(count - shown, noun));
}

// "12 % of 3.0 GiB"; "" where there is nothing to compare with.
std::string share_of(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return {};
  return fmt::format("{:.0f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string title_of(const HeapRecord& heap) {
  std::string text = printable(heap.allocator);
  if (heap.knows_live)
    text += fmt::format(": {}{} in {}", heap.is_partial ? "at least " : "", in_bytes(heap.live_bytes),
                        counted(heap.live_objects, "live object"));
  if (heap.system_bytes != 0)
    text += fmt::format("{} {} from the system", heap.knows_live ? "," : ":", in_bytes(heap.system_bytes));
  return text;
}

std::uint64_t positive(std::int64_t number) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(number, 0));
}

// Samples of one stack, added up: an allocator may list each object by itself.
struct StackSum {
  const std::vector<std::uint32_t>* locations = nullptr;
  HeapCountsRecord live;
};

std::vector<StackSum> sums_by_stack(const HeapTableRecord& table) {
  std::map<std::vector<std::uint32_t>, std::size_t> places;
  std::vector<StackSum> sums;
  for (const HeapSampleRecord& sample : table.samples) {
    const auto [place, is_new] = places.emplace(sample.locations, sums.size());
    if (is_new) sums.push_back({&sample.locations, {}});
    sums[place->second].live.objects += sample.estimated_live.objects;
    sums[place->second].live.bytes += sample.estimated_live.bytes;
  }
  std::ranges::stable_sort(sums, std::greater(), [](const StackSum& sum) { return sum.live.bytes; });
  return sums;
}

void append_frames(std::string& out, const HeapRecord& heap, const std::vector<std::uint32_t>& locations,
                   const RenderOptions& options) {
  std::size_t frames = 0;
  const std::size_t limit = options.all_frames ? SIZE_MAX : FRAMES_SHOWN;
  for (const std::uint32_t location : locations)
    for (const FrameRecord& frame : heap.locations.at(location)) {
      if (++frames > limit) continue;
      out.append("      ").append(frame.function.empty()
                                      ? to_string(frame.pc)
                                      : shortened_name(printable(frame.function), options.width));
      if (!frame.file.empty())
        fmt::format_to(Sink(out), "  {}:{}", basename(printable(frame.file)), frame.line);
      out += "\n";
    }
  if (frames > limit) fmt::format_to(Sink(out), "      ... {}\n", counted(frames - limit, "more frame"));
}

void append_samples(std::string& out, const HeapRecord& heap, const HeapTableRecord& table,
                    const RenderOptions& options) {
  const bool is_growth = table.name == "growth";
  const std::vector<StackSum> sums = sums_by_stack(table);
  HeapCountsRecord total;
  for (const StackSum& sum : sums) {
    total.objects += sum.live.objects;
    total.bytes += sum.live.bytes;
  }
  fmt::format_to(Sink(out), "  {} by stack: {} in {}", is_growth ? "what made the heap larger," : "live,",
                 in_bytes(positive(total.bytes)),
                 counted(positive(total.objects), is_growth ? "step" : "object"));
  if (table.period > 1)
    fmt::format_to(Sink(out), ", estimated from one sample in {}", in_bytes(positive(table.period)));
  out += "\n";
  const std::size_t shown = shown_of(sums.size(), is_growth ? 3 : STACKS_SHOWN, options);
  for (std::size_t i = 0; i < shown; ++i) {
    fmt::format_to(Sink(out), "    {} in {}\n", in_bytes(positive(sums[i].live.bytes)),
                   counted(positive(sums[i].live.objects), is_growth ? "step" : "object"));
    append_frames(out, heap, *sums[i].locations, options);
  }
  out += rest_line(sums.size(), shown, "stack");
}

void append_arenas(std::string& out, const HeapRecord& heap, const RenderOptions& options) {
  if (heap.arenas.empty()) return;
  std::vector<const HeapArenaRecord*> order;
  for (const HeapArenaRecord& arena : heap.arenas) order.push_back(&arena);
  std::ranges::stable_sort(order, std::greater(), &HeapArenaRecord::system_bytes);
  fmt::format_to(Sink(out), "  {:<34} {:>10} {:>10} {:>10} {:>10}\n", "arena", "system", "used", "free",
                 "top");
  const std::size_t shown = shown_of(order.size(), ARENAS_SHOWN, options);
  for (std::size_t i = 0; i < shown; ++i) {
    const HeapArenaRecord& arena = *order[i];
    std::string name = printable(arena.name);
    if (arena.address) name.append(" ").append(to_string(arena.address));
    // What was not walked has no figures but what its header says.
    const auto size = [&](std::uint64_t bytes) {
      return heap.is_walked ? in_bytes(bytes) : std::string("-");
    };
    fmt::format_to(Sink(out), "    {:<32} {:>10} {:>10} {:>10} {:>10}{}{}\n", name,
                   in_bytes(arena.system_bytes), size(arena.used_bytes), size(arena.free_bytes),
                   in_bytes(arena.top_bytes), arena.is_locked ? "  locked" : "",
                   arena.is_partial ? "  damaged, in part" : "");
  }
  out += rest_line(order.size(), shown, "arena");
}

// How much of what was taken from the system lies idle between blocks: what people call fragmentation.
void append_fragmentation(std::string& out, const HeapRecord& heap) {
  std::uint64_t system = 0, free = 0, top = 0, cached = 0;
  for (const HeapArenaRecord& arena : heap.arenas) {
    system += arena.system_bytes;
    free += arena.free_bytes;
    top += arena.top_bytes;
    cached += arena.cached_bytes;
  }
  if (!heap.is_walked || system == 0 || free < top + cached) return;
  const std::uint64_t between = free - top - cached;
  fmt::format_to(Sink(out), "  idle: {} ({}) between blocks in use, {} in caches, {} at the ends of arenas\n",
                 in_bytes(between), share_of(between, system), in_bytes(cached), in_bytes(top));
}

void append_size_classes(std::string& out, const HeapRecord& heap, const RenderOptions& options) {
  std::vector<const HeapSizeClassRecord*> order;
  for (const HeapSizeClassRecord& one : heap.size_classes)
    if (one.used != 0 || one.free != 0) order.push_back(&one);
  if (order.empty()) return;
  std::ranges::stable_sort(order, std::greater(), &HeapSizeClassRecord::used_bytes);
  fmt::format_to(Sink(out), "  {:<24} {:>14} {:>10} {:>14} {:>10}\n", "blocks up to", "in use", "", "free",
                 "");
  const std::size_t shown = shown_of(order.size(), CLASSES_SHOWN, options);
  for (std::size_t i = 0; i < shown; ++i) {
    const HeapSizeClassRecord& one = *order[i];
    fmt::format_to(Sink(out), "    {:<22} {:>14} {:>10} {:>14} {:>10}\n", in_bytes(one.size),
                   with_thousands(one.used), in_bytes(one.used_bytes), with_thousands(one.free),
                   in_bytes(one.free_bytes));
  }
  out += rest_line(order.size(), shown, "size");
}

void append_types(std::string& out, const HeapRecord& heap, const RenderOptions& options) {
  if (heap.types.empty()) return;
  out += "  C++ objects, by the virtual table in their first word\n";
  const std::size_t shown = shown_of(heap.types.size(), TYPES_SHOWN, options);
  for (std::size_t i = 0; i < shown; ++i) {
    const HeapTypeRecord& type = heap.types[i];
    fmt::format_to(Sink(out), "    {:>14} {:>10}  {}\n", with_thousands(type.objects), in_bytes(type.bytes),
                   shortened_name(printable(type.name), options.width));
  }
  out += rest_line(heap.types.size(), shown, "class");
}

void append_figures(std::string& out, const HeapRecord& heap) {
  for (const HeapFigureRecord& figure : heap.figures)
    fmt::format_to(Sink(out), "  {:<36} {:>20}\n", printable(figure.name), with_thousands(figure.value));
}

void append_notes(std::string& out, const HeapRecord& heap, const RenderOptions& options) {
  const Ink ink(options.color);
  for (const Note& note : heap.notes) {
    if (note.severity == Severity::INFO && !options.all_frames) continue;
    std::string text = printable(note.text);
    if (!note.where.empty() && note.text.find(note.where) == std::string::npos)
      text += fmt::format(" ({})", printable(note.where));
    out += wrapped(text, options.width, "  ! ");
  }
}

}  // namespace

std::string to_heap_text(const Findings& findings, const RenderOptions& options) {
  if (findings.heaps.empty()) return "no allocator that is known here was found in the process\n";
  const Ink ink(options.color);
  std::string out;
  for (const HeapRecord& heap : findings.heaps) {
    if (!out.empty()) out += "\n";
    out += ink.bold(title_of(heap)) + "\n";
    append_notes(out, heap, options);
    if (!heap.no_samples.empty())
      out += wrapped("no stacks: " + printable(heap.no_samples), options.width, "  ");
    for (const HeapTableRecord& table : heap.tables) append_samples(out, heap, table, options);
    append_fragmentation(out, heap);
    append_arenas(out, heap, options);
    append_types(out, heap, options);
    append_size_classes(out, heap, options);
    append_figures(out, heap);
  }
  return out;
}

std::string to_heap_summary(const Findings& findings, const RenderOptions& options) {
  std::string out;
  for (const HeapRecord& heap : findings.heaps) {
    std::string text = "heap      " + title_of(heap);
    if (heap.arenas.size() > 1) text += fmt::format(" in {}", counted(heap.arenas.size(), "arena"));
    const auto locked = std::ranges::count_if(heap.arenas, &HeapArenaRecord::is_locked);
    if (locked != 0) text += fmt::format(", {} locked", locked);
    out += wrapped(text, options.width);
  }
  return out;
}

}  // namespace standstill

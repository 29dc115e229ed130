#include "reports/frames_text.h"

#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/standpoint.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t INDENT = 6;            // before the frames, with room for the mark
constexpr std::size_t INNERMOST_SHOWN = 40;  // lines of a deep recursion
constexpr std::size_t OUTERMOST_SHOWN = 10;
constexpr std::size_t LONGEST_NAME_COLUMN = 40;

// Frames from `first` to `end` (exclusive); a single one is shown as it is, several are folded into one line.
struct Item {
  std::size_t first = 0;
  std::size_t end = 0;
  bool is_gap = false;  // of a deep recursion: not even named

  bool is_frame() const { return end - first == 1 && !is_gap; }
};

std::vector<Item> fold_libraries(const std::vector<FrameRecord>& frames, const Standpoint& standpoint) {
  std::vector<Item> items;
  bool folding = false;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const bool is_sure = frames[i].found_by != "SCAN" && frames[i].found_by != "FRAME_POINTER";
    const bool is_shown =
        i == 0 || i == standpoint.operation_frame || !standpoint.place || !is_sure || !is_plumbing(frames[i]);
    const bool continues_fold = !is_shown && folding;
    folding = !is_shown;
    if (continues_fold)
      items.back().end = i + 1;
    else
      items.push_back({i, i + 1});
  }
  return items;
}

std::vector<Item> choose_items(const std::vector<FrameRecord>& frames, const Standpoint& standpoint,
                               const RenderOptions& options) {
  std::vector<Item> items;
  if (options.all_frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) items.push_back({i, i + 1});
    return items;
  }
  items = fold_libraries(frames, standpoint);
  if (items.size() <= INNERMOST_SHOWN + OUTERMOST_SHOWN + 1) return items;
  const auto from = items.begin() + INNERMOST_SHOWN;
  const auto to = items.end() - OUTERMOST_SHOWN;
  *from = {from->first, (to - 1)->end, true};
  items.erase(from + 1, to);
  return items;
}

std::string remarks_on(const FrameRecord& frame) {
  if (frame.inlined) return " (inlined)";
  if (frame.found_by == "FRAME_POINTER") return " (by frame pointer)";
  if (frame.found_by == "SCAN") return " (guessed)";
  return {};
}

std::string line_name(const FrameRecord& frame, const RenderOptions& options) {
  const std::size_t room = options.width > 40 ? options.width - 24 : 40;
  return short_name_of(frame, room) + remarks_on(frame);
}

// Where the frame stands, in at most `room` columns if that can be.
std::string location_of(const FrameRecord& frame, std::size_t room) {
  if (!frame.file.empty()) {
    const std::string number = frame.line == 0 ? "" : fmt::format(":{}", frame.line);
    const std::string path = printable(std::filesystem::path(frame.file).lexically_normal().string(), 1024);
    return shortened_path(path, room - std::min(room, number.size())) + number;
  }
  if (frame.function.empty())
    return frame.missing.empty() ? "" : fmt::format("({})", printable(frame.missing));
  return frame.inlined || frame.module.empty() ? ""
                                               : fmt::format("in {}", printable(basename(frame.module), 300));
}

// Wide enough for most names, so that locations form a column; longer names push theirs aside or to the next
// line.
std::size_t name_column(const std::vector<FrameRecord>& frames, const std::vector<Item>& items,
                        const RenderOptions& options) {
  std::size_t widest = 0;
  for (const Item& item : items) {
    const std::size_t width = item.is_frame() ? display_width(line_name(frames[item.first], options)) : 0;
    if (width <= LONGEST_NAME_COLUMN) widest = std::max(widest, width);
  }
  return widest;
}

std::string frame_text(const FrameRecord& frame, const std::string& head, std::size_t column,
                       const RenderOptions& options) {
  std::string text = line_name(frame, options);
  const std::size_t width = display_width(text);
  const auto room_after = [&](std::size_t start) {
    return options.width > start ? options.width - start : 0;
  };
  for (const std::size_t gap : {std::max(width, column) + 2 - width, std::size_t{2}}) {
    const std::size_t room = room_after(head.size() + width + gap);
    const std::string location = location_of(frame, room);
    if (location.empty()) return text;
    if (display_width(location) <= room) return text.append(gap, ' ').append(location);
  }
  const std::size_t start = head.size() + 2;
  return text.append("\n").append(start, ' ').append(location_of(frame, room_after(start)));
}

// "... __lll_lock_wait, lll_mutex_lock_optimized and 2 more"
std::string fold_text(const std::vector<FrameRecord>& frames, const Item& item, std::size_t indent,
                      const RenderOptions& options) {
  std::string out(indent, ' ');
  if (item.is_gap) return out + fmt::format("... {} left out ...", counted(item.end - item.first, "frame"));
  constexpr std::size_t LONGEST_NAME = 32;
  constexpr std::size_t ROOM_FOR_REST = 13;  // " and 99 more"
  out += "... ";
  for (std::size_t i = item.first; i < item.end; ++i) {
    const std::string name =
        fmt::format("{}{}", i == item.first ? "" : ", ", short_name_of(frames[i], LONGEST_NAME));
    const std::size_t reserved = i + 1 == item.end ? 0 : ROOM_FOR_REST;
    if (i != item.first && display_width(out) + display_width(name) + reserved > options.width)
      return out + fmt::format(" and {} more", item.end - i);
    out += name;
  }
  return out;
}

}  // namespace

bool folds_frames(const GroupRecord& group, const RenderOptions& options) {
  const std::vector<Item> items = choose_items(group.frames, find_standpoint(group.frames), options);
  return !std::ranges::all_of(items, &Item::is_frame);
}

std::string to_frames_text(const GroupRecord& group, const RenderOptions& options) {
  const std::vector<FrameRecord>& frames = group.frames;
  const Ink ink(options.color);
  const Standpoint standpoint = find_standpoint(frames);
  const std::vector<Item> items = choose_items(frames, standpoint, options);
  const std::size_t column = name_column(frames, items, options);
  const std::size_t digits = std::to_string(frames.empty() ? 0 : frames.size() - 1).size();
  std::string out;
  for (const Item& item : items) {
    if (!item.is_frame()) {
      out += ink.dim(fold_text(frames, item, INDENT + 2 + digits, options)) + "\n";
      continue;
    }
    const bool is_place = standpoint.place == item.first;
    const std::string head =
        fmt::format("{:>{}} #{:<{}} ", is_place ? ">" : "", INDENT - 1, item.first, digits);
    const std::string text = frame_text(frames[item.first], head, column, options);
    out += head + (is_place ? ink.bold(text) : is_plumbing(frames[item.first]) ? ink.dim(text) : text) + "\n";
  }
  if (!group.broken_end.empty())
    out += ink.warning(wrapped(fmt::format("the stack goes no further: {}", printable(group.broken_end)),
                               options.width, std::string(INDENT, ' ')));
  return out;
}

}  // namespace standstill

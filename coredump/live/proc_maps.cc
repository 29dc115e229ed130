#include "coredump/live/proc_maps.h"

#include "base/descriptor.h"
#include "coredump/live/proc_text.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace standstill {
namespace {

// The kernel writes a newline in a name as \012, and nothing else so.
std::string unescaped(std::string_view path) {
  constexpr std::string_view NEWLINE = "\\012";
  std::string text;
  for (std::size_t at = 0; at < path.size();) {
    const bool is_newline = path.substr(at, NEWLINE.size()) == NEWLINE;
    text += is_newline ? '\n' : path[at];
    at += is_newline ? NEWLINE.size() : 1;
  }
  return text;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> two_numbers(std::string_view text, char separator) {
  const std::size_t middle = text.find(separator);
  if (middle == std::string_view::npos) return std::nullopt;
  const auto first = to_number<std::uint64_t>(text.substr(0, middle), 16);
  const auto second = to_number<std::uint64_t>(text.substr(middle + 1), 16);
  if (!first || !second) return std::nullopt;
  return std::pair(*first, *second);
}

std::optional<MapsLine> parse_line(std::string_view rest) {
  const auto range = two_numbers(take_word(rest), '-');
  const std::string_view permissions = take_word(rest);
  const auto offset = to_number<std::uint64_t>(take_word(rest), 16);
  const auto device = two_numbers(take_word(rest), ':');
  const auto inode = to_number<std::uint64_t>(take_word(rest));
  if (!range || permissions.size() != 4 || !offset || !device || !inode || range->first >= range->second)
    return std::nullopt;
  MapsLine line;
  line.start = Address(range->first);
  line.end = Address(range->second);
  line.flags = (permissions[0] == 'r' ? PF_R : 0u) | (permissions[1] == 'w' ? PF_W : 0u) |
               (permissions[2] == 'x' ? PF_X : 0u);
  line.is_shared = permissions[3] == 's';
  line.file_offset = *offset;
  line.device = makedev(static_cast<unsigned>(device->first), static_cast<unsigned>(device->second));
  line.inode = *inode;
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  line.path = unescaped(rest);
  return line;
}

}  // namespace

std::vector<MapsLine> parse_maps(std::string_view text) {
  std::vector<MapsLine> lines;
  std::string_view line;
  while (take_line(text, line))
    if (auto parsed = parse_line(line)) lines.push_back(std::move(*parsed));
  return lines;
}

// To the very end: each read gives a page of text at most, which is no sign that nothing follows.
std::vector<MapsLine> read_maps(int pid) {
  constexpr std::size_t MOST = 256 << 20;  // millions of mappings
  const Descriptor file(::open(fmt::format("/proc/{}/maps", pid).c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  while (file && text.size() < MOST) {
    constexpr std::size_t PORTION = 64 << 10;
    const std::size_t size = text.size();
    text.resize(size + PORTION);
    const ssize_t got = ::read(file.get(), text.data() + size, PORTION);
    text.resize(size + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0 || (got < 0 && errno != EINTR)) break;
  }
  return parse_maps(text);
}

std::vector<FileMapping> file_mappings_of(const std::vector<MapsLine>& lines) {
  std::vector<FileMapping> mappings;
  for (const MapsLine& line : lines)
    if (line.has_file()) mappings.push_back({line.start, line.end, line.file_offset, line.path});
  return mappings;
}

MemoryRanges ranges_of(const std::vector<MapsLine>& lines) {
  MemoryRanges ranges;
  ranges.reserve(lines.size());
  for (const MapsLine& line : lines) ranges.push_back({line.start, line.end, line.flags});
  return ranges;
}

}  // namespace standstill

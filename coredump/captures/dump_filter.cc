#include "coredump/captures/dump_filter.h"

#include "coredump/live/proc_maps.h"
#include "coredump/live/proc_text.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>

namespace standstill {
namespace {

// Bits of coredump_filter.
enum Filter : std::uint32_t {
  ANONYMOUS_PRIVATE = 1,
  ANONYMOUS_SHARED = 2,
  FILE_PRIVATE = 4,
  FILE_SHARED = 8,
  ELF_HEADERS = 16,
  HUGE_PRIVATE = 32,
  HUGE_SHARED = 64,
};

constexpr std::uint64_t PAGE = 4096;

// A mapping of smaps: its line of maps, and those of the lines below it that matter.
struct Mapping {
  MapsLine line;
  bool has_anonymous_pages = false;  // "Anonymous:  12 kB"
  bool is_left_out = false;          // VmFlags: "dd" (MADV_DONTDUMP), "io"
  bool is_huge = false;              // VmFlags: "ht"
};

bool has_flag(std::string_view flags, std::string_view flag) {
  for (; !flags.empty(); flags.remove_prefix(std::min(flags.find(' '), flags.size() - 1) + 1)) {
    if (flags.substr(0, flags.find(' ')) == flag) return true;
  }
  return false;
}

// As vma_dump_size() decides (fs/coredump.c).
std::optional<AddressRange> dumped_part(const Mapping& mapping, std::uint32_t filter) {
  const MapsLine& line = mapping.line;
  const AddressRange all{line.start, line.end};
  const auto when = [&](bool is_wanted) { return is_wanted ? std::optional(all) : std::nullopt; };
  if (line.path == "[vdso]") return all;
  if (mapping.is_left_out || (line.flags & PF_R) == 0 || line.path == "[vsyscall]" ||
      line.path.starts_with("[vvar"))
    return std::nullopt;
  if (mapping.is_huge) return when((filter & (line.is_shared ? HUGE_SHARED : HUGE_PRIVATE)) != 0);
  if (line.is_shared) {
    const bool has_no_name =
        line.path.ends_with(" (deleted)");  // shared memory without a file has such a one
    return when((filter & (has_no_name ? ANONYMOUS_SHARED : FILE_SHARED)) != 0);
  }
  if (mapping.has_anonymous_pages && (filter & ANONYMOUS_PRIVATE) != 0) return all;
  if (!line.has_file()) return std::nullopt;
  if ((filter & FILE_PRIVATE) != 0) return all;
  // Data that was not written to yet: small, and a reader without the file would miss it.
  if ((line.flags & PF_W) != 0 && (filter & ANONYMOUS_PRIVATE) != 0) return all;
  if ((filter & ELF_HEADERS) != 0 && line.file_offset == 0)
    return AddressRange{line.start, line.start + std::min(PAGE, line.end - line.start)};
  return std::nullopt;
}

}  // namespace

std::vector<AddressRange> parse_dumped_ranges(std::string_view smaps, std::uint32_t filter) {
  std::vector<AddressRange> ranges;
  Mapping mapping;
  bool has_mapping = false;
  const auto finish = [&] {
    if (!has_mapping) return;
    if (const auto part = dumped_part(mapping, filter)) ranges.push_back(*part);
    has_mapping = false;
  };
  while (!smaps.empty()) {
    const std::string_view line = smaps.substr(0, smaps.find('\n'));
    smaps.remove_prefix(std::min(line.size() + 1, smaps.size()));
    // A field's name begins with a capital, an address does not.
    if (line.empty() || line.front() < 'A' || line.front() > 'Z') {
      finish();
      auto lines = parse_maps(line);
      if (lines.empty()) continue;
      mapping = {};
      mapping.line = std::move(lines.front());
      has_mapping = true;
    } else if (has_mapping && line.starts_with("Anonymous:")) {
      const std::size_t digit = line.find_first_of("123456789");
      mapping.has_anonymous_pages = digit != std::string_view::npos;
    } else if (has_mapping && line.starts_with("VmFlags: ")) {
      const std::string_view flags = line.substr(9);
      mapping.is_left_out = has_flag(flags, "dd") || has_flag(flags, "io");
      mapping.is_huge = has_flag(flags, "ht");
    }
  }
  finish();
  return ranges;
}

std::vector<AddressRange> find_dumped_ranges(int tid) {
  constexpr std::size_t largest = std::size_t{1} << 30;
  const auto smaps = read_proc_file(AT_FDCWD, fmt::format("/proc/{}/smaps", tid).c_str(), largest);
  if (!smaps) return {};
  std::uint32_t filter = USUAL_COREDUMP_FILTER;
  if (const auto text = read_proc_file(AT_FDCWD, fmt::format("/proc/{}/coredump_filter", tid).c_str())) {
    constexpr int hexadecimal = 16;
    std::from_chars(text->data(), text->data() + text->size(), filter, hexadecimal);
  }
  return parse_dumped_ranges(*smaps, filter);
}

}  // namespace standstill

#include "symbolize/debug_sections.h"

#include "coredump/section_contents.h"

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

namespace standstill {

bool has_debug_info(const ElfImage& image) {
  const ElfImage::Section* info = find_debug_section(image, ".debug_info");
  return info != nullptr && !info->contents.empty();
}

DebugSections open_debug_sections(std::shared_ptr<const ElfImage> image, std::vector<Note>& notes,
                                  const InfoWanted& info_wanted) {
  DebugSections result;
  const std::array<std::pair<const char*, Bytes*>, 10> wanted = {
      {{".debug_aranges", &result.aranges},
       {".debug_info", &result.info},
       {".debug_abbrev", &result.abbrev},
       {".debug_line", &result.line},
       {".debug_str", &result.str},
       {".debug_line_str", &result.line_str},
       {".debug_ranges", &result.ranges},
       {".debug_rnglists", &result.rnglists},
       {".debug_addr", &result.addr},
       {".debug_str_offsets", &result.str_offsets}}};
  std::array<SectionContents, wanted.size()> contents;
  std::array<std::string, wanted.size()> problems;
  const auto read = [&](std::size_t i, std::uint64_t size) {
    const ElfImage::Section* section = find_debug_section(*image, wanted[i].first);
    if (section == nullptr) return;
    auto unpacked = read_section_contents(*section, size);
    if (unpacked) {
      contents[i] = std::move(*unpacked);
      *wanted[i].second = contents[i].bytes;
    } else {
      problems[i] = unpacked.error().message;
    }
  };
  read(0, UINT64_MAX);
  const ElfImage::Section* info = find_debug_section(*image, ".debug_info");
  const bool is_part_enough = info_wanted && info != nullptr && is_compressed(*info);
  const std::uint64_t info_size = is_part_enough ? info_wanted(result.aranges) : UINT64_MAX;
  tbb::parallel_for(std::size_t{1}, wanted.size(),
                    [&](std::size_t i) { read(i, i == 1 ? info_size : UINT64_MAX); });
  result.is_info_whole = contents[1].is_whole;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (contents[i].memory) result.unpacked.push_back(std::move(contents[i].memory));
    if (problems[i].empty()) continue;
    notes.push_back(
        {Severity::WARNING, fmt::format("section {} {}", wanted[i].first, problems[i]), image->path()});
  }
  result.image = std::move(image);
  return result;
}

}  // namespace standstill

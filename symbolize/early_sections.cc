#include "symbolize/early_sections.h"

#include "coredump/section_contents.h"
#include "symbolize/dwarf_unit_index.h"

namespace standstill {

bool is_at_hand(const ElfImage& image) {
  const ElfImage::Section* info = find_debug_section(image, ".debug_info");
  return info != nullptr && !info->contents.empty() && !is_compressed(*info);
}

std::optional<EarlySections> unpack_early(const std::shared_ptr<const ElfImage>& image,
                                          std::span<const std::uint64_t> vaddrs) {
  if (image == nullptr || !has_debug_info(*image) || is_at_hand(*image)) return std::nullopt;
  EarlySections early;
  early.sections =
      open_debug_sections(image, early.notes, [&](Bytes aranges) { return info_needed(aranges, vaddrs); });
  return early;
}

}  // namespace standstill

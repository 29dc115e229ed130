#include "unwind/call_frame_table.h"

#include <algorithm>
#include <cstring>

#include <dwarf.h>

namespace standstill {
namespace {

// .eh_frame_hdr as GNU ld, gold, lld and mold write it
//   +0  version             1
//   +1  eh_frame_ptr_enc    pcrel|sdata4 (0x1b)
//   +2  fde_count_enc       udata4 (0x03), or omit (0xff) without a table
//   +3  table_enc           datarel|sdata4 (0x3b)
//   +4  eh_frame_ptr, +8 fde_count, +12 pairs {initial location, address of the FDE}
constexpr std::uint64_t HEADER_SIZE = 12, PAIR_SIZE = 8;

}  // namespace

std::optional<std::uint64_t> eh_frame_vaddr(Bytes header, std::uint64_t header_vaddr) {
  Cursor cursor(header);
  const auto version = cursor.read<std::uint8_t>(), encoding = cursor.read<std::uint8_t>();
  cursor.skip(2);
  std::uint64_t base = 0;
  if ((encoding & 0xf0) == DW_EH_PE_pcrel) {
    base = header_vaddr + 4;
  } else if ((encoding & 0xf0) == DW_EH_PE_datarel) {
    base = header_vaddr;
  } else if ((encoding & 0xf0) != DW_EH_PE_absptr) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  switch (encoding & 0x0f) {
    case DW_EH_PE_udata4:
      value = cursor.read<std::uint32_t>();
      break;
    case DW_EH_PE_sdata4:
      value = static_cast<std::uint64_t>(std::int64_t{cursor.read<std::int32_t>()});
      break;
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
      value = cursor.read<std::uint64_t>();
      break;
    default:
      return std::nullopt;
  }
  if (version != 1 || !cursor.ok()) return std::nullopt;
  return base + value;
}

CallFrameTable::CallFrameTable(CallFrameSection section, Bytes header, std::uint64_t header_vaddr)
    : section_(section), header_vaddr_(header_vaddr) {
  if (!section.is_debug_frame) use_header(header);
}

bool CallFrameTable::use_header(Bytes header) {
  if (header.size() < HEADER_SIZE || eh_frame_vaddr(header, header_vaddr_) != section_.vaddr) return false;
  if ((header[1] & 0x0f) != DW_EH_PE_sdata4 && (header[1] & 0x0f) != DW_EH_PE_udata4) return false;
  if (header[2] != DW_EH_PE_udata4 || header[3] != (DW_EH_PE_datarel | DW_EH_PE_sdata4)) return false;
  std::uint32_t count = 0;
  std::memcpy(&count, header.data() + 8, sizeof count);
  if (count > (header.size() - HEADER_SIZE) / PAIR_SIZE) return false;
  pairs_ = header.subspan(HEADER_SIZE, count * PAIR_SIZE);
  return true;
}

CallFrameTable::HeaderPair CallFrameTable::pair(std::size_t index) const {
  HeaderPair pair;
  std::memcpy(&pair, pairs_.data() + index * PAIR_SIZE, sizeof pair);
  return pair;
}

std::optional<std::uint64_t> CallFrameTable::find_in_header(std::uint64_t vaddr) const {
  // A signed 32-bit distance reaches 2 GB; addresses beyond it are not in this table.
  const auto distance = static_cast<std::int64_t>(vaddr - header_vaddr_);
  std::size_t low = 0, high = pairs_.size() / PAIR_SIZE;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (pair(middle).start <= distance) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  const auto entry = header_vaddr_ + static_cast<std::uint64_t>(std::int64_t{pair(low - 1).entry});
  return entry - section_.vaddr;
}

const std::vector<CallFrameTable::Indexed>& CallFrameTable::index() const {
  std::call_once(indexed_, [this] {
    std::uint64_t offset = 0;
    while (const auto record = read_record(section_, offset)) {
      if (const auto range = read_range(section_, *record))
        index_.push_back({range->start, range->end, offset});
      offset = record->next_offset;
    }
    std::stable_sort(index_.begin(), index_.end(),
                     [](const Indexed& a, const Indexed& b) { return a.start < b.start; });
  });
  return index_;
}

std::optional<std::uint64_t> CallFrameTable::find_in_index(std::uint64_t vaddr) const {
  const auto& entries = index();
  const auto next =
      std::upper_bound(entries.begin(), entries.end(), vaddr,
                       [](std::uint64_t address, const Indexed& entry) { return address < entry.start; });
  if (next == entries.begin()) return std::nullopt;
  const Indexed& entry = *std::prev(next);
  return vaddr < entry.end ? std::optional(entry.offset) : std::nullopt;
}

std::optional<CallFrameEntry> CallFrameTable::find(std::uint64_t vaddr) const {
  const auto offset = pairs_.empty() ? find_in_index(vaddr) : find_in_header(vaddr);
  if (!offset) return std::nullopt;
  auto entry = read_entry(section_, *offset);
  if (!entry || vaddr < entry->start || vaddr >= entry->end) return std::nullopt;
  return entry;
}

std::size_t CallFrameTable::size() const {
  return pairs_.empty() ? index().size() : pairs_.size() / PAIR_SIZE;
}

}  // namespace standstill

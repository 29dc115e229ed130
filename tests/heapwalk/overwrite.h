// A snapshot in which some bytes read as something else: what a program's bug would have left behind.
#pragma once

#include "coredump/snapshot.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace standstill {

// The same snapshot, with `bytes` at `address`, which a piece of the dump must hold whole.
inline Snapshot with_overwritten(const Snapshot& snapshot, Address address,
                                 const std::vector<std::uint8_t>& bytes) {
  using Piece = MemoryView::Piece;
  auto owned = std::make_shared<const std::vector<std::uint8_t>>(bytes);
  auto whole = std::make_shared<const Snapshot>(snapshot);
  std::vector<IntervalMap<Piece>::Interval> pieces;
  const Address end = address + bytes.size();
  for (const auto& piece : snapshot.memory.pieces().intervals()) {
    if (piece.end <= address || end <= piece.start) {
      pieces.push_back(piece);
      continue;
    }
    if (piece.start < address)
      pieces.push_back(
          {piece.start, address, {piece.value.bytes.first(address - piece.start), piece.value.source}});
    pieces.push_back({address, end, {*owned, piece.value.source}});
    if (end < piece.end)
      pieces.push_back({end, piece.end, {piece.value.bytes.subspan(end - piece.start), piece.value.source}});
  }
  Snapshot changed = snapshot;
  changed.memory = MemoryView(std::move(pieces), {owned, whole});
  return changed;
}

inline Snapshot with_word(const Snapshot& snapshot, Address address, std::uint64_t value) {
  std::vector<std::uint8_t> bytes(8);
  for (int i = 0; i < 8; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (8 * i));
  return with_overwritten(snapshot, address, bytes);
}

}  // namespace standstill

#include "coredump/memory_view.h"

namespace standstill {

bool MemoryView::copy(Address address, std::span<std::uint8_t> out) const {
  while (!out.empty()) {
    const Bytes bytes = bytes_at(address);
    if (bytes.empty()) return false;
    const std::size_t size = std::min(bytes.size(), out.size());
    std::memcpy(out.data(), bytes.data(), size);
    out = out.subspan(size);
    address = address + size;
  }
  return true;
}

Bytes MemoryView::bytes_in(Address address, std::uint64_t size, std::vector<std::uint8_t>& scratch) const {
  Bytes bytes = clipped(bytes_at(address), 0, size);
  if (bytes.empty() || bytes.size() == size) return bytes;
  Bytes next = clipped(bytes_at(address + bytes.size()), 0, size - bytes.size());
  if (next.empty()) return bytes;
  // Room is made for what is there, never for what was asked for: sizes come from damaged memory too.
  scratch.assign(bytes.begin(), bytes.end());
  while (!next.empty()) {
    scratch.insert(scratch.end(), next.begin(), next.end());
    if (scratch.size() == size) break;
    next = clipped(bytes_at(address + scratch.size()), 0, size - scratch.size());
  }
  return scratch;
}

std::size_t MemoryView::copy_unmapped(Address address, std::span<std::uint8_t> out) const {
  const auto* piece = pieces_.find(address);
  if (dump_ == nullptr || piece == nullptr || piece->value.source != Source::DUMP) return 0;
  const Bytes bytes = piece->value.bytes.subspan(address - piece->start);
  return dump_->copy_unmapped(bytes.data(), out.first(std::min(out.size(), bytes.size())));
}

std::optional<std::string> MemoryView::read_c_string(Address address, std::size_t limit) const {
  std::string text;
  bool any = false;
  while (text.size() < limit) {
    const Bytes bytes = clipped(bytes_at(address), 0, limit - text.size());
    if (bytes.empty()) break;
    any = true;
    const std::string_view view = as_text(bytes);
    const std::size_t end = view.find('\0');
    text.append(view.substr(0, end));
    if (end != std::string_view::npos) return text;
    address = address + bytes.size();
  }
  return any ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace standstill

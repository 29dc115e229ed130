#include "base/bytes.h"

namespace standstill {

void Cursor::seek(std::uint64_t offset) {
  if (offset > bytes_.size()) {
    ok_ = false;
    return;
  }
  offset_ = offset;
}

void Cursor::align(std::uint64_t alignment) {
  const std::uint64_t padding = -offset_ & (alignment - 1);
  offset_ += padding < remaining() ? padding : remaining();
}

std::uint64_t Cursor::read_uleb() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; ok_; shift += 7) {
    const auto byte = read<std::uint8_t>();
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) break;
  }
  return value;
}

std::int64_t Cursor::read_sleb() {
  std::uint64_t value = 0;
  unsigned shift = 0;
  while (ok_) {
    const auto byte = read<std::uint8_t>();
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    shift += 7;
    if ((byte & 0x80) != 0) continue;
    if ((byte & 0x40) != 0 && shift < 64) value |= ~std::uint64_t{0} << shift;
    break;
  }
  return static_cast<std::int64_t>(value);
}

std::string_view Cursor::read_c_string() {
  const Bytes rest = bytes_.subspan(offset_);
  const void* end = rest.empty() ? nullptr : std::memchr(rest.data(), 0, rest.size());
  if (end == nullptr || !ok_) {
    ok_ = false;
    return {};
  }
  const auto size = static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(end) - rest.data());
  offset_ += size + 1;
  return as_text(rest.first(size));
}

}  // namespace standstill

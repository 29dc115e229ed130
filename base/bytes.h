// Borrowed, read-only bytes, and a cursor that reads them without ever leaving them.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace standstill {

using Bytes = std::span<const std::uint8_t>;

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The part of `bytes` that starts at `offset` and is at most `size` long; shorter or empty where the bytes
// end.
inline Bytes clipped(Bytes bytes, std::uint64_t offset, std::uint64_t size = UINT64_MAX) {
  if (offset >= bytes.size()) return {};
  const std::uint64_t rest = bytes.size() - offset;
  return bytes.subspan(offset, size < rest ? size : rest);
}

// Reads little-endian values one after another. A read past the end returns zero (or empty) and makes the
// cursor fail for good, so that a parser may read a whole record and ask ok() once.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::uint64_t offset() const { return offset_; }
  std::uint64_t remaining() const { return bytes_.size() - offset_; }
  bool at_end() const { return remaining() == 0; }

  template <class T>
  T read() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (take(sizeof(T))) std::memcpy(&value, bytes_.data() + offset_ - sizeof(T), sizeof(T));
    return value;
  }

  Bytes read_bytes(std::uint64_t size) { return take(size) ? bytes_.subspan(offset_ - size, size) : Bytes{}; }
  void skip(std::uint64_t size) { take(size); }
  // Moves to an absolute offset; one past the end is allowed.
  void seek(std::uint64_t offset);
  // Skips to the next multiple of `alignment` (a power of two); stops at the end without failing.
  void align(std::uint64_t alignment);

  // DWARF's variable-length numbers (DWARF 5, 7.6). Bits beyond 64 are dropped.
  std::uint64_t read_uleb();
  std::int64_t read_sleb();
  // Up to and without the terminating NUL, which is consumed; fails if there is none.
  std::string_view read_c_string();

 private:
  bool take(std::uint64_t size) {
    if (!ok_ || size > remaining()) return ok_ = false;
    offset_ += size;
    return true;
  }

  Bytes bytes_;
  std::uint64_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace standstill

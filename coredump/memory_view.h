// The target's memory: pieces of bytes at addresses, from the dump itself, or from a module's file where the
// dump left unmodified pages out. One index with binary search, built once; reads never copy unless they
// cross pieces.
#pragma once

#include "base/address.h"
#include "base/bytes.h"
#include "base/interval_map.h"
#include "base/mapped_file.h"

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace standstill {

class MemoryView {
 public:
  enum class Source : std::uint8_t {
    DUMP,         // recorded in the core, or read from the process
    MODULE_FILE,  // taken from the module's file, whose build ID was checked
  };
  struct Piece {
    Bytes bytes;
    Source source = Source::DUMP;
  };

  MemoryView() = default;
  // `owners` keeps alive what the pieces borrow from, `dump` too, the file that DUMP pieces lie in (null: not
  // in a file). Pieces must not overlap.
  MemoryView(std::vector<IntervalMap<Piece>::Interval> pieces,
             std::vector<std::shared_ptr<const void>> owners,
             std::shared_ptr<const MappedFile> dump = nullptr)
      : pieces_(std::move(pieces)), owners_(std::move(owners)), dump_(std::move(dump)) {}

  // All bytes from `address` to the end of the piece that holds it; empty when that address cannot be read.
  Bytes bytes_at(Address address) const {
    const auto* found = pieces_.find(address);
    return found == nullptr ? Bytes{} : found->value.bytes.subspan(address - found->start);
  }

  // Copies a beginning of bytes_at(address), as far as `out` reaches, where that is cheaper than touching
  // them: for a page or two of which little else will be read. Returns the number of bytes copied; 0 where
  // bytes_at serves as well.
  std::size_t copy_unmapped(Address address, std::span<std::uint8_t> out) const;

  // Fills `out` completely, across pieces where needed; false when any byte is missing.
  bool copy(Address address, std::span<std::uint8_t> out) const;

  // The same, for a page that little else will be read of: cheaper for one look, dearer for many.
  bool copy_once(Address address, std::span<std::uint8_t> out) const {
    return copy_unmapped(address, out) == out.size() || copy(address, out);
  }

  // A value as it lies in the target's memory (little-endian, no alignment needed).
  template <class T>
  std::optional<T> read(Address address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const Bytes bytes = bytes_at(address);
    if (bytes.size() >= sizeof(T)) {
      std::memcpy(&value, bytes.data(), sizeof(T));
      return value;
    }
    if (!copy(address, {reinterpret_cast<std::uint8_t*>(&value), sizeof(T)})) return std::nullopt;
    return value;
  }
  std::optional<Address> read_address(Address address) const {
    const auto value = read<std::uint64_t>(address);
    return value ? std::optional(Address(*value)) : std::nullopt;
  }

  // The text up to a NUL or `limit` bytes; nothing when the first byte cannot be read.
  std::optional<std::string> read_c_string(Address address, std::size_t limit = 4096) const;

  const IntervalMap<Piece>& pieces() const { return pieces_; }

 private:
  IntervalMap<Piece> pieces_;
  std::vector<std::shared_ptr<const void>> owners_;
  std::shared_ptr<const MappedFile> dump_;
};

}  // namespace standstill

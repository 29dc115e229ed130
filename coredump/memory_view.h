// The target's memory: pieces of bytes at addresses, from the dump itself, or from a module's file where the
// dump left unmodified pages out; and for a live process, where no piece lies, its own memory read page by
// page when asked for. One index with binary search, built once; reads never copy unless they cross pieces.
#pragma once

#include "base/address.h"
#include "base/bytes.h"
#include "base/interval_map.h"
#include "base/mapped_file.h"
#include "coredump/lazy_memory.h"

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
  // in a file). Pieces must not overlap. `lazy` (may be null) is asked where no piece holds an address.
  MemoryView(std::vector<IntervalMap<Piece>::Interval> pieces,
             std::vector<std::shared_ptr<const void>> owners,
             std::shared_ptr<const MappedFile> dump = nullptr,
             std::shared_ptr<const LazyMemory> lazy = nullptr)
      : pieces_(std::move(pieces)),
        owners_(std::move(owners)),
        dump_(std::move(dump)),
        lazy_(std::move(lazy)) {}

  // Bytes from `address` to the end of what lies together here: the end of a piece of the dump, or a few KiB
  // of a live process. Empty when that address cannot be read. To read a range, use copy(), bytes_in() or a
  // loop.
  Bytes bytes_at(Address address) const {
    const auto* found = pieces_.find(address);
    if (found != nullptr) return found->value.bytes.subspan(address - found->start);
    return lazy_ == nullptr ? Bytes{} : lazy_->bytes_at(address);
  }

  // The run of bytes around `address`: the whole piece, or what was read of a live process in one go.
  MemoryRun run_at(Address address) const {
    const auto* found = pieces_.find(address);
    if (found != nullptr) return {found->start, found->value.bytes};
    return lazy_ == nullptr ? MemoryRun{} : lazy_->run_at(address);
  }

  // The bytes of [address, address + size) in one span, as far as they can be read without a gap: borrowed
  // where they lie together, else gathered in `scratch`, which must live as long as the answer is used.
  Bytes bytes_in(Address address, std::uint64_t size, std::vector<std::uint8_t>& scratch) const;

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

  // What the dump and the modules' files hold. Of a live process this is next to nothing: ask bytes_at()
  // whether an address can be read, and Snapshot::ranges which range it lies in.
  const IntervalMap<Piece>& pieces() const { return pieces_; }
  const LazyMemory* lazy() const { return lazy_.get(); }

 private:
  IntervalMap<Piece> pieces_;
  std::vector<std::shared_ptr<const void>> owners_;
  std::shared_ptr<const MappedFile> dump_;
  std::shared_ptr<const LazyMemory> lazy_;
};

}  // namespace standstill

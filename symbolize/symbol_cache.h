// The form in which names are kept from one run to the next: what each virtual address of one module resolved
// to.
//
//   header | entries, sorted by address | frames | strings, each stored once, with a NUL after each
//
// The header holds a checksum of all that follows. A file that is cut off, damaged or of another version
// parses to nothing.
#pragma once

#include "base/bytes.h"
#include "symbolize/code_location.h"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace standstill {

// Sorted by address, each address once. `Location::module` is not kept; function_start is a virtual address.
using AddressLocations = std::vector<std::pair<std::uint64_t, Location>>;

std::vector<std::uint8_t> serialize_locations(const AddressLocations& locations);

class CachedLocations {
 public:
  // Borrows the bytes. Checks everything, so that find() need not.
  static std::optional<CachedLocations> parse(Bytes bytes);

  std::size_t size() const { return entries_.size() / sizeof(Entry); }
  std::optional<Location> find(std::uint64_t vaddr) const;
  AddressLocations all() const;

  // As they lie in the file, little-endian, without gaps.
  struct Entry {
    std::uint64_t vaddr;
    std::uint64_t function_start;
    std::uint32_t first_frame;
    std::uint16_t frame_count;
    std::uint16_t missing;
  };
  struct Frame {
    std::uint32_t function;  // offsets of strings
    std::uint32_t linkage_name;
    std::uint32_t file;
    std::uint32_t line;
  };

 private:
  Entry entry(std::size_t index) const;
  Location location(const Entry& entry) const;
  std::string string(std::uint32_t offset) const;
  bool is_consistent() const;

  Bytes entries_;
  Bytes frames_;
  Bytes strings_;
};

// Both together; where both know an address, `newer` is right.
AddressLocations merge_locations(AddressLocations older, AddressLocations newer);

}  // namespace standstill

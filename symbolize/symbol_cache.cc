#include "symbolize/symbol_cache.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>

#include <llvm/ADT/ArrayRef.h>
#include <llvm/Support/xxhash.h>

namespace standstill {

namespace {

// To be raised whenever a newer program could answer differently from the same files.
constexpr std::uint32_t kVersion = 2;
constexpr std::uint64_t kMagic = 0x534554554f4c5353;  // "SSLOUTES"

struct Header {
  std::uint64_t magic = kMagic;
  std::uint64_t checksum = 0;  // XXH3 of everything after this field
  std::uint32_t version = kVersion;
  std::uint32_t entry_count = 0;
  std::uint32_t frame_count = 0;
  std::uint32_t string_bytes = 0;
};
constexpr std::size_t kChecksummed = offsetof(Header, version);

std::uint64_t checksum(Bytes bytes) {
  return llvm::xxh3_64bits(
      llvm::ArrayRef<std::uint8_t>(bytes.data() + kChecksummed, bytes.size() - kChecksummed));
}

class Writer {
 public:
  std::vector<std::uint8_t> run(const AddressLocations& locations) {
    for (const auto& [vaddr, location] : locations) add(vaddr, location);
    Header header;
    header.entry_count = static_cast<std::uint32_t>(entries_.size());
    header.frame_count = static_cast<std::uint32_t>(frames_.size());
    header.string_bytes = static_cast<std::uint32_t>(strings_.size());
    const std::size_t entry_bytes = entries_.size() * sizeof(CachedLocations::Entry);
    const std::size_t frame_bytes = frames_.size() * sizeof(CachedLocations::Frame);
    std::vector<std::uint8_t> result(sizeof header + entry_bytes + frame_bytes + strings_.size());
    std::uint8_t* out = result.data();
    out = copy(out, &header, sizeof header);
    out = copy(out, entries_.data(), entry_bytes);
    out = copy(out, frames_.data(), frame_bytes);
    copy(out, strings_.data(), strings_.size());
    header.checksum = checksum(result);
    copy(result.data(), &header, sizeof header);
    return result;
  }

 private:
  static std::uint8_t* copy(std::uint8_t* out, const void* from, std::size_t size) {
    if (size != 0) std::memcpy(out, from, size);
    return out + size;
  }

  std::uint32_t string(const std::string& text) {
    const auto [place, is_new] = known_.try_emplace(text, static_cast<std::uint32_t>(strings_.size()));
    if (is_new) strings_.append(text.c_str(), text.size() + 1);
    return place->second;
  }

  void add(std::uint64_t vaddr, const Location& location) {
    // Nothing real is as deep; leaving it out only means that it is looked up again.
    if (location.chain.size() > UINT16_MAX) return;
    entries_.push_back({vaddr, location.function_start.value(), static_cast<std::uint32_t>(frames_.size()),
                        static_cast<std::uint16_t>(location.chain.size()),
                        static_cast<std::uint16_t>(location.missing)});
    for (const CodeLocation& place : location.chain) {
      frames_.push_back({string(place.function), string(place.linkage_name), string(place.file), place.line});
    }
  }

  std::vector<CachedLocations::Entry> entries_;
  std::vector<CachedLocations::Frame> frames_;
  std::string strings_;
  std::unordered_map<std::string_view, std::uint32_t>
      known_;  // of the strings of the locations that are written
};

}  // namespace

std::vector<std::uint8_t> serialize_locations(const AddressLocations& locations) {
  return Writer().run(locations);
}

std::optional<CachedLocations> CachedLocations::parse(Bytes bytes) {
  Cursor cursor(bytes);
  const auto header = cursor.read<Header>();
  if (!cursor.ok() || header.magic != kMagic || header.version != kVersion ||
      header.checksum != checksum(bytes)) {
    return std::nullopt;
  }
  CachedLocations result;
  result.entries_ = cursor.read_bytes(std::uint64_t{header.entry_count} * sizeof(Entry));
  result.frames_ = cursor.read_bytes(std::uint64_t{header.frame_count} * sizeof(Frame));
  result.strings_ = cursor.read_bytes(header.string_bytes);
  if (!cursor.ok() || !cursor.at_end() || !result.is_consistent()) return std::nullopt;
  return result;
}

bool CachedLocations::is_consistent() const {
  if (!strings_.empty() && strings_.back() != 0) return false;
  const std::size_t frame_count = frames_.size() / sizeof(Frame);
  for (std::size_t i = 0; i < size(); ++i) {
    const Entry now = entry(i);
    if (i > 0 && entry(i - 1).vaddr >= now.vaddr) return false;
    if (now.first_frame > frame_count || now.frame_count > frame_count - now.first_frame) return false;
    if (now.missing > static_cast<std::uint16_t>(MissingName::NO_SYMBOL)) return false;
  }
  Cursor frames(frames_);
  while (!frames.at_end()) {
    const auto frame = frames.read<Frame>();
    if (std::max({frame.function, frame.linkage_name, frame.file}) >= strings_.size()) return false;
  }
  return true;
}

CachedLocations::Entry CachedLocations::entry(std::size_t index) const {
  Entry result;
  std::memcpy(&result, entries_.data() + index * sizeof(Entry), sizeof(Entry));
  return result;
}

std::string CachedLocations::string(std::uint32_t offset) const {
  return reinterpret_cast<const char*>(strings_.data()) + offset;
}

Location CachedLocations::location(const Entry& from) const {
  Location result;
  result.function_start = Address(from.function_start);
  result.missing = static_cast<MissingName>(from.missing);
  Cursor frames(frames_.subspan(from.first_frame * sizeof(Frame), from.frame_count * sizeof(Frame)));
  for (std::size_t i = 0; i < from.frame_count; ++i) {
    const auto frame = frames.read<Frame>();
    CodeLocation place;
    place.function = string(frame.function);
    place.linkage_name = string(frame.linkage_name);
    place.file = string(frame.file);
    place.line = frame.line;
    place.inlined = i + 1u < from.frame_count;
    result.chain.push_back(std::move(place));
  }
  return result;
}

std::optional<Location> CachedLocations::find(std::uint64_t vaddr) const {
  std::size_t low = 0;
  std::size_t high = size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const Entry candidate = entry(middle);
    if (candidate.vaddr == vaddr) return location(candidate);
    if (candidate.vaddr < vaddr) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::nullopt;
}

AddressLocations CachedLocations::all() const {
  AddressLocations result;
  result.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const Entry now = entry(i);
    result.emplace_back(now.vaddr, location(now));
  }
  return result;
}

AddressLocations merge_locations(AddressLocations older, AddressLocations newer) {
  AddressLocations result;
  result.reserve(older.size() + newer.size());
  auto old_one = older.begin();
  for (auto& entry : newer) {
    for (; old_one != older.end() && old_one->first < entry.first; ++old_one)
      result.push_back(std::move(*old_one));
    if (old_one != older.end() && old_one->first == entry.first) ++old_one;
    result.push_back(std::move(entry));
  }
  std::move(old_one, older.end(), std::back_inserter(result));
  return result;
}

}  // namespace standstill

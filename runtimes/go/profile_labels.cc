#include "runtimes/go/profile_labels.h"

#include <algorithm>
#include <array>

namespace standstill {

namespace {

constexpr std::size_t MOST_LABELS = 4096, LONGEST_LABEL = 1u << 16;
constexpr int FIRST_WITH_SLICE = 24;

void add(const GoRuntime& runtime, Address name, Address value, GoLabels& labels) {
  auto first = runtime.read_string(name, LONGEST_LABEL), second = runtime.read_string(value, LONGEST_LABEL);
  if (first && second && labels.size() < MOST_LABELS)
    labels.emplace_back(std::move(*first), std::move(*second));
}

void read_slice(const GoRuntime& runtime, Address slice, GoLabels& labels) {
  const auto start = runtime.memory().read_address(slice);
  const auto size = runtime.memory().read<std::uint64_t>(slice + 8);
  if (!start || !size || *size > MOST_LABELS) return;
  for (std::uint64_t i = 0; i < *size; ++i) add(runtime, *start + i * 32, *start + i * 32 + 16, labels);
}

void read_buckets(const GoRuntime& runtime, Address buckets, std::uint64_t count, GoLabels& labels) {
  constexpr std::uint64_t BUCKET_SIZE = 272, KEYS = 8, VALUES = 136, OVERFLOW_BUCKET = 264;
  constexpr std::uint8_t LOWEST_HASH = 5;  // below: empty, or moved to the new buckets
  std::size_t visited = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    for (Address at = buckets + i * BUCKET_SIZE; at && visited < MOST_LABELS; ++visited) {
      std::array<std::uint8_t, 8> hashes{};
      if (!runtime.memory().copy(at, hashes)) break;
      for (std::uint64_t slot = 0; slot < hashes.size(); ++slot) {
        if (hashes[slot] >= LOWEST_HASH) add(runtime, at + KEYS + slot * 16, at + VALUES + slot * 16, labels);
      }
      at = runtime.memory().read_address(at + OVERFLOW_BUCKET).value_or(Address());
    }
  }
}

void read_map(const GoRuntime& runtime, Address map, GoLabels& labels) {
  const MemoryView& memory = runtime.memory();
  const auto count = memory.read<std::uint64_t>(map);
  const auto power = memory.read<std::uint8_t>(map + 9);
  if (!count || !power || *count > MOST_LABELS || *power > 12) return;
  const auto buckets = memory.read_address(map + 16), old_buckets = memory.read_address(map + 24);
  if (buckets && *buckets) read_buckets(runtime, *buckets, std::uint64_t{1} << *power, labels);
  // A map that grows keeps what it has not moved yet.
  if (old_buckets && *old_buckets && *power > 0)
    read_buckets(runtime, *old_buckets, std::uint64_t{1} << (*power - 1), labels);
}

}  // namespace

GoLabels read_labels(const GoRuntime& runtime, Address address) {
  GoLabels labels;
  if (!address) return labels;
  if (runtime.version().minor >= FIRST_WITH_SLICE) {
    read_slice(runtime, address, labels);
  } else if (const auto map = runtime.memory().read_address(address); map && *map) {
    read_map(runtime, *map, labels);
  }
  std::ranges::sort(labels);
  return labels;
}

}  // namespace standstill

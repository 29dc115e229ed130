#include "heapwalk/gperftools_heap.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace standstill::gperftools {

namespace {

constexpr std::size_t MOST_SAMPLES = 1 << 22;

bool is_pointer(std::uint64_t word) { return word >= 4096 && word % 8 == 0 && word >> 47 == 0; }

// `words` holds size, depth and the frames of a StackTrace.
std::optional<HeapSample> read_trace(const Snapshot& snapshot, Address address,
                                     Address* last_slot = nullptr) {
  std::array<std::uint64_t, 2 + STACK_DEPTH> words;
  if (!snapshot.memory.copy(address, {reinterpret_cast<std::uint8_t*>(words.data()), sizeof(words)}))
    return std::nullopt;
  if (words[1] > STACK_DEPTH || words[0] >> 47 != 0) return std::nullopt;
  HeapSample sample;
  for (std::uint64_t i = 0; i < words[1]; ++i) sample.stack.emplace_back(words[2 + i]);
  sample.live = sample.total = {1, static_cast<std::int64_t>(words[0])};
  if (last_slot != nullptr) *last_slot = Address(words.back());
  return sample;
}

std::optional<std::vector<HeapSample>> read_sample_list(const Snapshot& snapshot, Address head,
                                                        Address first) {
  std::vector<HeapSample> samples;
  Address before = head;
  for (Address at = first; at != head;) {
    const auto span = read_span(snapshot.memory, at);
    if (!span || !span->is_sample || span->previous != before || samples.size() > MOST_SAMPLES)
      return std::nullopt;
    auto sample = read_trace(snapshot, span->objects);
    if (!sample) return std::nullopt;
    samples.push_back(std::move(*sample));
    before = at;
    at = span->next;
  }
  // GetHeapSample puts each into a list from the front, and prints that.
  std::ranges::reverse(samples);
  return samples;
}

bool is_growth(const Snapshot& snapshot, const HeapSample& sample) {
  return sample.live.bytes > 0 && sample.live.bytes % 4096 == 0 && !sample.stack.empty() &&
         sample.stack.size() < STACK_DEPTH &&
         std::ranges::all_of(sample.stack, [&](Address pc) { return snapshot.is_executable(pc - 1); });
}

std::vector<HeapSample> read_growth_list(const Snapshot& snapshot, Address first) {
  std::vector<HeapSample> samples;
  std::unordered_set<Address> seen;
  for (Address at = first, next; at; at = next) {
    auto sample =
        at.value() % 8 == 0 && seen.insert(at).second ? read_trace(snapshot, at, &next) : std::nullopt;
    if (!sample || !is_growth(snapshot, *sample)) return {};
    samples.push_back(std::move(*sample));
  }
  return samples;
}

}  // namespace

std::optional<Span> read_span(const MemoryView& memory, Address address) {
  std::array<std::uint64_t, 6> words;
  if (address.value() % 8 != 0 ||
      !memory.copy(address, {reinterpret_cast<std::uint8_t*>(words.data()), sizeof(words)}))
    return std::nullopt;
  Span span;
  span.start = words[0];
  span.length = words[1];
  span.next = Address(words[2]);
  span.previous = Address(words[3]);
  span.objects = Address(words[4]);
  span.refcount = words[5] & 0xffff;
  span.size_class = words[5] >> 16 & 0xff;
  span.location = words[5] >> 24 & 3;
  span.is_sample = (words[5] >> 26 & 1) != 0;
  return span;
}

std::optional<std::vector<HeapSample>> read_samples(const Snapshot& snapshot,
                                                    const std::vector<DataWords>& data) {
  for (const DataWords& segment : data)
    for (std::size_t i = 0; i + 5 < segment.words.size(); ++i) {
      const Address head = segment.address_of(i);
      const Address first(segment.words[i + 2]);
      if (first == head || !is_pointer(first.value()) || !is_pointer(segment.words[i + 3])) continue;
      const auto span = read_span(snapshot.memory, first);
      if (!span || !span->is_sample || span->previous != head) continue;
      if (auto samples = read_sample_list(snapshot, head, first)) return samples;
    }
  return std::nullopt;
}

std::optional<std::vector<HeapSample>> read_growth(const Snapshot& snapshot,
                                                   const std::vector<DataWords>& data) {
  std::vector<HeapSample> longest;
  for (const DataWords& segment : data)
    for (const std::uint64_t word : segment.words) {
      if (!is_pointer(word) || segment.contains(Address(word))) continue;
      const auto first = read_trace(snapshot, Address(word));
      if (!first || !is_growth(snapshot, *first)) continue;
      std::vector<HeapSample> samples = read_growth_list(snapshot, Address(word));
      if (samples.size() > longest.size()) longest = std::move(samples);
    }
  if (longest.empty()) return std::nullopt;
  return longest;
}

}  // namespace standstill::gperftools

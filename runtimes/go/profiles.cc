#include "runtimes/go/profiles.h"

#include "base/quoted.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::int64_t USUAL_MEMORY_RATE = 512 * 1024;  // mprof.go: MemProfileRate
constexpr std::size_t CREATION_DEPTH = 32;              // struct m: createstack

struct Counts {
  std::int64_t objects, bytes;
};

// How many allocations stand behind those that were sampled, when each byte is chosen with probability
// 1/rate.
Counts unsampled(const Counts& counts, std::int64_t rate) {
  if (counts.objects == 0 || counts.bytes == 0) return {0, 0};
  if (rate <= 1) return counts;
  const double mean = static_cast<double>(counts.bytes) / static_cast<double>(counts.objects);
  const double factor = 1 / (1 - std::exp(-mean / static_cast<double>(rate)));
  const auto scaled = [&](std::int64_t count) {
    const double value = static_cast<double>(count) * factor;
    return std::abs(value) < 0x1p63 ? static_cast<std::int64_t>(value) : 0;
  };
  return {scaled(counts.objects), scaled(counts.bytes)};
}

// The stack without the functions of the runtime that it begins with; whole where there are no others.
std::vector<Address> below_runtime(const GoRuntime& runtime, const GoFrames& frames,
                                   const std::vector<Address>& stack) {
  const bool hides_internal = runtime.version().minor >= 24;
  const auto is_runtimes = [&](Address address) {
    const std::string_view name = frames.function_at(address);
    return name.starts_with("runtime.") || (hides_internal && name.starts_with("internal/runtime/"));
  };
  const auto first = std::ranges::find_if_not(stack, is_runtimes);
  return first == stack.end() ? stack : std::vector<Address>(first, stack.end());
}

// Up to Go 1.22 a record ends where its stack has a 0.
std::vector<Address> recorded_stack(const GoRuntime& runtime, std::vector<Address> stack, std::size_t limit) {
  if (runtime.version().minor >= 23) return stack;
  if (stack.size() > limit) stack.resize(limit);
  stack.erase(std::ranges::find(stack, Address()), stack.end());
  return stack;
}

template <class Key>
std::vector<std::uint32_t> ordered_by(const std::vector<GoProfileSample>& samples, Key key) {
  std::vector<std::uint32_t> order(samples.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::less{}, [&](std::uint32_t index) { return key(samples[index]); });
  return order;
}

}  // namespace

std::size_t profile_depth(const GoRuntime& runtime) { return runtime.version().minor >= 23 ? 128 : 32; }

GoProfile heap_profile(const GoRuntime& runtime, const GoFrames& frames, std::string_view name) {
  GoProfile profile;
  profile.name = name;
  profile.types = {{"alloc_objects", "count"},
                   {"alloc_space", "bytes"},
                   {"inuse_objects", "count"},
                   {"inuse_space", "bytes"}};
  profile.default_type = name == "allocs" ? "alloc_space" : "";
  profile.period_type = {"space", "bytes"};
  const GoSampling sampling = read_sampling(runtime);
  GoProfileBuckets buckets = read_profile_buckets(runtime);
  profile.notes = std::move(buckets.notes);
  if (!sampling.memory_rate)
    profile.notes.push_back(
        {Severity::WARNING,
         fmt::format("runtime.MemProfileRate was not found: {} bytes, the usual rate, are taken for it",
                     USUAL_MEMORY_RATE),
         {}});
  profile.period = sampling.memory_rate.value_or(USUAL_MEMORY_RATE);
  if (buckets.memory.empty() && (profile.period <= 0 || !sampling.can_tell_memory)) {
    profile.missing =
        sampling.can_tell_memory
            ? "runtime.MemProfileRate is 0 in this process: it sampled no allocations"
            : "nothing in this program can ask for a heap profile, so Go's linker switched sampling off";
    return profile;
  }
  for (GoMemoryBucket& bucket : buckets.memory) {
    GoProfileSample& sample = profile.samples.emplace_back();
    const Counts total{bucket.allocated_objects, bucket.allocated_bytes};
    const Counts live{bucket.allocated_objects - bucket.freed_objects,
                      bucket.allocated_bytes - bucket.freed_bytes};
    const Counts all_total = unsampled(total, profile.period), all_live = unsampled(live, profile.period);
    sample.recorded = {live.objects, live.bytes, total.objects, total.bytes};
    sample.values = {all_total.objects, all_total.bytes, all_live.objects, all_live.bytes};
    if (runtime.version().minor >= 27)
      sample.object_bytes = bucket.object_bytes;
    else
      sample.object_bytes = total.objects > 0 ? total.bytes / total.objects : 0;
    sample.stack = recorded_stack(runtime, std::move(bucket.stack), 32);
    sample.location_stack = below_runtime(runtime, frames, sample.stack);
  }
  // Most bytes in use first; from Go 1.23 on the other way round.
  const std::int64_t direction = runtime.version().minor >= 23 ? 1 : -1;
  profile.text_order = ordered_by(
      profile.samples, [&](const GoProfileSample& sample) { return direction * sample.recorded[1]; });
  return profile;
}

GoProfile contention_profile(const GoRuntime& runtime, const GoFrames& frames, std::string_view name) {
  GoProfile profile;
  profile.name = name;
  profile.period_type = {"contentions", "count"};
  profile.period = 1;
  const bool is_mutex = name == "mutex";
  const GoSampling sampling = read_sampling(runtime);
  GoProfileBuckets buckets = read_profile_buckets(runtime);
  profile.notes = std::move(buckets.notes);
  profile.cycles_per_second = sampling.cycles_per_second.value_or(0);
  profile.mutex_fraction = sampling.mutex_fraction.value_or(0);
  profile.types = {{"contentions", "count"},
                   {"delay", profile.cycles_per_second == 0 ? "cycles" : "nanoseconds"}};
  if (profile.cycles_per_second == 0 && !(is_mutex ? buckets.mutex : buckets.block).empty())
    profile.notes.push_back(
        {Severity::INFO,
         "this process never measured how fast its time stamp counter runs: delays are in its cycles",
         {}});
  const double cycles_per_nanosecond =
      profile.cycles_per_second == 0 ? 1 : static_cast<double>(profile.cycles_per_second) / 1e9;
  // Up to Go 1.20 the mutex profile was multiplied by what was left out when it was written, not when it was
  // recorded.
  const std::int64_t period = is_mutex && runtime.version().minor <= 20 ? profile.mutex_fraction : 1;
  for (GoContentionBucket& bucket : is_mutex ? buckets.mutex : buckets.block) {
    GoProfileSample& sample = profile.samples.emplace_back();
    const std::int64_t count = bucket.count == 0 && !is_mutex ? 1 : bucket.count;
    sample.recorded = {bucket.cycles, count};
    const double delay =
        static_cast<double>(bucket.cycles) / cycles_per_nanosecond * static_cast<double>(period);
    sample.values = {count * period, std::abs(delay) < 0x1p63 ? static_cast<std::int64_t>(delay) : 0};
    sample.stack = recorded_stack(runtime, std::move(bucket.stack), 32);
    // What frame pointers gave is unfolded first.
    if (runtime.version().minor >= 23)
      sample.stack = frames.with_inlined_calls(sample.stack, profile_depth(runtime));
    sample.location_stack = sample.stack;
  }
  const std::vector<std::uint32_t> order =
      ordered_by(profile.samples, [](const GoProfileSample& sample) { return -sample.recorded[0]; });
  std::vector<GoProfileSample> sorted;
  for (const std::uint32_t index : order) sorted.push_back(std::move(profile.samples[index]));
  profile.samples = std::move(sorted);
  profile.text_order.resize(profile.samples.size());
  std::iota(profile.text_order.begin(), profile.text_order.end(), 0);
  return profile;
}

GoProfile thread_creation_profile(const GoScheduler& scheduler) {
  const GoRuntime& runtime = scheduler.runtime();
  std::vector<GoCountedStack> stacks;
  for (const Machine& machine : scheduler.machines()) {
    std::array<std::uint64_t, CREATION_DEPTH> words{};
    runtime.memory().copy(machine.address + runtime.layout().m.createstack,
                          {reinterpret_cast<std::uint8_t*>(words.data()), sizeof words});
    GoCountedStack& entry = stacks.emplace_back();
    for (const std::uint64_t word : words) entry.stack.emplace_back(word);
    entry.stack = recorded_stack(runtime, std::move(entry.stack), CREATION_DEPTH);
  }
  return count_profile("threadcreate", std::move(stacks));
}

std::string labels_text(const GoLabels& labels) {
  std::string out = "{";
  for (const auto& [key, value] : labels) {
    if (out.size() > 1) out += ", ";
    out += go_quoted(key) + ":" + go_quoted(value);
  }
  return out += "}";
}

GoProfile count_profile(std::string_view name, std::vector<GoCountedStack> stacks) {
  GoProfile profile;
  profile.name = name;
  profile.types = {{profile.name, "count"}};
  profile.period_type = profile.types.front();
  profile.period = 1;
  // The text of a sample without its count: what the runtime tells samples apart by, and sorts by.
  std::map<std::string, GoCountedStack> by_text;
  for (GoCountedStack& one : stacks) {
    std::string text = "@";
    for (const Address address : one.stack)
      fmt::format_to(std::back_inserter(text), " {:#x}", address.value());
    if (!one.labels.empty()) text += "\n# labels: " + labels_text(one.labels);
    const auto [entry, is_new] = by_text.try_emplace(std::move(text), std::move(one));
    if (!is_new) entry->second.count += one.count;
  }
  for (auto& [text, one] : by_text) {
    GoProfileSample& sample = profile.samples.emplace_back();
    sample.recorded = sample.values = {one.count};
    sample.stack = std::move(one.stack);
    sample.location_stack = sample.stack;
    sample.labels = std::move(one.labels);
  }
  std::ranges::stable_sort(profile.samples, std::greater{},
                           [](const GoProfileSample& sample) { return sample.values[0]; });
  profile.text_order.resize(profile.samples.size());
  std::iota(profile.text_order.begin(), profile.text_order.end(), 0);
  return profile;
}

}  // namespace standstill

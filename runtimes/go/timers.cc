#include "runtimes/go/timers.h"

#include <cstdint>
#include <vector>

namespace standstill {

namespace {

constexpr std::uint64_t MOST_PROCESSORS = 1u << 16, MOST_TIMERS = 10'000'000;

// Out of the DWARF of programs that each version built.
struct Layout {
  int minor;
  std::uint64_t timers;    // in struct p: the slice
  std::uint64_t stride;    // of its elements, which begin with the timer's address
  std::uint64_t function;  // in struct timer
};
constexpr Layout LAYOUTS[] = {
    {19, 8840, 8, 24},  {21, 8840, 8, 24},  {22, 8872, 8, 24},   {23, 8848, 16, 32},
    {24, 8848, 16, 32}, {25, 9400, 16, 40}, {26, 13680, 16, 40}, {27, 13680, 16, 40},
};

struct Slice {
  std::uint64_t start = 0, size = 0, capacity = 0;
};

// runtime.allp: processors are numbered by their first field.
std::vector<Address> read_processors(const GoRuntime& runtime) {
  const MemoryView& memory = runtime.memory();
  std::vector<Address> best;
  for (const Address variable : runtime.references({"runtime.procresize", "runtime.retake"})) {
    const auto slice = memory.read<Slice>(variable);
    if (!slice || slice->size == 0 || slice->size > slice->capacity || slice->capacity > MOST_PROCESSORS)
      continue;
    std::vector<Address> processors;
    for (std::uint64_t i = 0; i < slice->size; ++i) {
      const auto processor = memory.read_address(Address(slice->start) + i * 8);
      const auto number =
          processor && *processor ? memory.read<std::int32_t>(*processor) : std::optional<std::int32_t>();
      if (!number || static_cast<std::uint64_t>(*number) != i) break;
      processors.push_back(*processor);
    }
    if (processors.size() == slice->size && processors.size() > best.size()) best = std::move(processors);
  }
  return best;
}

bool is_of_runtime(const GoRuntime& runtime, Address timer, const Layout& layout) {
  const auto closure = runtime.memory().read_address(timer + layout.function);
  const auto code = closure && *closure ? runtime.memory().read_address(*closure) : std::optional<Address>();
  const auto place = code ? runtime.find_function(*code) : std::optional<GoPlace>();
  return place && place->function.name.starts_with("runtime.") &&
         place->function.name != "runtime.goroutineReady";
}

}  // namespace

std::optional<std::size_t> count_timers(const GoRuntime& runtime) {
  const MemoryView& memory = runtime.memory();
  const Layout* layout = nullptr;
  for (const Layout& candidate : LAYOUTS)
    if (candidate.minor == runtime.version().minor) layout = &candidate;
  const std::vector<Address> processors = read_processors(runtime);
  if (layout == nullptr || processors.empty()) return std::nullopt;
  std::size_t count = 0;
  for (const Address processor : processors) {
    const auto slice = memory.read<Slice>(processor + layout->timers);
    if (!slice || slice->size > slice->capacity || slice->capacity > MOST_TIMERS) return std::nullopt;
    for (std::uint64_t i = 0; i < slice->size; ++i) {
      const auto timer = memory.read_address(Address(slice->start) + i * layout->stride);
      if (!timer) return std::nullopt;
      count += *timer && !is_of_runtime(runtime, *timer, *layout);
    }
  }
  return count;
}

}  // namespace standstill

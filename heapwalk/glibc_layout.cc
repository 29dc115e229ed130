#include "heapwalk/glibc_layout.h"

#include <algorithm>
#include <set>

namespace standstill::glibc {

namespace {

constexpr unsigned ENOUGH_BINS = 120;  // of 127: the others may have been overwritten

constexpr std::array<ArenaLayout, 2> LAYOUTS = {{
    {"2.27 to 2.42", 16, 96, 112},
    {"2.43", 0, 8, 24},
}};

bool is_bin_sound(const Snapshot& snapshot, const DataWords& data, Address head) {
  const Address self = head - 16;
  const Address forward(data.at(head)), backward(data.at(head + 8));
  if (forward == self && backward == self) return true;
  if (forward == self || backward == self) return false;
  return snapshot.memory.read_address(forward + 24) == self &&
         snapshot.memory.read_address(backward + 16) == self;
}

unsigned count_sound_bins(const Snapshot& snapshot, const DataWords& data, Address first) {
  unsigned sound = 0;
  for (unsigned bin = 0; bin < BIN_COUNT; ++bin) {
    if (is_bin_sound(snapshot, data, first + 16 * bin)) ++sound;
    if (bin + 1 - sound > BIN_COUNT - ENOUGH_BINS) return 0;
  }
  return sound;
}

// Each layout expects pointers at other places; the right one finds them.
unsigned score(const Snapshot& snapshot, const DataWords& data, Address arena, const ArenaLayout& layout) {
  if (!data.contains(arena) || !data.contains(arena + layout.size() - 8)) return 0;
  unsigned points = 0;
  const Address top(data.at(arena + layout.top));
  const auto top_size = snapshot.memory.read<std::uint64_t>(top + 8);
  if (top == bin_as_chunk(arena, layout, 0))
    points += 2;  // nothing was allocated yet
  else if (top.value() % 16 == 0 && top_size && *top_size >= SMALLEST_CHUNK)
    points += 2;
  // The ring of arenas leads back to where this one begins. Seen from the bins all layouts are alike, so this
  // alone tells them apart; it counts only half where it is broken.
  Address next(data.at(arena + layout.next()));
  if (next && next != arena) points += 1;
  for (unsigned steps = 0; next && steps < 4096; ++steps) {
    if (next == arena) {
      points += 4;
      break;
    }
    next = snapshot.memory.read_address(next + layout.next()).value_or(Address());
  }
  const std::uint64_t system = data.at(arena + layout.system_mem());
  if (system <= data.at(arena + layout.max_system_mem()) && system < (1ull << 46)) points += 1;
  if (data.at(arena) >> 32 < 16 && (data.at(arena) & 0xffffffff) <= 2) points += 1;  // flags, mutex
  return points;
}

}  // namespace

std::span<const ArenaLayout> arena_layouts() { return LAYOUTS; }

std::optional<MainArena> find_main_arena(const Snapshot& snapshot, const std::vector<DataWords>& data) {
  std::optional<MainArena> best;
  unsigned most_bins = 0;
  for (const DataWords& segment : data) {
    // Heads of empty bins point 16 bytes before themselves, twice.
    std::set<Address> tried;
    for (std::size_t i = 0; i + 1 < segment.words.size(); ++i) {
      const Address head = segment.address_of(i);
      if (segment.words[i] != (head - 16).value() || segment.words[i + 1] != segment.words[i]) continue;
      // It may be any of the 127: its neighbours tell where the row begins.
      for (unsigned before = 0; before < BIN_COUNT; ++before) {
        const Address first = head - 16 * before;
        if (!segment.contains(first) || !tried.insert(first).second) continue;
        const unsigned sound = count_sound_bins(snapshot, segment, first);
        if (sound <= most_bins) continue;
        const auto layout = std::ranges::max_element(LAYOUTS, {}, [&](const ArenaLayout& one) {
          return score(snapshot, segment, first - one.bins, one);
        });
        if (score(snapshot, segment, first - layout->bins, *layout) < 4) continue;
        most_bins = sound;
        best = MainArena{first - layout->bins, layout};
      }
    }
  }
  return best;
}

std::optional<Parameters> find_parameters(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                          Address main_top) {
  // glibc malloc/malloc.c, struct malloc_par: what stands before and behind sbrk_base.
  //     2.27..2.34   n_mmaps -32, n_mmaps_max -28, max_n_mmaps -24, no_dyn_threshold -20
  //     2.35..2.43   n_mmaps -36, n_mmaps_max -32, max_n_mmaps -28, no_dyn_threshold -24
  //     all          mmapped_mem -16, max_mmapped_mem -8, tcache_bins +8, tcache_max_bytes +16, tcache_count
  //     +24
  struct Variant {
    std::uint64_t count, limit, most;
  };
  constexpr std::array<Variant, 2> VARIANTS = {{{36, 32, 28}, {32, 28, 24}}};
  std::optional<Parameters> best;
  int most_points = 0;
  for (const DataWords& segment : data) {
    for (std::size_t i = 5; i + 3 < segment.words.size(); ++i) {
      const Address base(segment.words[i]);
      if (!base || segment.words[i + 2] < 16 || segment.words[i + 2] >> 47 != 0) continue;
      const Address at = segment.address_of(i);
      const std::uint64_t mapped = segment.words[i - 2], most_mapped = segment.words[i - 1];
      if (mapped > most_mapped || most_mapped >> 47 != 0) continue;
      const auto half = [&](std::uint64_t before) {
        const std::uint64_t word = segment.at(Address((at - before).value() & ~std::uint64_t{7}));
        return (at - before).value() % 8 == 0 ? word & 0xffffffff : word >> 32;
      };
      for (const Variant& variant : VARIANTS) {
        const std::uint64_t count = half(variant.count), limit = half(variant.limit),
                            most = half(variant.most);
        if (count > most || (count == 0) != (mapped == 0) || (limit != 0 && most > limit)) continue;
        const auto* heap = snapshot.ranges.find(base);
        if (heap == nullptr || segment.contains(base)) continue;
        int points = 0;
        if (limit == 65536) points += 4;  // the default
        if (heap->start <= main_top && base <= main_top && main_top < heap->end) points += 2;
        if (segment.words[i + 1] >= 1 && segment.words[i + 1] <= 76) points += 2;
        if (segment.words[i + 1] == 64) points += 1;
        if (base - heap->start < 16) points += 2;
        if (points <= most_points) continue;
        most_points = points;
        best = Parameters{at, base, count, mapped, segment.words[i + 3] <= 65535 ? segment.words[i + 3] : 0};
      }
    }
  }
  return most_points >= 6 ? best : std::nullopt;
}

std::string version_of(const Snapshot& snapshot, const Module& module) {
  // csu/version.c: "GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36."
  std::string found = find_text_in_module(snapshot, module, "release version ");
  std::size_t end = 0;
  while (end < found.size() && (found[end] == '.' || (found[end] >= '0' && found[end] <= '9'))) ++end;
  found.resize(end);
  while (!found.empty() && found.back() == '.') found.pop_back();
  return found;
}

}  // namespace standstill::glibc

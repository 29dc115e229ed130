// How long a glibc heap takes, on one core: a bare walk that touches each chunk's header and does nothing
// else (the floor), against all that `heap` does. Prints CPU seconds of both, three times, and their ratio.
//
//   heap_walk CORE
#include "coredump/open_core.h"
#include "heapwalk/allocator.h"
#include "heapwalk/glibc_arenas.h"

#include <cstdio>
#include <cstring>
#include <ctime>

#include <tbb/global_control.h>

using namespace standstill;

namespace {

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// The sum keeps the compiler from leaving the loop out.
std::uint64_t touch_headers(const Snapshot& snapshot, const glibc::Arenas& arenas, std::uint64_t& chunks) {
  std::uint64_t sum = 0;
  for (const glibc::ChunkRegion& region : arenas.regions) {
    const Bytes bytes = snapshot.memory.bytes_at(region.start);
    for (std::uint64_t at = 0; at + 16 <= bytes.size() && region.start + at < region.end;) {
      std::uint64_t field;
      std::memcpy(&field, bytes.data() + at + 8, 8);
      const std::uint64_t size = field & ~std::uint64_t{7};
      if (size < 32) break;
      sum += size;
      ++chunks;
      at += size;
    }
  }
  return sum;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  const auto snapshot = open_core(arguments[1], {});
  if (!snapshot) {
    std::fprintf(stderr, "%s\n", snapshot.error().message.c_str());
    return 1;
  }
  for (int round = 0; round < 3; ++round)
    for (const Module& module : snapshot->modules) {
      const auto data = read_module_data(*snapshot, module);
      const auto main = glibc::find_main_arena(*snapshot, data);
      if (!main) continue;
      const glibc::Arenas arenas = glibc::read_arenas(*snapshot, *main, data);
      std::uint64_t chunks = 0;
      const double start = cpu_seconds();
      const std::uint64_t bytes = touch_headers(*snapshot, arenas, chunks);
      const double floor = cpu_seconds() - start;
      const double before = cpu_seconds();
      const auto heaps = read_heaps({.snapshot = *snapshot});
      const double ours = cpu_seconds() - before;
      std::printf("chunks %lu MiB %lu floor %.3f ours %.3f ratio %.2f\n", chunks, bytes >> 20, floor, ours,
                  ours / floor);
    }
  return 0;
}

// What reading a glibc heap costs, for bench/run: each way in a process of its own, on one core.
//
//   heap_walk floor CORE     a bare walk that touches each chunk's header and does nothing else
//   heap_walk ours CORE      all that `heap` reads of the same heap
#include "coredump/cores/open_core.h"
#include "heapwalk/allocator.h"
#include "heapwalk/glibc_arenas.h"

#include <cstdio>
#include <cstring>
#include <string_view>

#include <tbb/global_control.h>

using namespace standstill;

namespace {

struct Headers {
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;  // the sum keeps the compiler from leaving the loop out
};

Headers touch_headers(const Snapshot& snapshot, const glibc::Arenas& arenas) {
  Headers seen;
  for (const glibc::ChunkRegion& region : arenas.regions) {
    const Bytes bytes = snapshot.memory.bytes_at(region.start);
    for (std::uint64_t at = 0; at + 16 <= bytes.size() && region.start + at < region.end;) {
      std::uint64_t field;
      std::memcpy(&field, bytes.data() + at + 8, 8);
      const std::uint64_t size = field & ~std::uint64_t{7};
      if (size < 32) break;
      seen.bytes += size;
      ++seen.chunks;
      at += size;
    }
  }
  return seen;
}

int walk_barely(const Snapshot& snapshot) {
  for (const Module& module : snapshot.modules) {
    if (file_name(module) != "libc.so.6") continue;
    const auto data = read_module_data(snapshot, module);
    const auto main = glibc::find_main_arena(snapshot, data);
    if (!main) continue;
    const Headers seen = touch_headers(snapshot, glibc::read_arenas(snapshot, *main, data));
    std::printf("%lu chunks, %lu MiB\n", seen.chunks, seen.bytes >> 20);
    return 0;
  }
  return 1;
}

int read_all(const Snapshot& snapshot) {
  const auto heaps = read_heaps({.snapshot = snapshot});
  for (const HeapProfile& heap : heaps)
    std::printf("%s: %lu live objects, %lu MiB\n", heap.allocator.c_str(), heap.live_objects,
                heap.live_bytes >> 20);
  return heaps.empty() ? 1 : 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  const auto snapshot = open_core(arguments[2], {});
  if (!snapshot) {
    std::fprintf(stderr, "%s\n", snapshot.error().message.c_str());
    return 1;
  }
  return std::string_view(arguments[1]) == "floor" ? walk_barely(*snapshot) : read_all(*snapshot);
}

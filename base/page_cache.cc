#include "base/page_cache.h"

#include <algorithm>

#include <sys/mman.h>

namespace standstill {
namespace {

constexpr std::uintptr_t PAGE = 4096;
constexpr std::size_t SAMPLES = 64;

struct Pages {
  void* start;
  std::size_t size;
};

Pages pages_of(Bytes bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t start = address & ~(PAGE - 1);
  return {reinterpret_cast<void*>(start), bytes.size() + (address - start)};
}

bool is_resident(Bytes bytes) {
  unsigned char state = 0;
  return ::mincore(pages_of(bytes).start, 1, &state) != 0 || (state & 1) != 0;
}

bool is_sample_resident(Bytes bytes) {
  const std::size_t stride = std::max<std::size_t>(bytes.size() / SAMPLES, 1);
  for (std::size_t at = 0; at < bytes.size(); at += stride)
    if (!is_resident(bytes.subspan(at))) return false;
  return true;
}

}  // namespace

void prefetch(std::span<const Bytes> wanted) {
  // Advice costs half a microsecond each, even for what is there.
  bool all_resident = true;
  const std::size_t stride = std::max<std::size_t>(wanted.size() / SAMPLES, 1);
  for (std::size_t i = 0; i < wanted.size() && all_resident; i += stride) {
    all_resident = wanted[i].empty() || is_resident(wanted[i]);
  }
  if (all_resident) return;
  for (const Bytes bytes : wanted) {
    if (bytes.empty()) continue;
    const Pages pages = pages_of(bytes);
    ::madvise(pages.start, pages.size, MADV_WILLNEED);
  }
}

void read_at_once(Bytes bytes) {
  // Page by page, this costs 0.2 µs; a page fault maps 16 of them, or more where they lie together.
  if (is_sample_resident(bytes)) return;
#ifdef MADV_POPULATE_READ
  constexpr int populate = MADV_POPULATE_READ;
#else
  constexpr int populate = 22;  // Linux 5.14; older headers lack it
#endif
  constexpr std::size_t window = 32 << 20;
  for (std::size_t at = 0; at < bytes.size(); at += window) {
    const Pages pages = pages_of(clipped(bytes, at, window));
    ::madvise(pages.start, pages.size, MADV_WILLNEED);
    if (::madvise(pages.start, pages.size, populate) != 0) return;
  }
}

}  // namespace standstill

#include "coredump/live/proc_numbers.h"

#include "base/descriptor.h"
#include "coredump/live/proc_text.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>

namespace standstill {

// The kernel makes up each entry as it is listed, 2 to 3 µs for a thread, and lets nobody else onto the
// processor before the buffer is full: with the 32 KiB of readdir(3) even a thread of real-time priority
// was kept waiting for 3 ms. So the buffer is small.
std::vector<int> numbers_in(int folder, std::size_t limit, ShortTurns* turns) {
  std::vector<int> numbers;
  const Descriptor directory(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return numbers;
  alignas(dirent64) std::array<char, 4096> buffer;
  constexpr std::size_t NAME = offsetof(dirent64, d_name);
  for (ssize_t got;
       numbers.size() < limit && (got = ::getdents64(directory.get(), buffer.data(), buffer.size())) > 0;) {
    for (const char* entry = buffer.data(); entry < buffer.data() + got && numbers.size() < limit;) {
      std::uint16_t size = 0;
      std::memcpy(&size, entry + offsetof(dirent64, d_reclen), sizeof size);
      if (const auto number = to_number<int>(entry + NAME)) numbers.push_back(*number);
      entry += size;
    }
    if (turns != nullptr) turns->rest_when_due();
  }
  std::ranges::sort(numbers);
  // Where the thread that comes next ends between two calls, the kernel counts, and may give one twice.
  const auto repeated = std::ranges::unique(numbers);
  numbers.erase(repeated.begin(), repeated.end());
  return numbers;
}

}  // namespace standstill

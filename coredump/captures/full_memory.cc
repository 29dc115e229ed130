#include "coredump/captures/full_memory.h"

#include <algorithm>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace standstill {
namespace {

constexpr std::uint64_t PAGE = 4096;
constexpr std::uint64_t BUFFER = 1 << 20;
constexpr std::uint64_t MOST_ENTRIES = 64 * 1024;  // pages whose state is asked for at once: 256 MB

// Documentation/admin-guide/mm/pagemap.rst: 8 bytes for each page; these bits are told to everybody who may
// trace the process.
constexpr std::uint64_t PRESENT = std::uint64_t{1} << 63, SWAPPED = std::uint64_t{1} << 62;

}  // namespace

FullMemoryReader::FullMemoryReader(const Snapshot& snapshot) : snapshot_(snapshot), buffer_(BUFFER) {
  std::vector<IntervalMap<bool>::Interval> files;
  for (const FileMapping& mapping : snapshot.file_mappings)
    files.push_back({mapping.start, mapping.end, true});
  files_ = IntervalMap<bool>(std::move(files));
  for (const Thread& thread : snapshot.threads) {  // a main thread that has ended shows no memory
    pagemap_ = Descriptor(::open(fmt::format("/proc/{}/pagemap", thread.tid).c_str(), O_RDONLY | O_CLOEXEC));
    std::uint64_t entry = 0;
    const auto at = static_cast<off_t>(thread.registers.stack_pointer().value() / PAGE * sizeof(entry));
    if (pagemap_ && ::pread(pagemap_.get(), &entry, sizeof(entry), at) == sizeof(entry) &&
        (entry & (PRESENT | SWAPPED)) != 0)
      return;
    pagemap_ = Descriptor();
  }
}

FullMemoryReader::Run FullMemoryReader::run_at(Address address, std::uint64_t most) {
  if (!pagemap_ || files_.find(address) != nullptr) return {most, true};
  entries_.resize(std::min(most, MOST_ENTRIES));
  const ssize_t size = ::pread(pagemap_.get(), entries_.data(), entries_.size() * sizeof(entries_[0]),
                               static_cast<off_t>(address.value() / PAGE * sizeof(entries_[0])));
  if (size < static_cast<ssize_t>(sizeof(entries_[0]))) return {most, true};
  const std::span<const std::uint64_t> entries(entries_.data(),
                                               static_cast<std::size_t>(size) / sizeof(entries_[0]));
  const auto is_there = [](std::uint64_t entry) { return (entry & (PRESENT | SWAPPED)) != 0; };
  const bool is_present = is_there(entries.front());
  const auto end =
      std::ranges::find_if(entries, [&](std::uint64_t entry) { return is_there(entry) != is_present; });
  return {static_cast<std::uint64_t>(end - entries.begin()), is_present};
}

CorePart FullMemoryReader::read(Address address, std::uint64_t most) {
  const Run run = run_at(address, std::max(most / PAGE, std::uint64_t{1}));
  if (!run.is_present) return {{}, std::min(run.pages * PAGE, most)};
  const std::uint64_t wanted = std::min({run.pages * PAGE, most, BUFFER});
  const LazyMemory* lazy = snapshot_.memory.lazy();
  if (lazy == nullptr) {
    const Bytes bytes = clipped(snapshot_.memory.bytes_at(address), 0, wanted);
    return bytes.empty() ? CorePart{{}, std::min(PAGE, most)} : CorePart{bytes, 0};
  }
  const std::size_t size = lazy->copy_uncached(address, std::span(buffer_).first(wanted));
  // A page that cannot be read (of a device, or beyond the end of a mapped file) stands as zeros.
  return size == 0 ? CorePart{{}, std::min(PAGE, most)} : CorePart{Bytes(buffer_).first(size), 0};
}

}  // namespace standstill

#include "coredump/live/process_memory.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

namespace standstill {
namespace {

constexpr std::uint64_t PAGE = ProcessMemory::PAGE;
constexpr std::uint64_t SLAB = 4 << 20;

std::uint64_t page_of(Address address) { return address.value() / PAGE; }
Address start_of(std::uint64_t page) { return Address(page * PAGE); }

struct Pages {
  std::uint64_t first;
  std::uint64_t end;
};

// Whole pages, in order, without overlaps.
std::vector<Pages> rounded(const std::vector<ProcessMemory::Range>& ranges) {
  std::vector<Pages> pages;
  pages.reserve(ranges.size());
  for (const auto& [start, end] : ranges)
    if (start < end) pages.push_back({page_of(start), page_of(end - 1) + 1});
  std::ranges::sort(pages, {}, &Pages::first);
  std::vector<Pages> merged;
  merged.reserve(pages.size());
  for (const Pages& next : pages) {
    if (!merged.empty() && next.first <= merged.back().end)
      merged.back().end = std::max(merged.back().end, next.end);
    else
      merged.push_back(next);
  }
  return merged;
}

}  // namespace

ProcessMemory::Arena::~Arena() {
  for (const Slab& slab : slabs_) ::munmap(slab.start, slab.size);
}

bool ProcessMemory::Arena::add_slab(std::uint64_t size, bool populate) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (populate ? MAP_POPULATE : 0);
  void* start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (start == MAP_FAILED) return false;
  slabs_.push_back({static_cast<std::uint8_t*>(start), size});
  next_ = slabs_.back().start;
  left_ = size;
  return true;
}

std::uint8_t* ProcessMemory::Arena::take(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > left_ && !add_slab(std::max(bytes, SLAB), false)) return nullptr;
  std::uint8_t* taken = next_;
  next_ += bytes;
  left_ -= bytes;
  return taken;
}

void ProcessMemory::Arena::make_room(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > left_) add_slab(std::max(bytes, SLAB), true);
}

ProcessMemory::ProcessMemory(int pid, Descriptor file, IntervalMap<std::uint32_t> ranges, std::uint64_t limit)
    : pid_(pid), file_(std::move(file)), ranges_(std::move(ranges)), limit_(limit) {}

ProcessMemory::~ProcessMemory() = default;

void ProcessMemory::make_room(std::uint64_t bytes) { arena_.make_room(std::min(bytes, limit_)); }

bool ProcessMemory::is_known(std::uint64_t page) const { return shard_of(page).pages.contains(page); }

// Adds what is about to be kept; the part of `bytes` that the limit allows, in whole pages.
std::uint64_t ProcessMemory::reserve(std::uint64_t bytes) const {
  const std::uint64_t before = kept_bytes_.fetch_add(bytes);
  if (before <= limit_ && bytes <= limit_ - before) return bytes;
  is_over_limit_ = true;
  const std::uint64_t allowed = before < limit_ ? (limit_ - before) / PAGE * PAGE : 0;
  kept_bytes_ -= bytes - allowed;
  return allowed;
}

void ProcessMemory::keep(const MemoryRun& run) {
  const std::uint64_t first = page_of(run.start);
  for (std::uint64_t page = first; page < first + run.bytes.size() / PAGE; ++page)
    shard_of(page).pages.emplace(page, Page{run});
}

// One iovec for each run of pages. A transfer ends at the first page that cannot be read, anywhere in the
// middle of an iovec; it goes on behind that page.
void ProcessMemory::read_now(std::vector<Range> ranges) {
  std::vector<MemoryRun> runs;
  for (const Pages& pages : rounded(ranges)) {
    for (std::uint64_t page = pages.first; page < pages.end;) {
      if (is_known(page) || is_out_of_reach(page)) {
        ++page;
        continue;
      }
      std::uint64_t end = page + 1;
      while (end < pages.end && !is_known(end) && !is_out_of_reach(end)) ++end;
      const std::uint64_t size = reserve((end - page) * PAGE);
      std::uint8_t* bytes = size == 0 ? nullptr : arena_.take(size);
      if (bytes == nullptr) break;
      runs.push_back({start_of(page), Bytes(bytes, size)});
      page = end;
    }
  }

  std::vector<iovec> here, there;
  std::vector<MemoryRun> done;
  done.reserve(runs.size());
  for (std::size_t next = 0; next < runs.size();) {
    here.clear();
    there.clear();
    for (std::size_t i = next; i < runs.size() && here.size() < IOV_MAX; ++i) {
      here.push_back({const_cast<std::uint8_t*>(runs[i].bytes.data()), runs[i].bytes.size()});
      there.push_back({reinterpret_cast<void*>(runs[i].start.value()), runs[i].bytes.size()});
    }
    const ssize_t got = ::process_vm_readv(pid_, here.data(), here.size(), there.data(), there.size(), 0);
    if (got < 0 && errno != EFAULT) break;  // forbidden here or gone: what is missing is read page by page
    std::uint64_t left = got < 0 ? 0 : static_cast<std::uint64_t>(got);
    const std::size_t end = next + here.size();
    for (; next < end && left >= runs[next].bytes.size(); ++next) {
      left -= runs[next].bytes.size();
      done.push_back(runs[next]);
    }
    if (next == end) continue;
    MemoryRun& broken = runs[next];
    const std::uint64_t whole = left / PAGE * PAGE;
    if (whole != 0) done.push_back({broken.start, broken.bytes.first(whole)});
    const std::uint64_t skipped = std::min(whole + PAGE, broken.bytes.size());
    kept_bytes_ -= skipped - whole;
    broken = {broken.start + skipped, broken.bytes.subspan(skipped)};
    if (broken.bytes.empty()) ++next;
  }
  for (const MemoryRun& run : done) keep(run);
}

void ProcessMemory::set_silent(std::vector<Range> ranges) {
  silent_ = std::move(ranges);
  std::ranges::sort(silent_, {}, &Range::start);
  page_map_ =
      silent_.empty()
          ? Descriptor()
          : Descriptor(::open(("/proc/" + std::to_string(pid_) + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
}

// Not at hand, and to be had from a file system that does not answer. (Linux
// Documentation/admin-guide/mm/pagemap.rst: bit 63, present; bit 62, swapped)
bool ProcessMemory::is_out_of_reach(std::uint64_t page) const {
  if (silent_.empty()) return false;
  const Address address = start_of(page);
  const auto after = std::ranges::upper_bound(silent_, address, {}, &Range::start);
  if (after == silent_.begin() || std::prev(after)->end <= address) return false;
  std::uint64_t entry = 0;
  return ::pread(page_map_.get(), &entry, sizeof(entry), static_cast<off_t>(page * sizeof(entry))) !=
             sizeof(entry) ||
         entry >> 62 == 0;
}

std::uint64_t ProcessMemory::readable_pages(std::uint64_t page, std::uint64_t most) const {
  const auto* range = ranges_.find(start_of(page));
  if (range == nullptr || (range->value & PF_R) == 0) return 0;
  const std::uint64_t count = std::min(most, page_of(range->end - 1) + 1 - page);
  for (std::uint64_t i = 0; i < count && !silent_.empty(); ++i)
    if (is_out_of_reach(page + i)) return i;
  return count;
}

// What can be read in one go. /proc/PID/mem would show us what the process itself may not read (guard pages,
// which it would have to bring into being for that); the caller has looked at the mappings.
std::size_t ProcessMemory::read_some(Address address, std::span<std::uint8_t> out) const {
  ssize_t got = -1;
  if (file_) {
    got = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(address.value()));
    if (got == 0) is_gone_ = true;  // its address space is no more
  } else {
    const iovec here{out.data(), out.size()}, there{reinterpret_cast<void*>(address.value()), out.size()};
    got = ::process_vm_readv(pid_, &here, 1, &there, 1, 0);
    if (got < 0 && errno == ESRCH) is_gone_ = true;
  }
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

// Called with the shard locked; all pages of one read-ahead group lie in the same shard.
MemoryRun ProcessMemory::fetch(std::uint64_t page, Shard& shard) const {
  const std::uint64_t group_end = (page / READ_AHEAD + 1) * READ_AHEAD;
  std::uint64_t count = 1;
  const bool follows = page % READ_AHEAD != 0 && shard.pages.contains(page - 1);
  while (follows && page + count < group_end && !shard.pages.contains(page + count)) ++count;
  count = readable_pages(page, count);
  const std::uint64_t size = reserve(count * PAGE);
  std::uint8_t* bytes = size == 0 ? nullptr : arena_.take(size);
  const std::size_t got = bytes == nullptr ? 0 : read_some(start_of(page), {bytes, size}) / PAGE * PAGE;
  kept_bytes_ -= size - got;
  const MemoryRun run{start_of(page), Bytes(bytes, got)};
  if (got == 0) return (shard.pages[page] = {}).run;
  for (std::uint64_t i = 0; i < got / PAGE; ++i) shard.pages[page + i] = {run, !is_passing_};
  return run;
}

MemoryRun ProcessMemory::run_at(Address address) const {
  const std::uint64_t page = page_of(address);
  Shard& shard = shard_of(page);
  const std::lock_guard lock(shard.mutex);
  const auto known = shard.pages.find(page);
  if (known == shard.pages.end()) return fetch(page, shard);
  if (!is_passing_) known->second.is_wanted = true;
  return known->second.run;
}

std::vector<MemoryRun> ProcessMemory::kept() const {
  std::vector<MemoryRun> runs;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [page, entry] : shard.pages) {
      const MemoryRun& run = entry.run;
      if (run.bytes.empty() || !entry.is_wanted) continue;
      runs.push_back({start_of(page), run.bytes.subspan(start_of(page) - run.start, PAGE)});
    }
  }
  std::ranges::sort(runs, {}, &MemoryRun::start);
  std::vector<MemoryRun> joined;
  for (const MemoryRun& run : runs) {
    if (!joined.empty()) {
      MemoryRun& last = joined.back();
      if (last.start + last.bytes.size() == run.start &&
          last.bytes.data() + last.bytes.size() == run.bytes.data()) {
        last.bytes = Bytes(last.bytes.data(), last.bytes.size() + PAGE);
        continue;
      }
    }
    joined.push_back(run);
  }
  return joined;
}

std::size_t ProcessMemory::copy_uncached(Address address, std::span<std::uint8_t> out) const {
  std::size_t copied = 0;
  while (copied < out.size()) {
    const Address at = address + copied;
    const std::uint64_t page = page_of(at), in_page = at.value() % PAGE;
    Shard& shard = shard_of(page);
    MemoryRun run;
    {
      const std::lock_guard lock(shard.mutex);
      if (const auto known = shard.pages.find(page); known != shard.pages.end()) run = known->second.run;
    }
    const std::span<std::uint8_t> rest = out.subspan(copied);
    if (!run.bytes.empty()) {
      const Bytes bytes = clipped(run.bytes, at - run.start, rest.size());
      std::memcpy(rest.data(), bytes.data(), bytes.size());
      copied += bytes.size();
      continue;
    }
    // Up to the next page that is kept already, which must be given as it was.
    constexpr std::uint64_t MOST = 256;
    std::uint64_t count = readable_pages(page, std::min(MOST, (in_page + rest.size() + PAGE - 1) / PAGE));
    for (std::uint64_t i = 1; i < count; ++i) {
      Shard& other = shard_of(page + i);
      const std::lock_guard lock(other.mutex);
      const auto known = other.pages.find(page + i);
      if (known != other.pages.end() && !known->second.run.bytes.empty()) count = i;
    }
    if (count == 0) break;
    const std::size_t got =
        read_some(at, rest.first(std::min<std::size_t>(rest.size(), count * PAGE - in_page)));
    if (got == 0) break;
    copied += got;
  }
  return copied;
}

std::vector<Note> ProcessMemory::notes() const {
  std::vector<Note> notes;
  if (is_gone_) {
    notes.push_back({Severity::WARNING,
                     "the process ended, or started another program, while it was looked at: part of its "
                     "memory could not be read any more",
                     ""});
  }
  if (is_over_limit_) {
    notes.push_back({Severity::WARNING,
                     fmt::format("more than {} MB of its memory were asked for; the rest was not looked at",
                                 limit_ >> 20),
                     ""});
  }
  return notes;
}

}  // namespace standstill

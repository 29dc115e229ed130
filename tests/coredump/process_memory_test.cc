// The memory of a child that the test made, and so knows byte by byte.
#include "coredump/live/process_memory.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace standstill;

namespace {

constexpr std::uint64_t PAGE = ProcessMemory::PAGE;

// A copy of this process that has 12 pages at pages(), page N filled with N + 1, pages 4 and 9 not readable.
// Told "next", it adds 100 to each byte of the first four pages.
class Child {
 public:
  Child() {
    pages_ = static_cast<std::uint8_t*>(
        ::mmap(nullptr, 12 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (int i = 0; i < 12; ++i) std::memset(pages_ + i * PAGE, i + 1, PAGE);
    REQUIRE(::pipe(to_) == 0);
    REQUIRE(::pipe(from_) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::mprotect(pages_ + 4 * PAGE, PAGE, PROT_NONE);
      ::mprotect(pages_ + 9 * PAGE, PAGE, PROT_NONE);
      char word = 0;
      while (::write(from_[1], "r", 1) == 1 && ::read(to_[0], &word, 1) == 1 && word == 'n')
        for (std::uint64_t i = 0; i < 4 * PAGE; ++i) pages_[i] = static_cast<std::uint8_t>(pages_[i] + 100);
      ::_exit(0);
    }
    wait_until_ready();
  }
  ~Child() {
    end();
    ::munmap(pages_, 12 * PAGE);
    for (const int descriptor : {to_[0], to_[1], from_[0], from_[1]}) ::close(descriptor);
  }

  void next() {
    REQUIRE(::write(to_[1], "n", 1) == 1);
    wait_until_ready();
  }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  Address page(std::uint64_t number) const {
    return Address(reinterpret_cast<std::uint64_t>(pages_) + number * PAGE);
  }
  std::unique_ptr<ProcessMemory> memory(std::uint64_t limit = 1 << 20, bool with_file = true) const {
    std::vector<IntervalMap<std::uint32_t>::Interval> ranges;
    for (std::uint64_t i = 0; i < 12; ++i)
      ranges.push_back({page(i), page(i + 1), i == 4 || i == 9 ? 0u : PF_R});
    const std::string path = "/proc/" + std::to_string(pid_) + "/mem";
    return std::make_unique<ProcessMemory>(
        pid_, with_file ? Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) : Descriptor(),
        IntervalMap<std::uint32_t>(std::move(ranges)), limit);
  }

 private:
  void wait_until_ready() const {
    char word = 0;
    REQUIRE(::read(from_[0], &word, 1) == 1);
  }

  std::uint8_t* pages_ = nullptr;
  int to_[2], from_[2];
  pid_t pid_ = -1;
};

bool is_filled(Bytes bytes, int value) {
  return std::ranges::all_of(bytes, [&](std::uint8_t byte) { return byte == value; });
}

std::uint64_t kept_bytes(const ProcessMemory& memory) {
  std::uint64_t bytes = 0;
  for (const MemoryRun& run : memory.kept()) bytes += run.bytes.size();
  return bytes;
}

}  // namespace

TEST_CASE("A page is read when it is asked for, and stays as it was then") {
  for (const bool with_file : {true, false}) {
    Child child;
    const auto memory = child.memory(1 << 20, with_file);
    CHECK(memory->kept().empty());
    const Bytes before = memory->bytes_at(child.page(1) + 8);
    REQUIRE(before.size() == PAGE - 8);
    CHECK(is_filled(before, 2));
    child.next();
    CHECK(is_filled(before, 2));
    CHECK(memory->bytes_at(child.page(1)).data() == before.data() - 8);
    CHECK(is_filled(memory->bytes_at(child.page(0)), 101));  // not asked for before
    CHECK(memory->notes().empty());
  }
}

TEST_CASE("Pages read at once come together, across pages that cannot be read") {
  Child child;
  const auto memory = child.memory();
  memory->make_room(8 * PAGE);
  memory->read_now({{child.page(2) + 100, child.page(7) + 1},
                    {child.page(8), child.page(12)},
                    {child.page(3), child.page(3)}});
  child.next();
  CHECK(is_filled(memory->bytes_at(child.page(2)).first(PAGE), 3));
  CHECK(is_filled(memory->bytes_at(child.page(3)), 4));
  CHECK(memory->bytes_at(child.page(4)).empty());
  for (const int page : {5, 6, 7, 8, 10, 11})
    CHECK(is_filled(memory->bytes_at(child.page(page)).first(PAGE), page + 1));
  CHECK(memory->bytes_at(child.page(9)).empty());
  CHECK(kept_bytes(*memory) == 8 * PAGE);
}

TEST_CASE("The kept runs are in order and hold each page once") {
  Child child;
  const auto memory = child.memory();
  memory->read_now(
      {{child.page(10), child.page(12)}, {child.page(0), child.page(2)}, {child.page(1), child.page(3)}});
  (void)memory->bytes_at(child.page(6));
  const auto kept = memory->kept();
  REQUIRE(kept.size() == 3);
  CHECK(kept[0].start == child.page(0));
  CHECK(kept[0].bytes.size() == 3 * PAGE);
  CHECK(kept[1].start == child.page(6));
  CHECK(kept[2].start == child.page(10));
}

TEST_CASE("What is read in passing is kept, and told of once it is asked for again") {
  Child child;
  const auto memory = child.memory();
  (void)memory->bytes_at(child.page(0));
  {
    const PassingReads passing(memory.get());
    for (const std::uint64_t page : {0, 2, 6}) (void)memory->bytes_at(child.page(page));
  }
  CHECK(kept_bytes(*memory) == PAGE);
  child.next();
  CHECK(is_filled(memory->bytes_at(child.page(2)).first(PAGE), 3));  // as it was then
  const auto kept = memory->kept();
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].start == child.page(0));
  CHECK(kept[1].start == child.page(2));
}

TEST_CASE("What is copied without being kept is of now, save where a page was kept") {
  Child child;
  const auto memory = child.memory();
  (void)memory->bytes_at(child.page(1));
  child.next();
  std::vector<std::uint8_t> copy(4 * PAGE);
  CHECK(memory->copy_uncached(child.page(0) + 16, copy) == 4 * PAGE - 16);  // up to the guard page
  CHECK(is_filled(Bytes(copy).first(PAGE - 16), 101));
  CHECK(is_filled(Bytes(copy).subspan(PAGE - 16, PAGE), 2));
  CHECK(is_filled(Bytes(copy).subspan(2 * PAGE - 16, PAGE), 103));
  CHECK(kept_bytes(*memory) == PAGE);
}

TEST_CASE("Of a silent file system's mappings only pages are read that are at hand") {
  constexpr int PAGES = 8;  // of which only the first and the last are touched
  auto* const pages = static_cast<std::uint8_t*>(
      ::mmap(nullptr, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(pages != MAP_FAILED);
  ::madvise(pages, PAGES * PAGE, MADV_NOHUGEPAGE);
  pages[0] = pages[(PAGES - 1) * PAGE] = 7;
  const auto address = [&](int page) {
    return Address(reinterpret_cast<std::uint64_t>(pages) + page * PAGE);
  };
  const auto memory = [&] {
    return std::make_unique<ProcessMemory>(
        ::getpid(), Descriptor(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)),
        IntervalMap<std::uint32_t>({{address(0), address(PAGES), PF_R | PF_W}}), 1 << 20);
  };
  const auto careful = memory();
  careful->set_silent({{address(0), address(4)}, {address(6), address(PAGES)}});
  careful->read_now({{address(0), address(3)}});
  CHECK(kept_bytes(*careful) == PAGE);
  CHECK(careful->bytes_at(address(0)).size() >= PAGE);
  CHECK(careful->bytes_at(address(1)).empty());
  CHECK_FALSE(careful->bytes_at(address(4)).empty());  // of another mapping
  CHECK(careful->bytes_at(address(6)).empty());
  CHECK(careful->bytes_at(address(PAGES - 1))[0] == 7);
  CHECK_FALSE(memory()->bytes_at(address(1)).empty());
  ::munmap(pages, PAGES * PAGE);
}

TEST_CASE("No more is kept than the limit allows, and that is said") {
  Child child;
  const auto memory = child.memory(2 * PAGE);
  CHECK_FALSE(memory->bytes_at(child.page(0)).empty());
  CHECK_FALSE(memory->bytes_at(child.page(6)).empty());
  CHECK(memory->bytes_at(child.page(8)).empty());
  CHECK_FALSE(memory->bytes_at(child.page(6)).empty());
  REQUIRE(memory->notes().size() == 1);
  CHECK(memory->notes()[0].text.find("were asked for") != std::string::npos);
}

TEST_CASE("A process that is gone leaves what was read, and a note") {
  Child child;
  const auto memory = child.memory();
  (void)memory->bytes_at(child.page(0));
  child.end();
  CHECK(is_filled(memory->bytes_at(child.page(0)), 1));
  CHECK(memory->bytes_at(child.page(6)).empty());
  REQUIRE(memory->notes().size() == 1);
  CHECK(memory->notes()[0].text.find("ended") != std::string::npos);
}

// A process as hostile memory: every allocator looks for itself in it. Input: a list of ranges {address: 8
// bytes, size in the process: 4, flags: 1, length of the bytes that follow: 4, bytes}; the first is the data
// of the program, the second the data of a library, each with its code right below. Bits 3 and 4 of the flags
// say which library. tests/fuzz/make_heap_seeds makes a small heap for each allocator.
#include "base/bytes.h"
#include "heapwalk/allocator.h"
#include "heapwalk/dump_file.h"

#include <array>
#include <cstdint>
#include <string>

#include <elf.h>

using namespace standstill;

namespace {

constexpr std::uint64_t CODE_SIZE = 0x10000;
constexpr std::uint64_t LARGEST_DATA = 512 << 10;
constexpr std::array LIBRARIES = {"/lib/libjemalloc.so.2", "/lib/libtcmalloc.so.4", "/lib/libmimalloc.so.2",
                                  "/lib/libc.so.6"};

// A header that says where code and data are, as a module's first page does.
std::vector<std::uint8_t> header_page(std::uint64_t data_size) {
  std::vector<std::uint8_t> page(4096);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;
  Elf64_Phdr code{}, data{};
  code.p_type = data.p_type = PT_LOAD;
  code.p_flags = PF_R | PF_X;
  code.p_memsz = CODE_SIZE;
  data.p_flags = PF_R | PF_W;
  data.p_vaddr = CODE_SIZE;
  data.p_memsz = data_size;
  std::memcpy(page.data(), &header, sizeof(header));
  std::memcpy(page.data() + sizeof(header), &code, sizeof(code));
  std::memcpy(page.data() + sizeof(header) + sizeof(code), &data, sizeof(data));
  return page;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  // The same bytes as a dump file.
  (void)read_dump_file(std::string(reinterpret_cast<const char*>(input), size));

  Cursor cursor(Bytes(input, size));
  Snapshot snapshot;
  std::vector<IntervalMap<MemoryView::Piece>::Interval> pieces;
  std::vector<IntervalMap<std::uint32_t>::Interval> ranges;
  std::vector<std::vector<std::uint8_t>> pages;
  pages.reserve(2);
  for (int count = 0; count < 16 && !cursor.at_end(); ++count) {
    const Address start(cursor.read<std::uint64_t>() & 0x7fffffffffff);
    const std::uint64_t extent = cursor.read<std::uint32_t>();
    const std::uint8_t kind = cursor.read<std::uint8_t>();
    const std::uint32_t flags = kind & 7;
    const Bytes bytes = cursor.read_bytes(cursor.read<std::uint32_t>());
    if (!cursor.ok() || bytes.empty() || start < Address(CODE_SIZE)) break;
    pieces.push_back({start, start + bytes.size(), {bytes, MemoryView::Source::DUMP}});
    ranges.push_back({start, start + std::max<std::uint64_t>(extent, bytes.size()), flags});
    if (count >= 2) continue;
    Module module;
    module.path = count == 0 ? "/program" : LIBRARIES[kind >> 3 & 3];
    module.is_main_program = count == 0;
    module.start = start - CODE_SIZE;
    module.end = start + bytes.size();
    module.load_bias = module.start.value();
    pages.push_back(header_page(std::max<std::uint64_t>(bytes.size(), std::min(extent, LARGEST_DATA))));
    pieces.push_back({module.start, module.start + 4096, {pages.back(), MemoryView::Source::DUMP}});
    ranges.push_back({module.start, start, PF_R | PF_X});
    snapshot.modules.push_back(module);
  }
  if (pieces.empty()) return 0;
  // Pieces must not overlap: the map of ranges drops what does, the view is given only what it keeps.
  IntervalMap<MemoryView::Piece> sorted(std::move(pieces));
  std::vector<IntervalMap<MemoryView::Piece>::Interval> kept;
  for (auto piece : sorted.intervals()) {
    if (piece.end - piece.start != piece.value.bytes.size()) continue;  // was cut
    kept.push_back(piece);
  }
  snapshot.memory = MemoryView(std::move(kept), {});
  snapshot.ranges = IntervalMap<std::uint32_t>(std::move(ranges));
  // The environment lies at the end of the last range.
  snapshot.process.auxiliary_vector.emplace_back(AT_RANDOM, snapshot.ranges.intervals().back().start.value());
  Thread thread;
  thread.tid = 1;
  thread.registers.thread_pointer = snapshot.ranges.intervals().back().start.value();
  snapshot.threads.push_back(thread);
  (void)read_heaps({.snapshot = snapshot});
  return 0;
}

// Holds what we read of a core of fixtures/heaps/glibc_blocks against the files that the program wrote at the
// same moment: its own list of blocks, mallinfo2(3) and malloc_info(3).
#pragma once

#include "coredump/cores/open_core.h"
#include "heapwalk/allocator.h"
#include "heapwalk/glibc_walk.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

namespace standstill {

struct OwnBlock {
  std::uint64_t address;
  std::uint64_t size;  // as asked for
};

inline std::vector<OwnBlock> read_own_blocks(const std::string& folder) {
  std::ifstream file(folder + "/live", std::ios::binary);
  std::vector<OwnBlock> blocks;
  for (OwnBlock block{}; file.read(reinterpret_cast<char*>(&block), sizeof(block)) && block.address != 0;)
    blocks.push_back(block);
  return blocks;
}

inline std::string read_whole(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline const HeapProfile* find_heap(const std::vector<HeapProfile>& heaps, const std::string& allocator) {
  const auto found = std::ranges::find(heaps, allocator, &HeapProfile::allocator);
  return found == heaps.end() ? nullptr : &*found;
}

// The program's blocks and ours: none missing, none too small, hardly any that it does not know.
inline void check_blocks(const Snapshot& snapshot, const std::string& folder) {
  const Module* libc = nullptr;
  std::optional<glibc::MainArena> main;
  std::vector<DataWords> data;
  for (const Module& module : snapshot.modules) {
    data = read_module_data(snapshot, module);
    main = glibc::find_main_arena(snapshot, data);
    if (main) {
      libc = &module;
      break;
    }
  }
  REQUIRE(libc != nullptr);
  const glibc::Arenas arenas = glibc::read_arenas(snapshot, *main, data);
  const glibc::FreeLists lists = glibc::read_free_lists(snapshot, arenas);
  std::map<std::uint64_t, std::uint64_t> found;
  const glibc::Walk walk = glibc::walk_chunks(
      snapshot, arenas, lists,
      [](void* context, Address block, std::uint64_t size) {
        static_cast<std::map<std::uint64_t, std::uint64_t>*>(context)->emplace(block.value(), size);
      },
      &found);
  for (const auto* notes : {&arenas.notes, &lists.notes, &walk.notes})
    for (const Note& note : *notes) {
      INFO(note.text);
      CHECK(note.severity == Severity::INFO);
    }
  const std::vector<OwnBlock> own = read_own_blocks(folder);
  REQUIRE(own.size() > 1000);
  std::size_t missing = 0, too_small = 0;
  for (const OwnBlock& block : own) {
    const auto at = found.find(block.address);
    if (at == found.end()) {
      ++missing;
      continue;
    }
    // The last 8 bytes of a block are the first of the next chunk; mappings of their own have no next.
    too_small += at->second - 8 < block.size && at->second % 4096 != 0;
    found.erase(at);
  }
  CHECK(missing == 0);
  CHECK(too_small == 0);
  // libc's own: caches of threads, buffers and structures of open files, thread-local storage.
  CHECK(found.size() <= 20);
}

inline void check_mallinfo(const HeapProfile& heap, const std::string& folder) {
  std::map<std::string, std::uint64_t> ours;
  for (const HeapFigure& figure : heap.figures) ours[figure.name] = figure.value;
  std::istringstream words(read_whole(folder + "/mallinfo"));
  std::string name;
  unsigned compared = 0;
  for (std::uint64_t value = 0; words >> name >> value; ++compared) {
    INFO(name);
    CHECK(ours["mallinfo2." + name] == value);
  }
  CHECK(compared == 9);
}

// Lines of malloc_info(3), heap by heap, made of our lists. It adds up sizes with their flag (1: the chunk
// below is in use, always set in a bin), and gives sizes of fast bins as ranges of requests.
inline std::vector<std::string> lists_as_malloc_info(const HeapArena& arena) {
  std::vector<std::string> lines;
  const auto line = [](const char* tag, std::uint64_t from, std::uint64_t to, std::uint64_t total,
                       std::uint64_t count) {
    char text[200];
    std::snprintf(text, sizeof text, "<%s from=\"%lu\" to=\"%lu\" total=\"%lu\" count=\"%lu\"/>", tag, from,
                  to, total, count);
    return std::string(text);
  };
  for (const HeapFreeList& list : arena.free_lists)
    lines.push_back(list.kind == "fast" ? line("size", list.from - 15, list.to, list.bytes, list.blocks)
                                        : line(list.kind == "unsorted" ? "unsorted" : "size", list.from | 1,
                                               list.to | 1, list.bytes + list.blocks, list.blocks));
  std::ranges::sort(lines);
  return lines;
}

inline void check_malloc_info(const HeapProfile& heap, const std::string& folder) {
  std::istringstream xml(read_whole(folder + "/malloc_info"));
  std::vector<std::vector<std::string>> lists;
  std::vector<std::uint64_t> system;
  bool in_heap = false;
  for (std::string line; std::getline(xml, line);) {
    line.erase(0, line.find_first_not_of(' '));
    if (line.starts_with("<heap ")) {
      lists.emplace_back();
      in_heap = true;
    }
    if (line.starts_with("</heap>")) in_heap = false;
    if (!in_heap) continue;
    if (line.starts_with("<size ") || line.starts_with("<unsorted ")) lists.back().push_back(line);
    if (line.starts_with("<system type=\"current\""))
      system.push_back(std::strtoull(line.c_str() + line.find("size=") + 6, nullptr, 10));
  }
  REQUIRE(lists.size() >= 5);
  REQUIRE(heap.arenas.size() >= lists.size());
  for (std::size_t i = 0; i < lists.size(); ++i) {
    std::ranges::sort(lists[i]);
    CHECK(lists_as_malloc_info(heap.arenas[i]) == lists[i]);
    CHECK(heap.arenas[i].system_bytes == system.at(i));
  }
}

inline void check_against_own_account(const Snapshot& snapshot, const std::string& folder) {
  check_blocks(snapshot, folder);
  const auto heaps = read_heaps({.snapshot = snapshot});
  const HeapProfile* heap = find_heap(heaps, "glibc");
  REQUIRE(heap != nullptr);
  for (const Note& note : heap->notes) {
    INFO(note.text);
    CHECK(note.severity == Severity::INFO);
  }
  CHECK_FALSE(heap->is_partial);
  check_mallinfo(*heap, folder);
  check_malloc_info(*heap, folder);
}

}  // namespace standstill

#include "runtimes/go/mark_roots.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace standstill {

namespace {

// Finalizers and cleanups that are due wait in blocks outside the heap, each chained to the next: by its
// first word (finBlock.alllink), or by its third (cleanupBlock.alllink, since 1.25).
constexpr std::uint64_t BLOCK = 4096;
constexpr std::size_t MOST_BLOCKS = 100'000;
constexpr std::uint64_t LINKS[] = {0, 16};

void add_queues(const GoRuntime& runtime, GoMark& mark) {
  std::vector<Address> blocks;
  for (const Address variable :
       runtime.references({"runtime.queuefinalizer", "runtime.(*cleanupQueue).enqueue",
                           "runtime.(*cleanupQueue).dequeue", "runtime.(*cleanupQueue).needG"}))
    if (const auto block = runtime.memory().read_address(variable)) blocks.push_back(*block);
  std::unordered_set<Address> seen;
  while (!blocks.empty()) {
    const Address block = blocks.back();
    blocks.pop_back();
    std::uint8_t bytes[BLOCK];
    if (!block || block.value() % 8 != 0 || seen.size() == MOST_BLOCKS || !seen.insert(block).second ||
        !runtime.memory().copy(block, bytes))
      continue;
    mark.add_words(bytes);
    for (const std::uint64_t link : LINKS) {
      std::uint64_t next = 0;
      std::memcpy(&next, bytes + link, sizeof next);
      blocks.push_back(Address(next));
    }
  }
}

}  // namespace

void add_global_roots(const GoRuntime& runtime, GoMark& mark, Address except, std::uint64_t except_size) {
  const Address except_end = except + except_size;
  const auto add = [&](Address start, Address end) {
    if (start < except && except < end) {
      mark.add_memory(start, except - start);
      start = std::min(except_end, end);
    } else if (except <= start && start < except_end) {
      start = std::min(except_end, end);
    }
    if (start < end) mark.add_memory(start, end - start);
  };
  for (const auto& module : runtime.modules()) {
    add(module->data.data, module->data.edata);
    add(module->data.bss, module->data.ebss);
  }
  mark.add_specials();
  add_queues(runtime, mark);
}

}  // namespace standstill

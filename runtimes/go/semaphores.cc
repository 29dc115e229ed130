#include "runtimes/go/semaphores.h"

#include <optional>
#include <utility>
#include <vector>

namespace standstill {

namespace {

constexpr std::uint64_t ROOTS = 251, ROOT_SIZE = 64, TREAP = 8;
constexpr std::size_t ASKED = 256;  // entries of which it is asked whether they are goroutines

using Waiters = AddressMap<Address>;

// The waiters of the table at `table`; nothing where it holds something else than trees of waiting
// goroutines. A goroutine waits on one semaphore, so that circles are noticed by the second visit to it.
std::optional<Waiters> read_table(const GoRuntime& runtime, Address table, std::size_t most,
                                  std::vector<Address>* queue) {
  const MemoryView& memory = runtime.memory();
  const SudogLayout& layout = runtime.layout().sudog;
  Waiters waiters;
  std::vector<Address> nodes;
  const auto add = [&](Address g, Address semaphore) {
    if (waiters.size() < ASKED && !read_goroutine(runtime, g)) return false;
    return waiters.size() < most && waiters.add(g, semaphore);
  };
  for (std::uint64_t i = 0; i < ROOTS; ++i) {
    const auto root = memory.read_address(table + i * ROOT_SIZE + TREAP);
    if (!root) return std::nullopt;
    if (*root) nodes.push_back(*root);
  }
  while (!nodes.empty()) {
    const Address node = nodes.back();
    nodes.pop_back();
    const auto semaphore = memory.read_address(node + SudogLayout::ELEM);
    const auto left = memory.read_address(node + SudogLayout::PREV),
               right = memory.read_address(node + SudogLayout::NEXT);
    if (!semaphore || !*semaphore || !left || !right) return std::nullopt;
    if (*left) nodes.push_back(*left);
    if (*right) nodes.push_back(*right);
    for (Address at = node; at;) {
      const auto g = memory.read_address(at + SudogLayout::G),
                 next = memory.read_address(at + layout.waitlink);
      if (!g || !next || !add(*g, *semaphore)) return std::nullopt;
      if (queue != nullptr) queue->push_back(at);
      at = *next;
    }
  }
  return waiters;
}

}  // namespace

AddressMap<Address> read_semaphore_waiters(const GoScheduler& scheduler, GoSemaphoreTable* table) {
  const GoRuntime& runtime = scheduler.runtime();
  Waiters best;
  for (const Address variable :
       runtime.references({"runtime.semacquire1", "runtime.semrelease1", "runtime.(*semTable).rootFor"})) {
    std::vector<Address> queue;
    auto waiters = read_table(runtime, variable, scheduler.size(), table != nullptr ? &queue : nullptr);
    if (!waiters || waiters->size() <= best.size()) continue;
    best = std::move(*waiters);
    if (table != nullptr) *table = {variable, std::move(queue)};
  }
  return best;
}

}  // namespace standstill

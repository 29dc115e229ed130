#include "waits/goroutines/goroutine_waits.h"

#include "runtimes/go/go_process.h"
#include "tests/support/synthetic_go.h"

#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;
using synth::SyntheticGo;

namespace {

constexpr int MINOR = 24;

SyntheticGo program() {
  SyntheticGo go(MINOR);
  go.function("main.ask", 0x38);
  go.function("main.tell", 0x38);
  return go;
}

std::uint64_t add_goroutine(SyntheticGo& go, std::uint64_t id, const std::string& function) {
  return go.add({.id = id, .calls = {"runtime.gopark", function}, .created_by = {}, .start = function});
}

// Puts goroutines into the queue of a channel of their own. Gives the channel's address.
std::uint64_t let_wait(SyntheticGo& go, const std::vector<std::uint64_t>& goroutines) {
  const GoLayout layout = layout_of(MINOR);
  const std::uint64_t channel = go.allocate(128);
  std::uint64_t before = 0;
  for (const std::uint64_t g : goroutines) {
    const std::uint64_t sudog = go.allocate(128);
    go.put(sudog + SudogLayout::G, g);
    go.put(sudog + SudogLayout::PREV, before);
    go.put(sudog + layout.sudog.channel, channel);
    if (before != 0) go.put(before + SudogLayout::NEXT, sudog);
    go.put(before != 0 ? channel + layout.channel.receivers + 8 : channel + layout.channel.receivers, sudog);
    go.put(g + layout.g.waiting, sudog);
    before = sudog;
  }
  return channel;
}

struct Told {
  std::vector<std::uint64_t> channels;  // of each task; 0: none
};

Told explain(SyntheticGo& go, const GoroutineWaitOptions& options) {
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  const GoroutineStacks stacks = unwind_goroutines(*process.scheduler, {}, 0);
  const GoroutineWaits waits = explain_goroutine_waits(*process.scheduler, stacks, options);
  Told told;
  for (const std::uint32_t resource : waits.resource_of)
    told.channels.push_back(resource == GoroutineWaits::NONE ? 0
                                                             : waits.resources.at(resource).address.value());
  return told;
}

}  // namespace

TEST_CASE(
    "a channel that one of many equal goroutines waits for alone is left out of what is told of groups") {
  SyntheticGo go = program();
  std::vector<std::uint64_t> own;
  for (std::uint64_t id = 1; id < 4; ++id) own.push_back(let_wait(go, {add_goroutine(go, id, "main.ask")}));
  const std::uint64_t shared =
      let_wait(go, {add_goroutine(go, 4, "main.ask"), add_goroutine(go, 5, "main.ask")});
  const std::uint64_t single = let_wait(go, {add_goroutine(go, 6, "main.tell")});
  CHECK(explain(go, {}).channels ==
        std::vector<std::uint64_t>{own[0], own[1], own[2], shared, shared, single});
  CHECK(explain(go, {.only_for_groups = true}).channels ==
        std::vector<std::uint64_t>{0, 0, 0, shared, shared, single});
}

TEST_CASE("goroutines with labels stand in lines of their own, which name their channels") {
  SyntheticGo go = program();
  const std::uint64_t plain = add_goroutine(go, 1, "main.ask"), labelled = add_goroutine(go, 2, "main.ask");
  go.put(labelled + layout_of(MINOR).g.labels, go.allocate(16));
  const std::uint64_t first = let_wait(go, {plain}), second = let_wait(go, {labelled});
  CHECK(explain(go, {.only_for_groups = true}).channels == std::vector<std::uint64_t>{first, second});
}

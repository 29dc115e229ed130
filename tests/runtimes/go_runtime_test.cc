// On a process made by hand; that the same holds for real programs of all versions, tests/end_to_end shows.
#include "runtimes/go/go_process.h"
#include "tests/support/synthetic_go.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

namespace standstill {
namespace {

using synth::SyntheticGo;

SyntheticGo process_of(int minor) {
  SyntheticGo go(minor);
  go.function("main.worker", 0x38);
  go.add_machine(77);
  go.add({.id = 1, .calls = {"runtime.gopark", "runtime.main"}, .created_by = {}, .start = "runtime.main"});
  go.add({.id = 18,
          .reason = 15,
          .calls = {"runtime.gopark", "main.worker"},
          .created_by = "runtime.main",
          .start = "main.worker",
          .waiting_since = 12345});
  return go;
}

}  // namespace

TEST_CASE("a Go runtime is found by the shape of its tables, in each version's layout") {
  for (int minor = 18; minor <= 27; ++minor) {
    INFO("go1." << minor);
    SyntheticGo go = process_of(minor);
    const Snapshot snapshot = go.take();
    std::vector<Note> notes;
    const GoProcess process = find_go_process(snapshot, notes);
    REQUIRE(process.runtime != nullptr);
    CHECK(process.runtime->version().minor == minor);
    REQUIRE(process.scheduler);
    CHECK(process.scheduler->size() == 2);
    CHECK(process.scheduler->machines().size() == 1);
    CHECK(process.scheduler->machines().front().thread_id == 77);
    const auto g = read_goroutine(*process.runtime, process.scheduler->goroutine_address(1));
    REQUIRE(g);
    CHECK(g->id == 18);
    CHECK(g->waiting_since == 12345);
    CHECK(process.scheduler->status(g->status) == "waiting");
    CHECK(process.scheduler->wait_reason(g->wait_reason) == "chan send");
    CHECK(notes.empty());
  }
}

TEST_CASE("a function is found by its address and by its name, with its frame, file and line") {
  SyntheticGo go = process_of(22);
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const auto runtime = GoRuntime::find(snapshot, notes);
  REQUIRE(runtime);
  const Address pc(go.address_of("main.worker") + 0x20);
  const auto place = runtime->find_function(pc);
  REQUIRE(place);
  CHECK(place->function.name == "main.worker");
  CHECK(place->module->lines.value_at(place->function, place->function.pcsp, pc) == 0x38);
  CHECK(place->module->lines.line_at(place->function, pc).file == "/src/main.worker.go");
  CHECK(place->module->lines.line_at(place->function, pc).line == 7);
  CHECK(place->module->lines.calls_at(place->function, pc).size() == 1);
  CHECK(runtime->find_function("runtime.gopark")->function.entry == Address(go.address_of("runtime.gopark")));
  CHECK_FALSE(runtime->find_function(Address(SyntheticGo::CODE - 1)));
  CHECK_FALSE(runtime->find_function(Address(SyntheticGo::TABLES)));
}

TEST_CASE("an unknown version passes by the nearest layout while everything fits together") {
  SyntheticGo go = process_of(29);
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  CHECK_FALSE(process.runtime->is_layout_known());
}

TEST_CASE("an unknown version whose fields do not fit together has threads only") {
  SyntheticGo go = process_of(29);
  go.add({.id = 18,
          .calls = {"runtime.gopark", "main.worker"},
          .created_by = {},
          .start = "main.worker"});  // twice
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.runtime != nullptr);
  CHECK_FALSE(process.scheduler);
  REQUIRE(notes.size() == 1);
  CHECK(notes.front().text == "go1.29.1: layout not known; threads only");
}

TEST_CASE("a list of goroutines that is half destroyed still tells the rest") {
  SyntheticGo go = process_of(24);
  for (std::uint64_t id = 30; id < 38; ++id)
    go.add({.id = id, .calls = {"runtime.gopark", "main.worker"}, .created_by = {}, .start = "main.worker"});
  go.finish();
  const std::uint64_t list = go.get(SyntheticGo::ALLGS);
  go.put(list + 8 * 4, 0xdeadbeef00);
  go.put(list + 8 * 5, list + 4);
  const Snapshot snapshot = go.snapshot();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  std::size_t good = 0;
  for (std::size_t i = 0; i < process.scheduler->size(); ++i)
    good += read_goroutine(*process.runtime, process.scheduler->goroutine_address(i)).has_value();
  CHECK(good == 8);
}

TEST_CASE("a process without Go has no Go runtime and no note about it") {
  SyntheticGo go = process_of(24);
  go.finish();
  go.tables()[0] = 0;  // the magic
  const Snapshot snapshot = go.snapshot();
  std::vector<Note> notes;
  CHECK_FALSE(find_go_process(snapshot, notes));
  CHECK(notes.empty());
}

}  // namespace standstill

#include "runtimes/go/semaphores.h"

#include "runtimes/go/go_process.h"
#include "tests/support/synthetic_go.h"

#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;
using synth::SyntheticGo;

namespace {

constexpr int MINOR = 24;

struct Waiter {
  std::uint64_t goroutine = 0, sudog = 0;
};

// A goroutine that waits on the semaphore at `address`; it is in no list yet.
Waiter add_waiter(SyntheticGo& go, std::uint64_t id, std::uint64_t address) {
  Waiter waiter;
  waiter.goroutine =
      go.add({.id = id, .calls = {"runtime.gopark"}, .created_by = {}, .start = "runtime.main"});
  waiter.sudog = go.allocate(128);
  go.put(waiter.sudog + SudogLayout::G, waiter.goroutine);
  go.put(waiter.sudog + SudogLayout::ELEM, address);
  return waiter;
}

AddressMap<Address> waiters_of(SyntheticGo& go) {
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  return read_semaphore_waiters(*process.scheduler);
}

constexpr std::uint64_t ROOT = 64, A = 0xc000030004, B = 0xc000030048, C = 0xc000030088;

// Root 3 of the table: A, on whose left hangs B with two waiters, and on whose right C.
struct Table {
  SyntheticGo go{MINOR};
  Waiter a = add_waiter(go, 1, A), b = add_waiter(go, 2, B), b_too = add_waiter(go, 3, B),
         c = add_waiter(go, 4, C);
  Table() {
    go.put(SyntheticGo::SEMAPHORES + 3 * ROOT + 8, a.sudog);
    go.put(a.sudog + SudogLayout::PREV, b.sudog);
    go.put(a.sudog + SudogLayout::NEXT, c.sudog);
    go.put(b.sudog + layout_of(MINOR).sudog.waitlink, b_too.sudog);
  }
};

}  // namespace

TEST_CASE("every goroutine in the trees of the semaphore table is told its semaphore") {
  Table table;
  const AddressMap<Address> waiters = waiters_of(table.go);
  REQUIRE(waiters.size() == 4);
  CHECK(*waiters.find(Address(table.a.goroutine)) == Address(A));
  CHECK(*waiters.find(Address(table.b.goroutine)) == Address(B));
  CHECK(*waiters.find(Address(table.b_too.goroutine)) == Address(B));
  CHECK(*waiters.find(Address(table.c.goroutine)) == Address(C));
}

TEST_CASE("a table whose entries run in a circle is none") {
  Table table;
  SECTION("of waiters") { table.go.put(table.b_too.sudog + layout_of(MINOR).sudog.waitlink, table.b.sudog); }
  SECTION("of the tree") { table.go.put(table.c.sudog + SudogLayout::PREV, table.a.sudog); }
  SECTION("of two roots with one tree") {
    table.go.put(SyntheticGo::SEMAPHORES + 9 * ROOT + 8, table.a.sudog);
  }
  CHECK(waiters_of(table.go).empty());
}

TEST_CASE("a table that leads to no goroutine is none") {
  Table table;
  SECTION("an unreadable waiter") {
    table.go.put(table.b.sudog + layout_of(MINOR).sudog.waitlink, 0xdead0000);
  }
  SECTION("a waiter that is none") { table.go.put(table.c.sudog + SudogLayout::G, table.c.sudog); }
  SECTION("no semaphore") { table.go.put(table.a.sudog + SudogLayout::ELEM, 0); }
  CHECK(waiters_of(table.go).empty());
}

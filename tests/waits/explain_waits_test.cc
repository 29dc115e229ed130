// Waits on memory that is made here, field by field, as the C library's sources lay it out: no symbols, no
// stacks.
#include "waits/explain_waits.h"

#include "waits/verdict.h"

#include <cstring>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <sys/syscall.h>

using namespace standstill;

namespace {

constexpr std::uint64_t WAIT_PRIVATE = 128, WAIT_BITSET_PRIVATE_REALTIME = 9 | 128 | 256;
constexpr std::uint64_t SPLIT = 0x108;  // where the heap of the dump falls into two pieces
constexpr Address HEAP(0x10000), STACK(0x80000);

// A process of a few threads with one page of heap and one of stack.
struct Patient {
  std::vector<std::uint8_t> heap = std::vector<std::uint8_t>(4096), stack = std::vector<std::uint8_t>(4096);
  Snapshot snapshot;

  Patient() {
    snapshot.process.pid = 100;
    snapshot.process.parent_pid = 50;
  }
  void put32(std::uint64_t offset, std::uint32_t value) { std::memcpy(&heap[offset], &value, 4); }
  void put64(std::uint64_t offset, std::uint64_t value) { std::memcpy(&heap[offset], &value, 8); }

  void add_thread(int tid, std::uint64_t word, std::uint64_t operation, std::uint32_t value,
                  std::uint64_t timeout = 0) {
    Thread thread;
    thread.tid = tid;
    auto& registers = thread.registers.by_dwarf_number;
    thread.registers.system_call = SYS_futex;
    registers[Registers::RDI] = word;
    registers[Registers::RSI] = operation;
    registers[Registers::RDX] = value;
    registers[Registers::R10] = timeout;
    registers[Registers::RSP] = STACK.value();
    snapshot.threads.push_back(thread);
  }
  WaitTable explain(std::optional<double> written_at = {}) {
    const Bytes all_heap(heap);
    // In two pieces, as a dump has them where protections differ.
    std::vector<IntervalMap<MemoryView::Piece>::Interval> pieces = {
        {HEAP, HEAP + SPLIT, {all_heap.first(SPLIT)}},
        {HEAP + SPLIT, HEAP + heap.size(), {all_heap.subspan(SPLIT)}},
        {STACK, STACK + stack.size(), {stack}}};
    snapshot.memory = MemoryView(pieces, {});
    StackGroup all;
    for (std::uint32_t i = 0; i < snapshot.threads.size(); ++i) all.members.push_back(i);
    return explain_waits(snapshot, std::vector<Stack>(snapshot.threads.size()), std::vector{all}, {},
                         written_at);
  }
};

void put_mutex(Patient& patient, std::uint64_t offset, std::uint32_t lock, std::uint32_t owner,
               std::uint32_t kind = 0) {
  patient.put32(offset, lock);
  patient.put32(offset + 8, owner);
  patient.put32(offset + 12, 1);
  patient.put32(offset + 16, kind);
}

}  // namespace

TEST_CASE("two mutexes whose owners wait for each other are a certain deadlock") {
  Patient patient;
  put_mutex(patient, 0x100, 2, 101);
  put_mutex(patient, 0x140, 2, 102, 1);
  patient.add_thread(101, 0x10140, WAIT_PRIVATE, 2);
  patient.add_thread(102, 0x10100, WAIT_PRIVATE, 2);
  const WaitTable table = patient.explain();
  CHECK(table.states[0].word == WaitWord::MUTEX);
  CHECK(table.states[0].what == "recursive mutex");
  const Verdict verdict = judge_table(table);
  REQUIRE(verdict.findings.size() == 1);
  CHECK(verdict.findings[0].kind == FindingKind::DEADLOCK);
  CHECK(verdict.findings[0].certainty == Certainty::CERTAIN);
}

TEST_CASE("an owner that has released the mutex makes no deadlock, whatever its waiter's registers say") {
  Patient patient;
  put_mutex(patient, 0x100, 0, 0);  // released; the waiter has not run since
  put_mutex(patient, 0x140, 2, 102);
  patient.add_thread(101, 0x10140, WAIT_PRIVATE, 2);
  patient.add_thread(102, 0x10100, WAIT_PRIVATE, 2);
  const Verdict verdict = judge_table(patient.explain());
  for (const WaitFinding& finding : verdict.findings) CHECK(finding.kind == FindingKind::ROOT_BLOCKER);
}

TEST_CASE("a lock in memory that the dump lacks has no holder and says so") {
  Patient patient;
  patient.add_thread(101, 0x999000, WAIT_PRIVATE, 2);
  const WaitTable table = patient.explain();
  CHECK(table.states[0].word == WaitWord::FUTEX);
  CHECK(table.states[0].detail.find("not in the dump") != std::string::npos);
  CHECK(table.resources.at(0).holders.empty());
}

TEST_CASE("an owner field with rubbish names nobody") {
  Patient patient;
  put_mutex(patient, 0x100, 2, 0x12345678);
  patient.add_thread(101, 0x10100, WAIT_PRIVATE, 2);
  patient.snapshot.threads.emplace_back().tid = 102;  // runs, so that somebody is left
  const WaitTable table = patient.explain();
  for (const Resource& resource : table.resources) CHECK(resource.holders.empty());
  CHECK(judge_table(table).findings.empty());
}

TEST_CASE("an owner that is gone orphans the mutex, one older than the process is the parent's") {
  Patient patient;
  put_mutex(patient, 0x100, 2, 150);
  put_mutex(patient, 0x140, 2, 60);
  patient.add_thread(101, 0x10100, WAIT_PRIVATE, 2);
  patient.add_thread(102, 0x10140, WAIT_PRIVATE, 2);
  const Verdict verdict = judge_table(patient.explain());
  REQUIRE(verdict.findings.size() == 2);
  CHECK(verdict.findings[0].kind == FindingKind::ORPHANED_LOCK);
  CHECK(verdict.findings[1].kind == FindingKind::FORK_CHILD_LOCK);
}

TEST_CASE("a condition variable is found in both of glibc's layouts, its mutex by the record on the stack") {
  const bool is_new = GENERATE(false, true);
  const std::uint64_t operation = GENERATE(WAIT_BITSET_PRIVATE_REALTIME, WAIT_PRIVATE);  // 2.34; before
  Patient patient;
  const std::uint64_t condition = 0x200, mutex = 0x300;
  patient.put64(condition, 7 << 1);      // __wseq
  patient.put64(condition + 8, 3 << 1);  // __g1_start
  patient.put32(condition + (is_new ? 28 : 36), 1 << 3);
  put_mutex(patient, mutex, 0, 0);
  const std::uint64_t record[] = {12, 0x10000 + condition, 0x10000 + mutex, 0};
  std::memcpy(&patient.stack[64], record, sizeof record);
  patient.add_thread(101, 0x10000 + condition + (is_new ? 32 : 40), operation, 0);
  const WaitTable table = patient.explain();
  CHECK(table.states[0].word == WaitWord::CONDITION);
  CHECK(table.resources.at(table.states[0].resource.value()).address == Address(0x10000 + condition));
  CHECK(table.resources.at(table.states[0].condition_mutex.value()).address == Address(0x10000 + mutex));
}

TEST_CASE("a writer names itself in an rwlock, readers are counted") {
  Patient patient;
  patient.put32(0x100, 0xb);  // a reader queues behind the writer
  patient.put32(0x108, 3);
  patient.put32(0x118, 102);
  patient.add_thread(101, 0x10108, WAIT_BITSET_PRIVATE_REALTIME, 3);
  patient.put32(0x200, 0x12);  // two readers hold it, a writer waits
  patient.put32(0x208, 2);
  patient.add_thread(102, 0x10208, WAIT_BITSET_PRIVATE_REALTIME, 2);
  const WaitTable table = patient.explain();
  CHECK(table.states[0].word == WaitWord::RWLOCK_READ);
  CHECK(table.resources.at(0).holders.at(0).thread == 1);
  CHECK(table.states[1].word == WaitWord::RWLOCK_WRITE);
  CHECK(table.resources.at(1).reader_count == 2);
}

TEST_CASE("a barrier tells how many have arrived, a semaphore that somebody waits") {
  Patient patient;
  patient.put32(0x100, 2);
  patient.put32(0x108, 3);
  patient.add_thread(101, 0x10104, WAIT_PRIVATE, 0);
  patient.put32(0x204, 1);
  patient.add_thread(102, 0x10200, WAIT_BITSET_PRIVATE_REALTIME, 0);
  const WaitTable table = patient.explain();
  CHECK(table.states[0].word == WaitWord::BARRIER);
  CHECK(table.resources.at(0).detail == "2 of 3 arrived");
  CHECK(table.states[1].word == WaitWord::SEMAPHORE);
}

TEST_CASE("a cycle that a near deadline will break is no deadlock, one that lasts for an hour may be") {
  Patient patient;
  const std::uint64_t seconds = 1'700'000'010;
  patient.put64(0x800, seconds);
  put_mutex(patient, 0x100, 2, 101);
  put_mutex(patient, 0x140, 2, 102);
  patient.add_thread(101, 0x10140, WAIT_BITSET_PRIVATE_REALTIME, 2, 0x10800);
  patient.add_thread(102, 0x10100, WAIT_PRIVATE, 2);
  for (const WaitFinding& finding : judge_table(patient.explain(seconds - 5.0)).findings)
    CHECK(finding.kind == FindingKind::ROOT_BLOCKER);
  const Verdict late = judge_table(patient.explain(seconds - 3600.0));
  REQUIRE(late.findings.size() == 1);
  CHECK(late.findings[0].kind == FindingKind::DEADLOCK);
  CHECK(late.findings[0].certainty == Certainty::POSSIBLE);
}

TEST_CASE("a timed lock of an older glibc ends when its caller said, not some time after an unknown moment") {
  Patient patient;
  put_mutex(patient, 0x100, 2, 102);
  // As glibc 2.31 leaves it: an hour, made of the caller's 12:00:00.5 of 2026-11-30 by subtracting the time.
  patient.put64(0x300, 3600);
  patient.put64(0x308, 250'000'000);
  patient.put64(0x320, 1'796'040'000);
  patient.put64(0x328, 500'000'000);
  patient.add_thread(101, 0x10100, WAIT_PRIVATE, 2, 0x10300);
  Thread& thread = patient.snapshot.threads[0];
  thread.registers.by_dwarf_number[Registers::RBX] = 0x10320;
  thread.registers.thread_pointer = (STACK + 0x100).value();
  const std::uint64_t block = thread.registers.thread_pointer;
  const std::uint32_t tid = 101;
  std::memcpy(&patient.stack[0x100], &block, 8);
  std::memcpy(&patient.stack[0x110], &block, 8);
  std::memcpy(&patient.stack[0x100 + 720], &tid, 4);
  const WaitTable table = patient.explain(1'796'036'460.0);
  REQUIRE(table.states[0].seconds_left);
  CHECK(*table.states[0].seconds_left == 3540.5);
  // What is no date an hour ahead is not taken for the end.
  patient.put64(0x320, 7200);
  CHECK_FALSE(patient.explain(1'796'036'460.0).states[0].seconds_left);
}

TEST_CASE("threads that make the same call are each a waiter of the same lock") {
  Patient patient;
  put_mutex(patient, 0x100, 2, 101);
  put_mutex(patient, 0x140, 2, 102, 1);
  patient.add_thread(101, 0x10140, WAIT_PRIVATE, 2);
  patient.add_thread(102, 0x10100, WAIT_PRIVATE, 2);
  for (int tid = 103; tid < 303; ++tid) patient.add_thread(tid, tid % 2 ? 0x10100 : 0x10140, WAIT_PRIVATE, 2);
  const WaitTable table = patient.explain();
  REQUIRE(table.resources.size() == 2);
  for (const Resource& resource : table.resources) {
    CHECK(resource.waiters.size() == 101);
    REQUIRE(resource.holders.size() == 1);
    CHECK(std::ranges::is_sorted(resource.waiters));
  }
  CHECK(table.states[200].what == table.states[1].what);
  CHECK(table.states[201].resource != table.states[200].resource);
}

TEST_CASE("a waiter with a timeout of its own does not follow those without") {
  Patient patient;
  put_mutex(patient, 0x100, 2, 101);
  patient.add_thread(102, 0x10100, WAIT_PRIVATE, 2);
  patient.add_thread(103, 0x10100, WAIT_PRIVATE, 2, STACK.value());
  patient.add_thread(104, 0x10100, WAIT_PRIVATE, 2);
  const WaitTable table = patient.explain();
  CHECK_FALSE(table.states[0].has_deadline);
  CHECK(table.states[1].has_deadline);
  CHECK_FALSE(table.states[2].has_deadline);
  CHECK(table.resources.size() == 1);
}

TEST_CASE("a call that the kernel restarts is known by its arguments where its number is lost") {
  Patient patient;
  const std::uint64_t until[] = {1'700'000'000, 5};
  std::memcpy(&patient.stack[0x100], until, sizeof until);
  const std::uint64_t timeout = STACK.value() + 0x100;
  SECTION("futex") {
    put_mutex(patient, 0x100, 2, 102);
    patient.add_thread(101, 0x10100, WAIT_BITSET_PRIVATE_REALTIME, 2, timeout);
    patient.snapshot.threads[0].registers.system_call = SYS_restart_syscall;
    CHECK(patient.explain().states[0].word == WaitWord::MUTEX);
  }
  SECTION("clock_nanosleep(CLOCK_MONOTONIC, 0, request)") {
    patient.add_thread(101, 1, 0, 0);
    auto& registers = patient.snapshot.threads[0].registers;
    registers.system_call = SYS_restart_syscall;
    registers.by_dwarf_number[Registers::RDX] = timeout;
    CHECK(patient.explain().states[0].word == WaitWord::SLEEP);
  }
  SECTION("poll(descriptors, 2, milliseconds)") {
    patient.add_thread(101, 0x10100, 2, 1000);
    patient.snapshot.threads[0].registers.system_call = SYS_restart_syscall;
    CHECK(patient.explain().states[0].word == WaitWord::POLL);
  }
  SECTION("nothing that fits") {
    patient.add_thread(101, 0x10100, 0, 1000);
    patient.snapshot.threads[0].registers.system_call = SYS_restart_syscall;
    CHECK(patient.explain().states[0].word == WaitWord::UNKNOWN);
  }
}

TEST_CASE("forty locks are numbered in the order in which threads name them") {
  Patient patient;
  for (std::uint64_t i = 0; i < 40; ++i) {
    put_mutex(patient, 0x100 + 40 * i, 2, static_cast<std::uint32_t>(200 + i));
    patient.add_thread(static_cast<int>(100 + i), 0x10100 + 40 * i, WAIT_PRIVATE, 2);
  }
  const WaitTable table = patient.explain();
  REQUIRE(table.resources.size() == 40);
  for (std::uint32_t i = 0; i < 40; ++i) {
    CHECK(table.resources[i].address == Address(0x10100 + 40 * i));
    CHECK(table.resources[i].outside_tid == static_cast<int>(200 + i));
    CHECK(table.states[i].resource == i);
  }
}

// The goroutines and threads (Ms) that Go's scheduler knows: runtime.allgs, runtime.allm, and the texts for
// statuses and reasons of waiting, which are read from the process and therefore always fit its version.
//
// A program may have a million goroutines, so nothing is kept of each here but where it lies;
// read_goroutine() reads one.
#pragma once

#include "runtimes/go/go_runtime.h"
#include "runtimes/go/table_bytes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

// struct g, as far as anybody asks.
struct Goroutine {
  Address address;
  std::uint64_t id = 0;
  Address stack_low, stack_high;
  Address sched_pc, sched_sp;      // where it goes on when it next runs
  Address syscall_pc, syscall_sp;  // in a system call or in C: the frame that entered it; sp 0: not in one
  Address machine;                 // the M that runs it; 0: none
  Address locked_machine;          // after runtime.LockOSThread
  Address created_at;              // gopc: the return address of its go statement; 0 for the first
  Address start;                   // startpc: its function
  Address waiting;                 // sudog*, one for each channel it waits for
  Address labels;
  Address cgo_context;
  Address bubble;               // of testing/synctest
  std::uint64_t parent_id = 0;  // who started it, where the version keeps that
  std::int64_t waiting_since =
      0;  // ns of the monotonic clock; set by the garbage collector only: a lower bound. 0: unknown
  std::uint32_t status = 0;  // without GoStatus::SCAN
  bool is_scanned = false;   // the garbage collector holds it (GoStatus::SCAN)
  std::uint8_t wait_reason = 0;

  bool is_dead() const {
    return status == GoStatus::DEAD || status == GoStatus::DEAD_EXTRA || status == GoStatus::IDLE;
  }
};

// struct m: a thread as Go's scheduler sees it.
struct Machine {
  Address address;
  std::int64_t id = 0;
  std::uint64_t thread_id = 0;              // 0: it has no thread yet (kept ready for threads that C made)
  Address g0, g0_stack_low, g0_stack_high;  // the stack that the scheduler and C code run on
  Address signal_g;
  Address current;  // the goroutine that runs on it, or has called into C from it; 0: none
  Address locked;   // the goroutine locked to it
  bool in_c = false;
};

class GoScheduler {
 public:
  // Borrows the runtime. An Error says why goroutines cannot be told: no variable has the right contents, or
  // the version is not known and what its nearest known layout leads to does not fit together.
  static Result<GoScheduler> find(const GoRuntime& runtime);

  const GoRuntime& runtime() const { return *runtime_; }
  // Slots of allgs, dead goroutines included.
  std::size_t size() const { return allgs_.bytes().size() / 8; }
  Address goroutine_address(std::size_t index) const;
  const std::vector<Machine>& machines() const { return machines_; }
  const Machine* find_machine(Address address) const;

  // "chan receive"; "" for 0 and for numbers beyond the table.
  std::string_view wait_reason(std::uint8_t number) const;
  // "waiting"; "???" as the runtime has it for numbers beyond the table.
  std::string_view status(std::uint32_t number) const;

 private:
  explicit GoScheduler(const GoRuntime& runtime) : runtime_(&runtime) {}
  Result<void> find_goroutines();
  void find_machines();
  void find_texts();
  Result<void> check_unknown_layout() const;

  const GoRuntime* runtime_;
  TableBytes allgs_;
  std::vector<Machine> machines_;
  std::vector<std::string> wait_reasons_, statuses_;
};

// Nothing where `address` holds no goroutine: it cannot be read, or its fields contradict each other.
std::optional<Goroutine> read_goroutine(const GoRuntime& runtime, Address address);

// Whether the runtime itself started it, by its first function: such goroutines are in no traceback or
// profile. One that runs finalizers or cleanups counts as the runtime's only while no function of the program
// runs in it, which its stack tells: `may_run_program` is set for these.
struct SystemGoroutine {
  bool is_system = false;
  bool may_run_program = false;
};
SystemGoroutine is_system_goroutine(const GoRuntime& runtime, Address start);

}  // namespace standstill

// A Go process made by hand, without an ELF file: code, line table, moduledata, and a runtime with
// goroutines, all in memory as the linker and the runtime of a version lay them out. Tests damage what they
// like before they take it.
//
//     0x400000      code; functions that the runtime is found by refer to its variables
//     0x500000      line table (read-only)
//     0x600000      moduledata and variables (written to)
//     0xc000000000  goroutines, Ms, stacks, sudogs, channels
#pragma once

#include "coredump/snapshot.h"
#include "runtimes/go/layout.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace standstill::synth {

class SyntheticGo {
 public:
  static constexpr std::uint64_t CODE = 0x400000, TABLES = 0x500000, DATA = 0x600000, HEAP = 0xc000000000;
  static constexpr std::uint64_t FUNCTION_SIZE = 0x100, HEAP_SIZE = 0x40000, DATA_SIZE = 0xa000;

  explicit SyntheticGo(int minor);

  // A function of FUNCTION_SIZE bytes with `frame` bytes between its stack pointer and its return address.
  // Its lines begin at `line` of "/src/NAME.go".
  std::uint64_t function(std::string_view name, std::uint32_t frame, std::uint8_t flags = 0);
  std::uint64_t address_of(std::string_view name) const { return functions_.at(std::string(name)).entry; }

  // A call of `callee`, `distance` bytes into `caller`.
  void call(std::string_view caller, std::string_view callee, std::uint64_t distance);

  // A goroutine that waits with `reason` and stands `depth` calls deep: gopark, the function, ..., goexit.
  struct Goroutine {
    std::uint64_t id = 1;
    std::uint32_t status = GoStatus::WAITING;
    std::uint8_t reason = 14;
    std::vector<std::string> calls;  // innermost first, without goexit
    std::string created_by;
    std::string start;
    std::uint64_t waiting_since = 0;
  };
  // The address of its struct g.
  std::uint64_t add(const Goroutine& goroutine);
  // A thread with this id, an M and a g0.
  std::uint64_t add_machine(int thread_id);

  // What profiles are made of: empty lists of buckets, the number of the collection's cycle, the sampling
  // rate, and sound statistics of a program that has never collected.
  void add_profiles();
  struct Bucket {
    std::uint64_t kind = 1;  // memory; 2 block, 3 mutex
    std::uint64_t object_bytes = 0;
    std::vector<std::uint64_t> stack;
    std::vector<std::uint64_t> record;
  };
  // In front of its list. Its address.
  std::uint64_t add_bucket(const Bucket& bucket);

  // Words anywhere in data and heap.
  void put(std::uint64_t address, std::uint64_t value);
  std::uint64_t get(std::uint64_t address) const;
  std::vector<std::uint8_t>& heap() { return heap_; }
  std::vector<std::uint8_t>& tables() { return tables_; }
  std::uint64_t allocate(std::uint64_t size);

  // Writes the tables, then gives a picture that owns its memory.
  Snapshot take();
  // The same from the bytes as they are now, with tables written before and damaged since.
  Snapshot snapshot() const;
  void finish();

  static constexpr std::uint64_t ALLGS = DATA + 0x1000, ALLM = DATA + 0x1020, VERSION = DATA + 0x1040,
                                 REASONS = DATA + 0x1100, STATUSES = DATA + 0x1800;
  // The lists of buckets stand BUCKET_LISTS apart, that of memory first.
  static constexpr std::uint64_t BUCKETS = DATA + 0x1300, BUCKET_LISTS = 0x80, CYCLE = DATA + 0x1500,
                                 RATE = DATA + 0x1580, SEMAPHORES = DATA + 0x6000;
  // What follows the allocator's counts in runtime.memstats.
  static constexpr std::uint64_t FIGURES = DATA + 0x4800;

 private:
  struct Function {
    std::uint64_t entry = 0;
    std::uint32_t frame = 0;
    std::uint8_t flags = 0;
  };
  void refer(std::string_view function, std::uint64_t variable);
  void put_texts(std::uint64_t table, const std::vector<std::string>& texts);
  std::uint64_t put_text(std::string_view text);
  std::uint8_t* at(std::uint64_t address);

  int minor_;
  GoLayout layout_;
  std::vector<std::uint8_t> code_, tables_, data_, heap_;
  std::map<std::string, Function> functions_;
  std::vector<std::string> order_;
  std::vector<std::uint64_t> goroutines_;
  std::uint64_t next_heap_ = HEAP, next_text_ = DATA + 0x2800, last_machine_ = 0;
  std::vector<int> threads_;
};

}  // namespace standstill::synth

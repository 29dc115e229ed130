#include "runtimes/go/goroutines.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::uint64_t MOST_GOROUTINES = 100'000'000;
constexpr std::size_t MOST_MACHINES = 1'000'000;
constexpr std::size_t SAMPLES = 256;  // of allgs, to tell it from other slices
constexpr std::uint64_t LARGEST_STACK = std::uint64_t{1} << 32;
constexpr std::size_t LARGEST_G = 1024;
constexpr std::size_t MOST_TEXTS = 64;
constexpr std::uint32_t HIGHEST_STATUS = 16;

class Fields {
 public:
  // The `size` bytes at `address`; empty where they cannot be read.
  Fields(const MemoryView& memory, Address address, std::size_t size) {
    bytes_ = clipped(memory.bytes_at(address), 0, size);
    if (bytes_.size() == size) return;
    const std::span<std::uint8_t> copy(copy_.data(), std::min(size, copy_.size()));
    bytes_ = memory.copy(address, copy) ? Bytes(copy) : Bytes{};
  }
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  bool is_readable() const { return !bytes_.empty(); }
  template <class T = std::uint64_t>
  T at(std::size_t offset) const {
    T value{};
    if (offset <= bytes_.size() && sizeof(T) <= bytes_.size() - offset)
      std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  Address address_at(std::size_t offset) const { return Address(at(offset)); }

 private:
  Bytes bytes_;
  std::array<std::uint8_t, LARGEST_G> copy_;  // not initialised: bytes_ says what of it counts
};

struct Slice {
  std::uint64_t start = 0, size = 0, capacity = 0;
};

// How many of some entries of the slice are goroutines; nothing where it is no slice of addresses.
std::optional<std::size_t> count_goroutines(const GoRuntime& runtime, const Slice& slice,
                                            std::size_t& asked) {
  asked = 0;
  if (slice.size == 0 || slice.size > slice.capacity || slice.capacity > MOST_GOROUTINES ||
      slice.start % 8 != 0)
    return std::nullopt;
  std::size_t good = 0;
  const std::uint64_t step = std::max<std::uint64_t>(1, slice.size / SAMPLES);
  for (std::uint64_t i = 0; i < slice.size; i += step) {
    const auto pointer = runtime.memory().read_address(Address(slice.start) + i * 8);
    if (!pointer && i == 0) return std::nullopt;
    ++asked;
    if (pointer && *pointer && read_goroutine(runtime, *pointer)) ++good;
    if (asked >= 8 && good == 0) return std::nullopt;
  }
  return good;
}

bool is_machine(const MemoryView& memory, Address machine) {
  const auto g0 = memory.read_address(machine + MachineLayout::G0);
  return g0 && *g0 && memory.read_address(*g0 + GoroutineLayout::M) == machine;
}

// The Ms from `first` on; empty where the list is broken.
std::vector<Address> chain_of_machines(const GoRuntime& runtime, Address first) {
  std::vector<Address> machines;
  std::unordered_set<Address> seen;
  for (Address at = first; at;) {
    if (machines.size() == MOST_MACHINES || !seen.insert(at).second || !is_machine(runtime.memory(), at))
      return {};
    machines.push_back(at);
    const auto next = runtime.memory().read_address(at + runtime.layout().m.alllink);
    if (!next) return {};
    at = *next;
  }
  return machines;
}

Machine read_machine(const GoRuntime& runtime, Address address) {
  const MemoryView& memory = runtime.memory();
  const MachineLayout& layout = runtime.layout().m;
  const auto word = [&](std::uint64_t offset) {
    return memory.read_address(address + offset).value_or(Address());
  };
  Machine machine;
  machine.address = address;
  machine.id = memory.read<std::int64_t>(address + layout.id).value_or(-1);
  machine.thread_id = word(layout.procid).value();
  machine.g0 = word(MachineLayout::G0);
  machine.g0_stack_low = memory.read_address(machine.g0 + GoroutineLayout::STACK_LO).value_or(Address());
  machine.g0_stack_high = memory.read_address(machine.g0 + GoroutineLayout::STACK_HI).value_or(Address());
  machine.signal_g = word(layout.gsignal);
  machine.current = word(layout.curg);
  machine.locked = word(layout.lockedg);
  machine.in_c = memory.read<std::uint8_t>(address + layout.incgo).value_or(0) != 0;
  return machine;
}

}  // namespace

std::optional<Goroutine> read_goroutine(const GoRuntime& runtime, Address address) {
  const GoroutineLayout& layout = runtime.layout().g;
  const Fields fields(runtime.memory(), address, layout.size);
  if (!fields.is_readable() || address.value() % 8 != 0) return std::nullopt;
  Goroutine g;
  g.address = address;
  const auto status = fields.at<std::uint32_t>(layout.atomicstatus);
  g.is_scanned = (status & GoStatus::SCAN) != 0;
  g.status = status & ~GoStatus::SCAN;
  g.stack_low = fields.address_at(GoroutineLayout::STACK_LO);
  g.stack_high = fields.address_at(GoroutineLayout::STACK_HI);
  if (g.status > HIGHEST_STATUS) return std::nullopt;
  if (!(g.is_dead() && !g.stack_low) &&
      (g.stack_low >= g.stack_high || g.stack_high - g.stack_low > LARGEST_STACK))
    return std::nullopt;
  const Address sched_g = fields.address_at(GoroutineLayout::SCHED_G);
  if (sched_g && sched_g != address) return std::nullopt;
  g.id = fields.at(layout.goid);
  g.sched_pc = fields.address_at(GoroutineLayout::SCHED_PC);
  g.sched_sp = fields.address_at(GoroutineLayout::SCHED_SP);
  g.syscall_sp = fields.address_at(layout.syscallsp);
  g.syscall_pc = fields.address_at(layout.syscallpc);
  g.machine = fields.address_at(GoroutineLayout::M);
  g.locked_machine = fields.address_at(layout.lockedm);
  g.created_at = fields.address_at(layout.gopc);
  g.start = fields.address_at(layout.startpc);
  g.waiting = fields.address_at(layout.waiting);
  g.labels = fields.address_at(layout.labels);
  g.cgo_context = fields.address_at(layout.cgo_context);
  if (layout.parent_goid != 0) g.parent_id = fields.at(layout.parent_goid);
  if (layout.bubble != 0) g.bubble = fields.address_at(layout.bubble);
  g.waiting_since = fields.at<std::int64_t>(layout.waitsince);
  g.wait_reason = fields.at<std::uint8_t>(layout.waitreason);
  return g;
}

Result<GoScheduler> GoScheduler::find(const GoRuntime& runtime) {
  GoScheduler scheduler(runtime);
  if (auto found = scheduler.find_goroutines(); !found) return std::unexpected(std::move(found).error());
  scheduler.find_machines();
  scheduler.find_texts();
  if (!runtime.is_layout_known()) {
    if (auto checked = scheduler.check_unknown_layout(); !checked)
      return std::unexpected(std::move(checked).error());
  }
  return scheduler;
}

// runtime.allgs is a slice of *g, to which allgadd appends and which forEachG walks.
Result<void> GoScheduler::find_goroutines() {
  Slice best;
  std::size_t best_good = 0, best_asked = 0;
  for (const Address variable : runtime_->references({"runtime.allgadd", "runtime.forEachG"})) {
    const auto slice = runtime_->memory().read<Slice>(variable);
    if (!slice) continue;
    std::size_t asked = 0;
    const auto good = count_goroutines(*runtime_, *slice, asked);
    if (!good || *good * 2 < asked || *good <= best_good) continue;
    best = *slice;
    best_good = *good;
    best_asked = asked;
  }
  if (best_good == 0)
    return failure(fmt::format("{}: no list of goroutines is found: threads only", runtime_->version().text));
  if (!runtime_->is_layout_known() && best_good != best_asked)
    return failure(fmt::format("{}: layout not known; threads only", runtime_->version().text));
  allgs_ = TableBytes(runtime_->memory(), Address(best.start), best.size * 8);
  return {};
}

// runtime.allm heads a list that every new M is put in front of.
void GoScheduler::find_machines() {
  std::vector<Address> longest;
  for (const Address variable :
       runtime_->references({"runtime.mcommoninit", "runtime.mexit", "runtime.schedtrace",
                             "runtime.checkdead", "runtime.startTheWorldWithSema"})) {
    const auto first = runtime_->memory().read_address(variable);
    if (!first || !*first) continue;
    std::vector<Address> chain = chain_of_machines(*runtime_, *first);
    if (chain.size() > longest.size()) longest = std::move(chain);
  }
  for (const Address address : longest) machines_.push_back(read_machine(*runtime_, address));
  std::ranges::sort(machines_, {}, &Machine::address);
}

void GoScheduler::find_texts() {
  const auto table_with = [&](std::initializer_list<std::string_view> functions, std::size_t first,
                              std::initializer_list<std::string_view> expected) {
    for (const Address variable : runtime_->references(functions)) {
      std::vector<std::string> texts = runtime_->read_string_table(variable, MOST_TEXTS);
      if (texts.size() >= first + expected.size() &&
          std::equal(expected.begin(), expected.end(), texts.begin() + first))
        return texts;
    }
    return std::vector<std::string>{};
  };
  statuses_ =
      table_with({"runtime.goroutineheader"}, 0, {"idle", "runnable", "running", "syscall", "waiting"});
  // Behind the last status may stand another table. (runtime/traceback.go, gStatusStrings)
  statuses_.resize(std::min<std::size_t>(statuses_.size(), runtime_->version().minor >= 26 ? 12 : 10));
  wait_reasons_ = table_with({"runtime.waitReason.String", "runtime.goroutineheader"}, 1,
                             {"GC assist marking", "IO wait"});
}

// A version that our tables do not know passes with its own or the nearest known layout only if everything
// agrees.
Result<void> GoScheduler::check_unknown_layout() const {
  const auto failed = [&] {
    return failure(fmt::format("{}: layout not known; threads only", runtime_->version().text));
  };
  if (machines_.empty() || statuses_.empty() || wait_reasons_.empty() || !runtime_->are_tables_known())
    return failed();
  std::unordered_set<std::uint64_t> ids;
  for (std::size_t i = 0; i < size(); ++i) {
    const auto g = read_goroutine(*runtime_, goroutine_address(i));
    // Those in the list have been made dead at least; and the runtime's own never end.
    if (!g || g->status == GoStatus::IDLE) return failed();
    if (g->is_dead()) continue;
    if (g->id == 0 || !ids.insert(g->id).second || g->wait_reason >= wait_reasons_.size()) return failed();
    if (g->start && !runtime_->find_function(g->start)) return failed();
    if (g->created_at && !runtime_->find_function(g->created_at)) return failed();
    if (g->machine && find_machine(g->machine) == nullptr) return failed();
    if (g->status == GoStatus::WAITING && !runtime_->find_function(g->sched_pc)) return failed();
  }
  if (ids.empty()) return failed();
  for (const Machine& machine : machines_) {
    const auto& threads = runtime_->snapshot().threads;
    if (machine.thread_id != 0 && std::ranges::none_of(threads, [&](const Thread& thread) {
          return static_cast<std::uint64_t>(thread.tid) == machine.thread_id;
        }))
      return failed();
  }
  return {};
}

Address GoScheduler::goroutine_address(std::size_t index) const {
  const Bytes bytes = clipped(allgs_.bytes(), index * 8, 8);
  std::uint64_t value = 0;
  if (bytes.size() == 8) std::memcpy(&value, bytes.data(), 8);
  return Address(value);
}

const Machine* GoScheduler::find_machine(Address address) const {
  const auto found = std::ranges::lower_bound(machines_, address, {}, &Machine::address);
  return found != machines_.end() && found->address == address ? &*found : nullptr;
}

std::string_view GoScheduler::wait_reason(std::uint8_t number) const {
  return number < wait_reasons_.size() ? std::string_view(wait_reasons_[number]) : std::string_view{};
}

std::string_view GoScheduler::status(std::uint32_t number) const {
  return number < statuses_.size() ? std::string_view(statuses_[number]) : "???";
}

SystemGoroutine is_system_goroutine(const GoRuntime& runtime, Address start) {
  const auto place = runtime.find_function(start);
  if (!place) return {};
  const std::string_view name = place->function.name;
  if (name == "runtime.main" || name == "runtime.corostart" || name == "runtime.handleAsyncEvent") return {};
  // runfinq was renamed in 1.24.
  if (name == "runtime.runfinq" || name == "runtime.runFinalizers" || name == "runtime.runCleanups")
    return {true, true};
  return {name.starts_with("runtime."), false};
}

}  // namespace standstill

#include "waits/goroutines/go_calls.h"

#include "runtimes/go/table_bytes.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace standstill {

namespace {

constexpr std::size_t MOST_FUNCTION_BYTES = 1u << 20;
constexpr std::size_t CALL_SIZE = 5;
constexpr std::size_t REACH = 96;  // bytes before a call in which its argument is looked for
constexpr std::size_t MOST_STEPS = 6;

constexpr std::pair<std::string_view, GoOperation> OPERATIONS[] = {
    {"sync.(*Mutex).Lock", GoOperation::LOCK},
    {"sync.(*Mutex).lockSlow", GoOperation::LOCK},
    {"sync.(*Mutex).TryLock", GoOperation::LOCK},
    {"internal/sync.(*Mutex).Lock", GoOperation::LOCK},
    {"internal/sync.(*Mutex).lockSlow", GoOperation::LOCK},
    {"sync.(*RWMutex).Lock", GoOperation::LOCK},
    {"sync.(*RWMutex).RLock", GoOperation::LOCK},
    {"sync.runtime_SemacquireRWMutexR", GoOperation::LOCK},
    {"sync.runtime_SemacquireMutex", GoOperation::LOCK},
    {"sync.(*Mutex).Unlock", GoOperation::UNLOCK},
    {"sync.(*Mutex).unlockSlow", GoOperation::UNLOCK},
    {"internal/sync.(*Mutex).Unlock", GoOperation::UNLOCK},
    {"internal/sync.(*Mutex).unlockSlow", GoOperation::UNLOCK},
    {"sync.(*RWMutex).Unlock", GoOperation::UNLOCK},
    {"sync.(*RWMutex).RUnlock", GoOperation::UNLOCK},
    {"sync.(*RWMutex).rUnlockSlow", GoOperation::UNLOCK},
    {"runtime.chansend1", GoOperation::SEND},
    {"runtime.selectnbsend", GoOperation::SEND},
    {"runtime.chanrecv1", GoOperation::RECEIVE},
    {"runtime.chanrecv2", GoOperation::RECEIVE},
    {"runtime.closechan", GoOperation::CLOSE},
    {"runtime.selectgo", GoOperation::SELECT},
    {"sync.(*WaitGroup).Done", GoOperation::DONE},
    {"sync.(*Cond).Signal", GoOperation::SIGNAL},
    {"sync.(*Cond).Broadcast", GoOperation::SIGNAL},
    {"sync.runtime_notifyListNotifyOne", GoOperation::SIGNAL},
    {"sync.runtime_notifyListNotifyAll", GoOperation::SIGNAL},
};

std::int32_t signed_at(Bytes code, std::size_t at) {
  std::int32_t value = 0;
  std::memcpy(&value, code.data() + at, sizeof value);
  return value;
}

// One instruction that gives a register its value.
struct Definition {
  enum class Sort : std::uint8_t { COPY, ADDRESS, LOAD } sort = Sort::COPY;
  unsigned from = 0;  // register; 4 (rsp) and RIP end the search
  std::int64_t distance = 0;
};
constexpr unsigned RSP = 4, RIP = 16;

// Decodes `mov r, r`, `mov r, [r + d]` and `lea r, [r + d]` of 64 bits at `at`, where they end before `end`
// and their target is `target`. `entry` makes rip-relative distances addresses.
std::optional<Definition> definition_at(Bytes code, std::size_t at, std::size_t end, unsigned target,
                                        Address entry) {
  if (at + 3 > end || (code[at] & 0xf8) != 0x48) return std::nullopt;
  const unsigned rex = code[at], opcode = code[at + 1], modrm = code[at + 2];
  const unsigned mode = modrm >> 6, reg = (modrm >> 3 & 7) | (rex & 4) << 1,
                 rm = (modrm & 7) | (rex & 1) << 3;
  if ((rex & 2) != 0) return std::nullopt;
  if (opcode == 0x89 && mode == 3)
    return rm == target ? std::optional(Definition{Definition::Sort::COPY, reg, 0}) : std::nullopt;
  if (opcode == 0x8b && mode == 3)
    return reg == target ? std::optional(Definition{Definition::Sort::COPY, rm, 0}) : std::nullopt;
  if ((opcode != 0x8b && opcode != 0x8d) || reg != target || mode == 3) return std::nullopt;
  Definition found{opcode == 0x8b ? Definition::Sort::LOAD : Definition::Sort::ADDRESS, rm, 0};
  std::size_t next = at + 3;
  if ((modrm & 7) == 4) {  // a SIB byte: only [rsp + d] is of interest
    if (next >= end || code[next] != 0x24 || rm != RSP) return std::nullopt;
    ++next;
  }
  if (mode == 0 && (modrm & 7) == 5) {
    if (next + 4 > end) return std::nullopt;
    found.from = RIP;
    found.distance = static_cast<std::int64_t>(entry.value() + next + 4) + signed_at(code, next);
    return found;
  }
  if (mode == 1) {
    if (next + 1 > end) return std::nullopt;
    found.distance = static_cast<std::int8_t>(code[next]);
  } else if (mode == 2) {
    if (next + 4 > end) return std::nullopt;
    found.distance = signed_at(code, next);
  }
  return found;
}

// What rax holds when the call at `call` is made.
GoOperand operand_at(Bytes code, std::size_t call, Address entry) {
  std::vector<Definition> chain;
  unsigned target = 0;  // rax
  std::size_t end = call;
  const std::size_t first = call > REACH ? call - REACH : 0;
  while (chain.size() < MOST_STEPS) {
    std::optional<Definition> found;
    for (std::size_t at = end; at-- > first;) {
      found = definition_at(code, at, end, target, entry);
      if (found) {
        end = at;
        break;
      }
    }
    if (!found) return {};
    chain.push_back(*found);
    if (found->sort != Definition::Sort::COPY && (found->from == RSP || found->from == RIP)) break;
    if (found->from == RSP) return {};
    target = found->from;
  }
  const Definition& base = chain.back();
  if (base.sort == Definition::Sort::COPY || (base.from != RSP && base.from != RIP)) return {};
  GoOperand operand;
  operand.base = base.from == RSP ? GoOperand::Base::STACK : GoOperand::Base::STATIC;
  operand.start = base.distance;
  const auto load = [&] {
    if (operand.loads == GoOperand::MOST_LOADS) return false;
    operand.distances[operand.loads++] = 0;
    return true;
  };
  if (base.sort == Definition::Sort::LOAD && !load()) return {};
  for (auto step = chain.rbegin() + 1; step != chain.rend(); ++step) {
    if (step->sort == Definition::Sort::COPY) continue;
    if (operand.loads == 0)
      operand.start += step->distance;
    else
      operand.distances[operand.loads - 1u] += static_cast<std::int32_t>(step->distance);
    if (step->sort == Definition::Sort::LOAD && !load()) return {};
  }
  return operand;
}

// Of `add rsp, n; pop rbp; ret`, with which functions give their frame back, or without the pop (up to 1.20);
// 0 for anything else.
std::size_t size_of_return(Bytes code, std::size_t at) {
  if (at + 5 > code.size() || code[at] != 0x48 || code[at + 2] != 0xc4) return 0;
  std::size_t next = at + (code[at + 1] == 0x83 ? 4 : code[at + 1] == 0x81 ? 7 : code.size());
  if (next < code.size() && code[next] == 0x5d) ++next;
  return next < code.size() && code[next] == 0xc3 ? next + 1 - at : 0;
}

// `mov rbx, -1` or `mov ebx, -1` shortly before a call of WaitGroup.Add: Done, inlined.
bool takes_away_one(Bytes code, std::size_t call) {
  constexpr std::size_t NEAR = 32;
  for (std::size_t at = call > NEAR ? call - NEAR : 0; at + 7 <= call; ++at)
    if (code[at] == 0x48 && code[at + 1] == 0xc7 && code[at + 2] == 0xc3 && signed_at(code, at + 3) == -1)
      return true;
  return false;
}

}  // namespace

std::optional<Address> GoOperand::evaluate(const MemoryView& memory, Address stack_pointer) const {
  if (base == Base::UNKNOWN) return std::nullopt;
  Address value = (base == Base::STACK ? stack_pointer : Address()) + static_cast<std::uint64_t>(start);
  for (std::size_t i = 0; i < loads; ++i) {
    const auto loaded = memory.read_address(value);
    if (!loaded) return std::nullopt;
    value = *loaded + static_cast<std::uint64_t>(std::int64_t{distances[i]});
  }
  return value;
}

bool GoFunctionCalls::comes_to(const GoCallSite& site, std::uint64_t distance) const {
  if (site.distance > distance) return true;
  return std::ranges::any_of(
      loops, [&](const Loop& loop) { return loop.from >= distance && loop.to < site.distance; });
}

bool GoFunctionCalls::returns_between(std::uint64_t first, std::uint64_t last) const {
  const auto next = std::ranges::upper_bound(returns, first);
  return next != returns.end() && *next <= last;
}

bool GoFunctionCalls::has(GoOperation operation) const {
  return std::ranges::any_of(sites, [&](const GoCallSite& site) { return site.operation == operation; });
}

GoCalls::GoCalls(const GoRuntime& runtime) : runtime_(&runtime) {
  for (const auto& [name, operation] : OPERATIONS)
    if (const auto place = runtime.find_function(name))
      operations_.emplace(place->function.entry.value(), operation);
  if (const auto place = runtime.find_function(std::string_view("sync.(*WaitGroup).Add")))
    add_to_group_ = place->function.entry.value();
}

const GoFunctionCalls& GoCalls::of(const GoPlace& place) {
  const auto [entry, is_new] = known_.try_emplace(place.function.entry);
  if (is_new) {
    entry->second = read(place);
    entry->second.has_deferred_done = defers_done(place);
  }
  return entry->second;
}

GoFunctionCalls GoCalls::read(const GoPlace& place) const {
  GoFunctionCalls calls;
  const Address entry = place.function.entry;
  const TableBytes table(runtime_->memory(), entry,
                         std::min<std::uint64_t>(place.function.end - entry, MOST_FUNCTION_BYTES));
  const Bytes code = table.bytes();
  const auto add_jump = [&](std::size_t next, std::int64_t distance) {
    const std::int64_t target = static_cast<std::int64_t>(next) + distance;
    // Behind the stack check the function begins anew: no loop.
    if (distance < 0 && target > 0)
      calls.loops.push_back({static_cast<std::uint32_t>(next), static_cast<std::uint32_t>(target)});
  };
  for (std::size_t at = 0; at + 2 <= code.size(); ++at) {
    if (const std::size_t size = size_of_return(code, at); size != 0)
      calls.returns.push_back(static_cast<std::uint32_t>(at + size));
    if (code[at] == 0xeb || (code[at] & 0xf0) == 0x70)
      add_jump(at + 2, static_cast<std::int8_t>(code[at + 1]));
    if (at + CALL_SIZE > code.size()) continue;
    if (code[at] == 0xe9) add_jump(at + CALL_SIZE, signed_at(code, at + 1));
    if (at + 6 <= code.size() && code[at] == 0x0f && (code[at + 1] & 0xf0) == 0x80)
      add_jump(at + 6, signed_at(code, at + 2));
    if (code[at] != 0xe8) continue;
    const std::uint64_t target =
        entry.value() + at + CALL_SIZE + static_cast<std::uint64_t>(std::int64_t{signed_at(code, at + 1)});
    const auto known = operations_.find(target);
    GoCallSite site;
    site.distance = static_cast<std::uint32_t>(at + CALL_SIZE);
    if (known != operations_.end())
      site.operation = known->second;
    else if (target == add_to_group_ && add_to_group_ != 0 && takes_away_one(code, at))
      site.operation = GoOperation::DONE;
    else
      continue;
    site.operand = operand_at(code, at, entry);
    calls.sites.push_back(site);
  }
  return calls;
}

// "main.work.deferwrap1", "main.work.func2", "main.work.func2.1": what the compiler makes of what main.work
// defers. They follow it closely in the table of functions.
bool GoCalls::defers_done(const GoPlace& place) const {
  constexpr std::uint32_t REACH_OF_NAMES = 64;
  // Since 1.25: WaitGroup.Go calls the function it is given, and Done behind it.
  if (place.function.name.starts_with("sync.(*WaitGroup).Go.")) return true;
  for (std::uint32_t i = 1; i <= REACH_OF_NAMES; ++i) {
    const auto function = place.module->lines.at(place.function.index + i);
    if (!function) return false;
    if (!function->name.starts_with(place.function.name)) continue;
    const std::string_view rest = function->name.substr(place.function.name.size());
    // Other closures may be what it starts as goroutines.
    const bool is_closure =
        rest.starts_with(".func") || (rest.size() > 1 && rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9');
    const bool is_deferred = rest.starts_with(".deferwrap") || rest.starts_with("·dwrap") ||
                             (is_closure && place.function.has_defers);
    if (is_deferred && read({place.module, *function}).has(GoOperation::DONE)) return true;
  }
  return false;
}

}  // namespace standstill

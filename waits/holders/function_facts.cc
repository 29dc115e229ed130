#include "waits/holders/function_facts.h"

#include "waits/holders/landing_pads.h"

#include <algorithm>

namespace standstill {
namespace {

constexpr std::uint64_t CODE_LIMIT = 1 << 18;  // bytes of one function that are looked through

// Whether the four bytes behind `before` can be an address by their instruction: relative to rip (ModRM with
// mod 0, r/m 5), or absolute in a non-PIE program (mov $imm32,%reg; push $imm32; a SIB byte without base and
// index).
bool may_be_relative(std::uint8_t before) { return (before & 0xc7) == 0x05; }
bool may_be_absolute(std::uint8_t before) {
  return (before & 0xf8) == 0xb8 || before == 0x68 || before == 0x25;
}

// Where the function goes on behind a call that returns to `pc`. Compilers move the slow path of an inlined
// lock to the function's end and jump back from there: then what follows the call lies before it.
Address continuation(Bytes code, Address start, Address pc) {
  constexpr std::uint64_t REACH = 16;
  for (std::uint64_t place = pc - start; place < pc - start + REACH && place + 5 <= code.size(); ++place) {
    std::int64_t distance = 0;
    std::uint64_t size = 0;
    if (code[place] == 0xeb) {
      distance = static_cast<std::int8_t>(code[place + 1]);
      size = 2;
    } else if (code[place] == 0xe9) {
      std::int32_t value = 0;
      std::memcpy(&value, code.data() + place + 1, 4);
      distance = value;
      size = 5;
    }
    if (size == 0 || distance >= 0) continue;
    const Address target = start + place + size + static_cast<std::uint64_t>(distance);
    if (start <= target && target < pc) return target;
  }
  return pc;
}

// Whether the instruction whose displacement lies at `place` exchanges (86, 87) or has a lock prefix.
bool is_atomic(Bytes code, std::uint64_t place) {
  // opcode, ModRM, displacement: the opcode is two bytes back, after it a prefix or two
  if (place < 2) return false;
  if (code[place - 2] == 0x87 || code[place - 2] == 0x86) return true;
  for (std::uint64_t back = 3; back <= 5 && back <= place; ++back)
    if (code[place - back] == 0xf0) return true;
  return false;
}

}  // namespace

FunctionFacts::FunctionFacts(const Snapshot& snapshot, std::span<const Address> locks)
    : snapshot_(snapshot), locks_(locks), call_frames_(snapshot.modules.size()), releasing_(snapshot) {}

FunctionFacts::~FunctionFacts() = default;

const FrameFacts& FunctionFacts::at(const Frame& frame) {
  const auto [entry, is_new] = known_.try_emplace(frame.lookup_address());
  if (is_new) entry->second = find(frame);
  return entry->second;
}

FrameFacts FunctionFacts::find(const Frame& frame) {
  FrameFacts facts;
  const Address lookup = frame.lookup_address();
  const auto index = snapshot_.find_module(lookup);
  if (!index) return facts;
  const Module& module = snapshot_.modules[*index];
  auto& frames = call_frames_[*index];
  if (!frames)
    frames = std::make_unique<ModuleCallFrames>(snapshot_, *index, [](ModuleIndex) { return nullptr; });
  const auto entry = frames->find(module.to_vaddr(lookup));
  if (!entry) return facts;
  const Address start = module.from_vaddr(entry->start);
  if (entry->exception_table != 0)
    facts.landing_pad =
        find_landing_pad(snapshot_.memory, module.from_vaddr(entry->exception_table), start, lookup);
  const std::uint64_t size = std::min<std::uint64_t>(entry->end - entry->start, CODE_LIMIT);
  std::vector<std::uint8_t> scratch;
  const Bytes code = snapshot_.memory.bytes_in(start, size, scratch);
  find_references(code, start, lookup, facts);
  facts.takings = find_taking_calls(snapshot_.memory, code, start, frame.pc, releasing_);
  facts.releases =
      find_release_calls(snapshot_.memory, code, start, continuation(code, start, frame.pc), releasing_);
  return facts;
}

void FunctionFacts::find_references(Bytes code, Address start, Address lookup, FrameFacts& facts) const {
  if (locks_.empty() || code.size() < 5) return;
  const std::uint64_t lowest = locks_.front().value(), span = locks_.back() - locks_.front();
  const auto add = [&](std::uint64_t target, std::uint64_t place) {
    const auto found = std::lower_bound(locks_.begin(), locks_.end(), Address(target));
    if (found == locks_.end() || found->value() != target) return;
    const auto lock = static_cast<std::uint32_t>(found - locks_.begin());
    auto reference = std::ranges::find(facts.references, lock, &LockReference::lock);
    if (reference == facts.references.end()) reference = facts.references.insert(reference, {lock, 0, 0, 0});
    if (!is_atomic(code, place))
      ++reference->others;
    else
      ++(start + place <= lookup ? reference->atomic_before : reference->atomic_after);
  };
  for (std::uint64_t place = 1; place + 4 <= code.size(); ++place) {
    const std::uint8_t before = code[place - 1];
    if (!may_be_relative(before) && !may_be_absolute(before)) continue;
    std::uint32_t value = 0;
    std::memcpy(&value, code.data() + place, 4);
    if (may_be_relative(before)) {
      const std::uint64_t next =
          (start + place + 4).value() + static_cast<std::uint64_t>(static_cast<std::int32_t>(value));
      // An immediate operand may follow the displacement.
      if (next + 4 - lowest <= span + 4)
        for (const std::uint64_t immediate : {0, 1, 2, 4}) add(next + immediate, place);
    }
    if (may_be_absolute(before) && value - lowest <= span) add(value, place);
  }
}

}  // namespace standstill

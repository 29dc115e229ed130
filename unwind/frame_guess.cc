#include "unwind/frame_guess.h"

#include "unwind/call_site.h"

#include <algorithm>
#include <array>

namespace standstill {
namespace {

constexpr std::size_t PROVEN_WORDS = 1024;  // how far up a proven candidate is looked for: 8 KiB of locals
constexpr std::size_t LIKELY_WORDS = 64;    // and one without proof
constexpr std::uint64_t FUNCTION_SIZE = 64 * 1024;  // a target further below the pc is another function
constexpr std::uint64_t FRAME_SIZE = 1024 * 1024;   // between the stack pointer and a frame pointer

struct Candidate {
  Address slot;  // where the return address lies
  Address return_address;
  Address target;
};

bool reaches(Address target, Address pc, bool is_exact) {
  if (!target) return false;
  // A return address at the very start of a function belongs to the one before it, which ended with the call.
  const Address place = is_exact ? pc : pc - 1;
  return target <= place && place - target < FUNCTION_SIZE;
}

// Registers of the caller when the return address was found at `slot`.
FrameRegisters caller_at(const Candidate& candidate, const FrameRegisters& registers, std::uint32_t kept) {
  FrameRegisters caller = registers;
  caller.known &= kept;
  caller.set(Registers::RSP, candidate.slot.value() + 8);
  caller.set(Registers::RIP, candidate.return_address.value());
  return caller;
}

// A prologue pushes callee-saved registers right below the return address, in the order of its push
// instructions. Those that ran before the pc are undone; where the prologue does something else first,
// nothing more is known.
void undo_pushes(const Snapshot& snapshot, const Candidate& candidate, Address pc, FrameRegisters& caller,
                 StackWindow& window) {
  std::array<std::uint8_t, 32> code{};
  if (!snapshot.memory.copy(candidate.target, code)) return;
  std::size_t at = 0;
  Address slot = candidate.slot;
  if (code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa) at = 4;  // endbr64
  while (at + 4 <= code.size()) {
    unsigned number = Registers::COUNT;
    std::size_t size = 1;
    if (code[at] == 0x53) number = Registers::RBX;
    if (code[at] == 0x55) number = Registers::RBP;
    if (code[at] == 0x41 && code[at + 1] >= 0x54 && code[at + 1] <= 0x57) {
      number = Registers::R12 + (code[at + 1] - 0x54u);
      size = 2;
    }
    if (number == Registers::COUNT) {
      // "mov %rsp, %rbp" between pushes is what -fno-omit-frame-pointer writes.
      if (code[at] != 0x48 || code[at + 1] != 0x89 || code[at + 2] != 0xe5) return;
      size = 3;
    } else if (candidate.target + at < pc) {
      slot = slot - 8;
      if (const auto saved = window.read(slot)) caller.set(number, *saved);
    }
    at += size;
  }
}

class Guesser {
 public:
  Guesser(const Snapshot& snapshot, const FrameRegisters& registers, bool is_exact, StackWindow& window,
          LocalRows& rows)
      : snapshot_(snapshot), registers_(registers), is_exact_(is_exact), window_(window), rows_(rows) {
    pc_ = registers.pc();
    stack_pointer_ = registers.stack_pointer();
  }

  Guess guess(bool may_be_unproven) {
    if (!registers_.knows(Registers::RSP)) return {};
    if (!snapshot_.is_executable(pc_)) return {is_exact_ ? caller_of_bad_call() : std::nullopt, false};
    if (is_thread_start() || is_entry_point()) return {std::nullopt, true};
    const auto framed = frame_pointer_candidate();
    if (auto caller = proven(framed)) return {caller, false};
    if (framed) return {by_frame_pointer(*framed), false};
    if (auto caller = may_be_unproven ? likely() : std::nullopt) return {caller, false};
    // The ABI marks the outermost frame with a frame pointer of zero (psABI 3.4.1).
    return {std::nullopt, registers_.get(Registers::RBP) == 0};
  }

 private:
  std::optional<Candidate> candidate_at(Address slot) {
    const auto word = window_.read(slot);
    if (!word || *word < 4096) return std::nullopt;
    const auto site = find_call_site(snapshot_, Address(*word));
    return site ? std::optional(Candidate{slot, Address(*word), site->target}) : std::nullopt;
  }

  // A call through a null or wild pointer has pushed its return address and done nothing else.
  std::optional<GuessedCaller> caller_of_bad_call() {
    const auto candidate = candidate_at(stack_pointer_);
    if (!candidate) return std::nullopt;
    return GuessedCaller{FoundBy::SCAN, stack_pointer_ + 8, caller_at(*candidate, registers_, CALLEE_SAVED),
                         true};
  }

  // musl's clone() and others without CFI: the code behind the call of the thread's function makes the thread
  // exit. "mov %eax, %edi", then exit's number (60) into eax, then syscall (musl 1.2.3
  // src/thread/x86_64/clone.s).
  bool is_thread_start() const {
    constexpr std::array<std::uint8_t, 8> EXIT = {0x89, 0xc7, 0x31, 0xc0, 0xb0, 0x3c, 0x0f, 0x05};
    std::array<std::uint8_t, 8> code{};
    return !is_exact_ && snapshot_.memory.copy(pc_, code) && code == EXIT;
  }

  // _start of a program or of the dynamic linker: where the kernel begins, with no return address on the
  // stack.
  bool is_entry_point() const {
    constexpr std::uint64_t SIZE = 96;
    const auto index = snapshot_.find_module(pc_);
    if (!index) return false;
    const Module& module = snapshot_.modules[*index];
    if (module.image == nullptr || module.image->header().e_entry == 0) return false;
    const Address entry = module.from_vaddr(module.image->header().e_entry);
    return entry <= pc_ && pc_ - entry < SIZE;
  }

  std::optional<Candidate> frame_pointer_candidate() {
    const auto frame_pointer = registers_.get(Registers::RBP);
    if (!frame_pointer || *frame_pointer % 8 != 0) return std::nullopt;
    const Address frame(*frame_pointer);
    if (frame < stack_pointer_ || frame - stack_pointer_ > FRAME_SIZE) return std::nullopt;
    const auto saved = window_.read(frame);
    if (!saved || (*saved != 0 && *saved <= frame.value())) return std::nullopt;
    return candidate_at(frame + 8);
  }

  std::optional<GuessedCaller> proven(const std::optional<Candidate>& framed) {
    std::optional<Candidate> best;
    if (framed && reaches(framed->target, pc_, is_exact_)) best = framed;
    for (std::size_t i = 0; i < PROVEN_WORDS; ++i) {
      const Address slot = stack_pointer_ + i * 8;
      if (framed && slot >= framed->slot) break;
      if (!window_.read(slot)) break;
      const auto candidate = candidate_at(slot);
      if (!candidate || !reaches(candidate->target, pc_, is_exact_)) continue;
      if (!best || candidate->target > best->target) best = candidate;
    }
    if (!best) return std::nullopt;
    if (framed && best->slot == framed->slot) return by_frame_pointer(*framed);
    GuessedCaller result{FoundBy::SCAN, best->slot + 8, caller_at(*best, registers_, CALLEE_SAVED), true};
    undo_pushes(snapshot_, *best, pc_, result.caller, window_);
    return result;
  }

  GuessedCaller by_frame_pointer(const Candidate& framed) {
    // Other registers that callees keep lie somewhere in the frame; where, nobody says.
    FrameRegisters caller = caller_at(framed, registers_, 0);
    if (const auto saved = window_.read(framed.slot - 8)) caller.set(Registers::RBP, *saved);
    return {FoundBy::FRAME_POINTER, framed.slot + 8, caller, reaches(framed.target, pc_, is_exact_)};
  }

  std::optional<GuessedCaller> likely() {
    for (std::size_t i = 0; i < LIKELY_WORDS; ++i) {
      const auto candidate = candidate_at(stack_pointer_ + i * 8);
      if (!candidate) continue;
      if (rows_.find(candidate->return_address, false).kind == UnwindRow::Kind::NONE) continue;
      return GuessedCaller{FoundBy::SCAN, candidate->slot + 8, caller_at(*candidate, registers_, 0), false};
    }
    return std::nullopt;
  }

  const Snapshot& snapshot_;
  const FrameRegisters& registers_;
  const bool is_exact_;
  StackWindow& window_;
  LocalRows& rows_;
  Address pc_;
  Address stack_pointer_;
};

}  // namespace

Guess guess_caller(const Snapshot& snapshot, const FrameRegisters& registers, bool is_exact,
                   bool may_be_unproven, StackWindow& window, LocalRows& rows) {
  return Guesser(snapshot, registers, is_exact, window, rows).guess(may_be_unproven);
}

}  // namespace standstill

#include "unwind/frame_guess.h"

#include "unwind/call_site.h"
#include "unwind/signal_frame.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace standstill {
namespace {

constexpr std::size_t SCANNED_WORDS = 1024;  // 8 KiB of locals
constexpr std::size_t LIKELY_WORDS = 64;     // without proof, not so far up
constexpr std::uint64_t FUNCTION_SIZE =
    64 * 1024;  // where no symbol tells: a target further below the pc is another function
constexpr std::uint64_t FRAME_SIZE = 1024 * 1024;  // between the stack pointer and a frame pointer

enum class Evidence { NONE, PROVEN, SIGNAL, INDIRECT };

struct Candidate {
  Address slot;  // where the return address lies
  Address return_address;
  Evidence evidence = Evidence::NONE;
  Address entry;  // when PROVEN: the start of the function that was called or jumped to
};

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
void undo_pushes(const GuessTools& tools, const Candidate& candidate, Address pc, FrameRegisters& caller) {
  std::array<std::uint8_t, 32> code{};
  if (!tools.snapshot.memory.copy(candidate.entry, code)) return;
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
    } else if (candidate.entry + at < pc) {
      slot = slot - 8;
      if (const auto saved = tools.window.read(slot)) caller.set(number, *saved);
    }
    at += size;
  }
}

class Guesser {
 public:
  Guesser(const GuessTools& tools, const FrameRegisters& registers, bool is_exact)
      : tools_(tools),
        registers_(registers),
        is_exact_(is_exact),
        pc_(registers.pc()),
        place_(is_exact ? pc_ : pc_ - 1),
        stack_pointer_(registers.stack_pointer()) {}

  Guess guess(bool may_be_unproven) {
    if (!registers_.knows(Registers::RSP)) return {};
    if (!tools_.snapshot.is_executable(pc_)) return {is_exact_ ? caller_of_bad_call() : std::nullopt, false};
    if (is_outermost_code(pc_)) return {std::nullopt, true};
    function_start_ = tools_.functions.find(place_);
    const auto framed = frame_pointer_candidate();
    if (framed && is_generated(place_)) return {by_frame_pointer(*framed), false};
    scan(framed);
    if (proven_) return {by_proof(*proven_, framed), false};
    if (signal_) return {by_scan(*signal_, CALLEE_SAVED, true), false};
    if (framed) return {by_frame_pointer(*framed), false};
    if (likely_ && may_be_unproven) return {by_scan(*likely_, 0, false), false};
    if (anchor_) return {by_scan(*anchor_, 0, true), false};
    // The ABI marks the outermost frame with a frame pointer of zero (psABI 3.4.1).
    return {std::nullopt, registers_.get(Registers::RBP) == 0};
  }

 private:
  // Whether a function that begins at `entry` is the one at hand.
  bool is_this_function(Address entry) const {
    if (!entry || entry > place_) return false;
    return function_start_ ? entry >= *function_start_ : place_ - entry < FUNCTION_SIZE;
  }

  // Where a short function at `entry` jumps to when that is the function at hand: musl's __syscall_cp is "jmp
  // __syscall_cp_c".
  std::optional<Address> tail_call_from(Address entry) const {
    std::array<std::uint8_t, 64> code{};
    if (!tools_.snapshot.memory.copy(entry, code)) return std::nullopt;
    for (std::size_t at = 0; at + 5 <= code.size(); ++at) {
      if (code[at] != 0xe9) continue;
      std::int32_t distance = 0;
      std::memcpy(&distance, &code[at + 1], sizeof distance);
      const Address target = entry + (at + 5) + static_cast<std::uint64_t>(std::int64_t{distance});
      if (is_this_function(target)) return target;
    }
    return std::nullopt;
  }

  std::optional<Candidate> candidate_at(Address slot) {
    const auto word = tools_.window.read(slot);
    if (!word || *word < 4096) return std::nullopt;
    const Address address(*word);
    const auto site = find_call_site(tools_.snapshot, address);
    if (!site) return signal_candidate_at(slot, address);
    Candidate candidate{slot, address, Evidence::NONE, {}};
    if (!site->target) {
      candidate.evidence = Evidence::INDIRECT;
    } else if (is_this_function(site->target)) {
      candidate.evidence = Evidence::PROVEN;
      candidate.entry = site->target;
    } else if (const auto target = tail_call_from(site->target)) {
      candidate.evidence = Evidence::PROVEN;
      candidate.entry = *target;
    }
    return candidate;
  }

  // The kernel lets a handler return into the trampoline, which follows no call.
  std::optional<Candidate> signal_candidate_at(Address slot, Address address) {
    const Snapshot& snapshot = tools_.snapshot;
    if (!snapshot.is_executable(address) || !is_signal_trampoline(snapshot.memory, address, false))
      return std::nullopt;
    const auto interrupted = read_signal_frame(snapshot.memory, slot + 8);
    if (!interrupted || !snapshot.is_executable(interrupted->pc())) return std::nullopt;
    return Candidate{slot, address, Evidence::SIGNAL, {}};
  }

  // A call through a null or wild pointer has pushed its return address and done nothing else.
  std::optional<GuessedCaller> caller_of_bad_call() {
    const auto candidate = candidate_at(stack_pointer_);
    return candidate ? std::optional(by_scan(*candidate, CALLEE_SAVED, true)) : std::nullopt;
  }

  // Code that has no caller: _start of a program or of the dynamic linker, where the kernel begins; and the
  // place in musl's clone() to which a thread's function returns, where it makes the thread exit: "mov %eax,
  // %edi", then exit's number (60) into eax, then syscall (musl 1.2.3 src/thread/x86_64/clone.s).
  bool is_outermost_code(Address address) const {
    constexpr std::array<std::uint8_t, 8> EXIT = {0x89, 0xc7, 0x31, 0xc0, 0xb0, 0x3c, 0x0f, 0x05};
    constexpr std::uint64_t START_SIZE = 96;
    std::array<std::uint8_t, 8> code{};
    if (tools_.snapshot.memory.copy(address, code) && code == EXIT) return true;
    const auto index = tools_.snapshot.find_module(address);
    if (!index) return false;
    const Module& module = tools_.snapshot.modules[*index];
    if (module.image == nullptr || module.image->header().e_entry == 0) return false;
    const Address entry = module.from_vaddr(module.image->header().e_entry);
    if (const auto start = tools_.functions.find(address)) return *start == entry;
    return entry <= address && address - entry < START_SIZE;
  }

  // The word above the saved frame pointer, if the two look like what a prologue leaves.
  std::optional<Candidate> frame_pointer_candidate() {
    const auto frame_pointer = registers_.get(Registers::RBP);
    if (!frame_pointer || *frame_pointer % 8 != 0) return std::nullopt;
    const Address frame(*frame_pointer);
    if (frame < stack_pointer_ || frame - stack_pointer_ > FRAME_SIZE) return std::nullopt;
    const auto saved = tools_.window.read(frame);
    if (!saved) return std::nullopt;
    const auto candidate = is_generated(place_) ? generated_candidate_at(frame + 8) : candidate_at(frame + 8);
    if (!candidate || candidate->evidence == Evidence::PROVEN) return candidate;
    // The chain ends with zero, goes up, or goes over to another stack, as where Go's scheduler was entered
    // from a goroutine.
    const Snapshot& snapshot = tools_.snapshot;
    const Address above(*saved);
    const bool is_chained = *saved == 0 || above > frame ||
                            (snapshot.ranges.find(above) != snapshot.ranges.find(frame) &&
                             !snapshot.memory.bytes_at(above).empty());
    return is_chained ? candidate : std::nullopt;
  }

  // Code that a runtime made while running: a dense heap of snippets without symbols, where "right below the
  // pc" proves little.
  bool is_generated(Address address) const { return !tools_.snapshot.find_module(address); }

  // Java's interpreter keeps frame pointers but enters methods by a jump, with the address to return to
  // pushed by hand.
  std::optional<Candidate> generated_candidate_at(Address slot) {
    if (auto candidate = candidate_at(slot)) return candidate;
    const auto word = tools_.window.read(slot);
    if (!word || !tools_.snapshot.is_executable(Address(*word)) || !is_generated(Address(*word)))
      return std::nullopt;
    return Candidate{slot, Address(*word), Evidence::NONE, {}};
  }

  // Goes over the stack once, up to the frame pointer's word or a signal frame, and keeps the best of each
  // kind.
  void scan(const std::optional<Candidate>& framed) {
    if (framed && framed->evidence == Evidence::PROVEN) proven_ = framed;
    for (std::size_t i = 0; i < SCANNED_WORDS; ++i) {
      const Address slot = stack_pointer_ + i * 8;
      if ((framed && slot >= framed->slot) || tools_.words_left == 0) return;
      --tools_.words_left;
      const auto candidate = candidate_at(slot);
      if (!candidate) continue;
      if (candidate->evidence == Evidence::SIGNAL) {
        signal_ = candidate;
        return;
      }
      if (candidate->evidence == Evidence::PROVEN && (!proven_ || candidate->entry > proven_->entry))
        proven_ = candidate;
      if (candidate->evidence == Evidence::INDIRECT && !likely_ && i < LIKELY_WORDS &&
          tools_.rows.find(candidate->return_address, false).kind != UnwindRow::Kind::NONE) {
        likely_ = candidate;
      }
      if (!anchor_ && is_outermost_code(candidate->return_address)) anchor_ = candidate;
    }
  }

  GuessedCaller by_scan(const Candidate& candidate, std::uint32_t kept, bool is_proven) const {
    return {FoundBy::SCAN, candidate.slot + 8, caller_at(candidate, registers_, kept), is_proven};
  }

  GuessedCaller by_proof(const Candidate& candidate, const std::optional<Candidate>& framed) const {
    if (framed && candidate.slot == framed->slot) return by_frame_pointer(*framed);
    GuessedCaller result = by_scan(candidate, CALLEE_SAVED, true);
    undo_pushes(tools_, candidate, pc_, result.caller);
    return result;
  }

  GuessedCaller by_frame_pointer(const Candidate& framed) const {
    // Other registers that callees keep lie somewhere in the frame; where, nobody says.
    FrameRegisters caller = caller_at(framed, registers_, 0);
    if (const auto saved = tools_.window.read(framed.slot - 8)) caller.set(Registers::RBP, *saved);
    return {FoundBy::FRAME_POINTER, framed.slot + 8, caller, framed.evidence == Evidence::PROVEN};
  }

  const GuessTools& tools_;
  const FrameRegisters& registers_;
  const bool is_exact_;
  const Address pc_;
  const Address place_;  // inside the call that left the frame, or the exact pc
  const Address stack_pointer_;
  std::optional<Address> function_start_;
  std::optional<Candidate> proven_, signal_, likely_, anchor_;
};

}  // namespace

Guess guess_caller(const GuessTools& tools, const FrameRegisters& registers, bool is_exact,
                   bool may_be_unproven) {
  return Guesser(tools, registers, is_exact).guess(may_be_unproven);
}

}  // namespace standstill

#include "waits/holders/lock_sightings.h"

#include <algorithm>
#include <array>

namespace standstill {
namespace {

constexpr std::array CALLEE_SAVED_REGISTERS = {Registers::RBX, Registers::RBP, Registers::R12,
                                               Registers::R13, Registers::R14, Registers::R15};
constexpr std::uint64_t FRAME_LIMIT = 1 << 20;  // bytes of one frame that are looked through
constexpr std::uint32_t TOP_FRAMES = 3;

bool is_c_library(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (const std::string_view prefix :
       {"libc.so", "libc-2", "libpthread", "ld-linux", "ld-2", "ld-musl", "libc.musl"})
    if (name.starts_with(prefix)) return true;
  return false;
}

std::optional<std::uint32_t> find_lock(std::span<const Address> locks, std::uint64_t value) {
  const auto found = std::lower_bound(locks.begin(), locks.end(), Address(value));
  if (found == locks.end() || found->value() != value) return std::nullopt;
  return static_cast<std::uint32_t>(found - locks.begin());
}

using Strength = LockSighting::Strength;

class Search {
 public:
  Search(const Snapshot& snapshot, const StackWithRegisters& stack, std::span<const Address> locks,
         FunctionFacts& facts, std::uint32_t first)
      : snapshot_(snapshot),
        frames_(stack.stack.frames),
        registers_(stack.registers),
        locks_(locks),
        facts_(facts),
        first_(first) {}

  std::vector<LockSighting> run() {
    for (std::uint32_t frame = first_; frame < frames_.size(); ++frame) look_at_code(frame);
    look_at_registers();
    for (std::uint32_t frame = 0; frame < frames_.size(); ++frame) look_at_slots(frame);
    return std::move(found_);
  }

 private:
  void look_at_code(std::uint32_t frame) {
    const FrameFacts& facts = facts_.at(frames_[frame]);
    for (const LockReference& reference : facts.references) {
      const bool is_between = reference.atomic_before > 0 && reference.atomic_after > 0;
      found_.push_back({reference.lock, frame, is_between ? Strength::INLINED : Strength::MENTION, false});
    }
    if (frame >= registers_.size()) return;
    for (const ReleaseCall& release : facts.releases) {
      const auto lock = find_lock(locks_, evaluate(release.argument, registers_[frame], snapshot_.memory));
      if (lock) found_.push_back({*lock, frame, strength_of(release.how), false});
      // Where there is no call frame information (musl), the registers of outer frames are lost; their values
      // still lie where the functions further in have saved them.
      const bool is_lost = release.argument.kind == FirstArgument::Kind::REGISTER &&
                           !registers_[frame].knows(release.argument.reg);
      if (is_lost && release.how == ReleaseCall::How::NAMED) releases_something_.push_back(frame);
    }
  }

  static Strength strength_of(ReleaseCall::How how) {
    switch (how) {
      case ReleaseCall::How::NAMED:
        return Strength::RELEASED;
      case ReleaseCall::How::UNNAMED:
        return Strength::ARGUMENT;
      default:
        return Strength::INLINED;
    }
  }

  // A register that the functions further in did not touch has its value in all their frames: it belongs to
  // the outermost of them.
  void look_at_registers() {
    for (const unsigned number : CALLEE_SAVED_REGISTERS) {
      for (std::uint32_t frame = 0; frame < registers_.size(); ++frame) {
        const auto value = registers_[frame].get(number);
        const auto lock = value ? find_lock(locks_, *value) : std::nullopt;
        if (!lock) continue;
        std::uint32_t owner = frame;
        while (owner + 1 < registers_.size() && registers_[owner + 1].get(number) == value) ++owner;
        add(*lock, owner, owner <= first_);
        frame = owner;
      }
    }
  }

  void look_at_slots(std::uint32_t frame) {
    const Address end = frames_[frame].cfa;
    Address start =
        frame == 0 ? registers_.empty() ? end : registers_[0].stack_pointer() : frames_[frame - 1].cfa;
    if (!end || !start || start >= end || end - start > FRAME_LIMIT) return;
    const Bytes bytes = snapshot_.memory.bytes_in(start, end - start, scratch_);
    for (std::uint64_t offset = 0; offset + 8 <= bytes.size(); offset += 8) {
      std::uint64_t value = 0;
      std::memcpy(&value, bytes.data() + offset, 8);
      const auto lock = find_lock(locks_, value);
      // A register of a frame further out, saved here, was seen as that frame's already.
      if (!lock || is_saved_register(*lock, frame)) continue;
      const auto releasing = std::ranges::find_if(releases_something_, [&](std::uint32_t outer) {
        return outer >= frame && outer - frame <= TOP_FRAMES;
      });
      if (releasing != releases_something_.end())
        found_.push_back({*lock, *releasing, Strength::ARGUMENT, false});
      else
        add(*lock, frame, frame <= first_);
    }
  }

  bool is_saved_register(std::uint32_t lock, std::uint32_t frame) const {
    if (frame + 1 >= registers_.size()) return false;
    return std::ranges::any_of(CALLEE_SAVED_REGISTERS, [&](unsigned number) {
      return registers_[frame + 1].get(number) == locks_[lock].value();
    });
  }

  void add(std::uint32_t lock, std::uint32_t frame, bool is_near_top) {
    if (frame < first_) {
      // Of the wait itself; kept only as a remark on what is at hand there.
      if (is_near_top) found_.push_back({lock, frame, Strength::ADDRESS, true});
      return;
    }
    const bool is_guarded = facts_.at(frames_[frame]).landing_pad.has_value();
    found_.push_back({lock, frame, is_guarded ? Strength::GUARDED : Strength::ADDRESS, is_near_top});
  }

  const Snapshot& snapshot_;
  const std::vector<Frame>& frames_;
  const std::vector<FrameRegisters>& registers_;
  std::span<const Address> locks_;
  FunctionFacts& facts_;
  const std::uint32_t first_;
  std::vector<std::uint32_t> releases_something_;  // frames that will unlock what a lost register points to
  std::vector<LockSighting> found_;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace

std::uint32_t first_own_frame(const Snapshot& snapshot, const Thread& thread, const Stack& stack) {
  if (!thread.registers.in_system_call()) return 0;
  std::uint32_t frame = 0;
  for (; frame < stack.frames.size(); ++frame) {
    const auto module = snapshot.find_module(stack.frames[frame].lookup_address());
    if (!module || !is_c_library(snapshot.modules[*module].path)) break;
  }
  // A static program has its C library within: the innermost frame is the system call at least.
  return std::max<std::uint32_t>(frame, 1);
}

std::vector<LockSighting> find_sightings(const Snapshot& snapshot, const Thread& thread,
                                         const StackWithRegisters& stack, std::span<const Address> locks,
                                         FunctionFacts& facts) {
  return Search(snapshot, stack, locks, facts, first_own_frame(snapshot, thread, stack.stack)).run();
}

}  // namespace standstill

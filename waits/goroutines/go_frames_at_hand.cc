#include "waits/goroutines/go_frames_at_hand.h"

#include "runtimes/go/stack_maps.h"
#include "runtimes/go/table_bytes.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace standstill {

namespace {

constexpr std::uint64_t MOST_FRAME_BYTES = 1u << 19;
constexpr std::uint64_t MOST_MASK_BITS = 1u << 16;
constexpr std::int32_t NO_SAFE_POINT = -2;

// A frame that is larger is looked through word by word, up to MOST_FRAME_BYTES.
std::optional<GoPointerMask> read_small_mask(const MemoryView& memory, Address masks, std::int32_t number) {
  auto mask = read_pointer_mask(memory, masks, number);
  return mask && mask->bits <= MOST_MASK_BITS ? std::move(mask) : std::nullopt;
}

bool is_of_program(std::string_view name) {
  if (name.starts_with("sync.(*WaitGroup).Go.")) return true;  // calls Done of the group that it belongs to
  for (const char* package : {"runtime.", "sync.", "internal/sync.", "internal/runtime/", "sync/atomic."})
    if (name.starts_with(package)) return false;
  return true;
}

}  // namespace

std::vector<GoFrameAtHand> frames_at_hand(const GoRuntime& runtime, const StackGroup& group) {
  std::vector<GoFrameAtHand> frames;
  for (std::uint32_t i = 0; i < group.frames.size(); ++i) {
    const Frame& frame = group.frames[i];
    if (frame.is_foreign) continue;
    const auto place = runtime.find_function(frame.lookup_address());
    if (!place || place->function.name == "runtime.goexit") continue;
    GoFrameAtHand at_hand;
    at_hand.index = i;
    at_hand.place = *place;
    at_hand.stands = frame.pc - place->function.entry;
    at_hand.is_program = is_of_program(place->function.name);
    at_hand.is_fresh = frame.pc == place->function.entry;
    frames.push_back(at_hand);
  }
  if (!frames.empty()) frames.back().is_outermost = true;
  return frames;
}

std::optional<Address> stack_pointer_at(const GoRuntime& runtime, const GoroutineTask& task,
                                        const StackGroup& group, const GoFrameAtHand& frame) {
  if (frame.index > 0 && !group.frames[frame.index - 1].is_foreign)
    return task.first_cfa + (group.frames[frame.index - 1].cfa - first_go_cfa(group.frames));
  const auto& threads = runtime.snapshot().threads;
  if (frame.index == 0 && task.status == GoStatus::RUNNING && task.thread < threads.size())
    return threads[task.thread].registers.stack_pointer();
  return std::nullopt;
}

std::vector<Address> live_pointers(const GoRuntime& runtime, const GoroutineTask& task,
                                   const StackGroup& group, const GoFrameAtHand& frame) {
  std::vector<Address> pointers;
  const MemoryView& memory = runtime.memory();
  const GoLineTable& lines = frame.place.module->lines;
  const GoFunction& function = frame.place.function;
  const Frame& physical = group.frames[frame.index];
  const Address cfa = task.first_cfa + (physical.cfa - first_go_cfa(group.frames));
  const std::int32_t index = lines.pcdata_at(function, GO_PCDATA_STACK_MAP, physical.lookup_address());
  const auto add_marked = [&](Address start, const GoPointerMask& mask) {
    for (std::uint64_t i = 0; i < mask.bits; ++i)
      if (mask.has(i))
        if (const auto word = memory.read_address(start + i * 8); word && *word) pointers.push_back(*word);
  };
  const Address locals = lines.funcdata(function, GO_FUNCDATA_LOCALS),
                arguments = lines.funcdata(function, GO_FUNCDATA_ARGUMENTS);
  const bool is_exact_place = frame.index == 0 && task.status == GoStatus::RUNNING;
  if (index != NO_SAFE_POINT && !is_exact_place && (locals || arguments)) {
    // Where the compiler gives no number, the first bitmap counts.
    const auto of_locals = read_small_mask(memory, locals, std::max(index, 0));
    const auto of_arguments = read_small_mask(memory, arguments, std::max(index, 0));
    if (of_locals || of_arguments) {
      // Below the return address and the saved frame pointer; arguments lie above the return address.
      if (of_locals) add_marked(cfa - 16 - of_locals->bits * 8, *of_locals);
      if (of_arguments) add_marked(cfa, *of_arguments);
      return pointers;
    }
  }
  const auto start = stack_pointer_at(runtime, task, group, frame);
  if (!start || cfa <= *start) return pointers;
  const TableBytes bytes(memory, *start, std::min<std::uint64_t>(cfa - *start, MOST_FRAME_BYTES));
  for (std::size_t at = 0; at + 8 <= bytes.bytes().size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.bytes().data() + at, 8);
    if (word != 0) pointers.push_back(Address(word));
  }
  return pointers;
}

}  // namespace standstill

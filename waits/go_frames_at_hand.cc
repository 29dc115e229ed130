#include "waits/go_frames_at_hand.h"

#include "runtimes/go/table_bytes.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace standstill {

namespace {

constexpr std::uint64_t MOST_FRAME_BYTES = 1u << 19;
// internal/abi/symtab.go: PCDATA_StackMapIndex, FUNCDATA_ArgsPointerMaps, FUNCDATA_LocalsPointerMaps
constexpr std::uint32_t STACK_MAP_INDEX = 1, ARGUMENT_MAPS = 0, LOCAL_MAPS = 1;
constexpr std::int32_t NO_SAFE_POINT = -2;

// One bitmap of a `struct stackmap {n, nbit int32; bytedata [...]}`: n bitmaps of nbit bits, in whole bytes.
std::optional<std::vector<bool>> read_bitmap(const MemoryView& memory, Address map, std::int32_t index) {
  constexpr std::int32_t MOST_BITS = 1 << 16;
  const auto count = memory.read<std::int32_t>(map), bits = memory.read<std::int32_t>(map + 4);
  if (!count || !bits || index < 0 || index >= *count || *bits < 0 || *bits > MOST_BITS) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(*bits + 7) / 8;
  const TableBytes bytes(memory, map + 8 + static_cast<std::uint64_t>(index) * size, size);
  if (bytes.bytes().size() < size) return std::nullopt;
  std::vector<bool> bitmap;
  for (std::int32_t i = 0; i < *bits; ++i)
    bitmap.push_back((bytes.bytes()[static_cast<std::size_t>(i) / 8] >> (i % 8) & 1) != 0);
  return bitmap;
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
  const std::int32_t index = lines.pcdata_at(function, STACK_MAP_INDEX, physical.lookup_address());
  const auto add_marked = [&](Address start, const std::vector<bool>& bitmap) {
    for (std::size_t i = 0; i < bitmap.size(); ++i)
      if (bitmap[i])
        if (const auto word = memory.read_address(start + i * 8); word && *word) pointers.push_back(*word);
  };
  const Address locals = lines.funcdata(function, LOCAL_MAPS),
                arguments = lines.funcdata(function, ARGUMENT_MAPS);
  const bool is_exact_place = frame.index == 0 && task.status == GoStatus::RUNNING;
  if (index != NO_SAFE_POINT && !is_exact_place && (locals || arguments)) {
    // Where the compiler gives no number, the first bitmap counts.
    const auto of_locals = locals ? read_bitmap(memory, locals, std::max(index, 0)) : std::nullopt;
    const auto of_arguments = arguments ? read_bitmap(memory, arguments, std::max(index, 0)) : std::nullopt;
    if (of_locals || of_arguments) {
      // Below the return address and the saved frame pointer; arguments lie above the return address.
      if (of_locals) add_marked(cfa - 16 - of_locals->size() * 8, *of_locals);
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

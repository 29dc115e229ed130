#include "runtimes/go/stack_maps.h"

#include <utility>

namespace standstill {

namespace {

constexpr std::uint32_t FUNCDATA_OBJECTS = 2;
constexpr std::uint64_t MOST_BITS = 1u << 20, MOST_OBJECTS = 1u << 16;
constexpr std::int32_t LARGEST_ARGUMENTS = 1 << 20;

// Functions of package reflect whose arguments only their callers know.
bool has_foreign_arguments(std::string_view name) {
  return name == "reflect.makeFuncStub" || name == "reflect.methodValueCall";
}

// struct stackObjectRecord, and the bytes from the variable's start at which pointers lie.
struct ObjectRecord {
  std::int32_t offset, size, pointer_bytes;
  std::uint32_t mask;
};

std::optional<std::vector<std::uint32_t>> read_pointers(const MemoryView& memory, Address rodata,
                                                        const ObjectRecord& record) {
  std::vector<std::uint32_t> pointers;
  const std::uint32_t words =
      static_cast<std::uint32_t>(record.pointer_bytes < 0 ? record.size : record.pointer_bytes) / 8;
  std::vector<std::uint8_t> mask((words + 7) / 8, 0xff);
  if (record.pointer_bytes >= 0 && (!rodata || !memory.copy(rodata + record.mask, mask))) return std::nullopt;
  for (std::uint32_t i = 0; i < words; ++i)
    if ((mask[i / 8] >> (i % 8) & 1) != 0) pointers.push_back(i * 8);
  return pointers;
}

bool read_variables(const MemoryView& memory, Address table, Address rodata, std::int32_t locals_end,
                    GoFrameMap& map) {
  if (!table) return true;
  const auto count = memory.read<std::uint64_t>(table);
  if (!count || *count > MOST_OBJECTS) return false;
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto record = memory.read<ObjectRecord>(table + 8 + i * sizeof(ObjectRecord));
    if (!record || record->size < 0 || record->pointer_bytes > record->size || record->offset < -(1 << 30) ||
        record->offset > 1 << 30 || (total += static_cast<std::uint64_t>(record->size)) > MOST_BITS * 8)
      return false;
    auto pointers = read_pointers(memory, rodata, *record);
    if (!pointers) return false;
    map.variables.push_back({record->offset < 0 ? locals_end + record->offset : record->offset,
                             static_cast<std::uint32_t>(record->size), std::move(*pointers)});
  }
  return true;
}

}  // namespace

std::optional<GoPointerMask> read_pointer_mask(const MemoryView& memory, Address masks, std::int32_t number) {
  const auto count = masks ? memory.read<std::int32_t>(masks) : std::nullopt;
  const auto bits = masks ? memory.read<std::int32_t>(masks + 4) : std::nullopt;
  if (!count || !bits || number < 0 || number >= *count || *bits < 0 ||
      static_cast<std::uint64_t>(*bits) > MOST_BITS)
    return std::nullopt;
  GoPointerMask mask;
  mask.bits = static_cast<std::uint64_t>(*bits);
  mask.bytes.resize((mask.bits + 7) / 8);
  const Address start = masks + 8 + static_cast<std::uint64_t>(number) * mask.bytes.size();
  if (!memory.copy(start, mask.bytes)) return std::nullopt;
  return mask;
}

GoFrameMap read_frame_map(const GoRuntime& runtime, Address pc, std::uint32_t frame_size) {
  GoFrameMap map;
  const auto place = runtime.find_function(pc);
  if (!place || frame_size < 8 || frame_size > MOST_BITS * 8) return map;
  const GoFunction& function = place->function;
  const GoLineTable& lines = place->module->lines;
  const MemoryView& memory = runtime.memory();
  if (has_foreign_arguments(function.name) || function.args_size < 0 ||
      function.args_size > LARGEST_ARGUMENTS)
    return map;
  map.arguments = function.args_size;
  const Address target = pc == function.entry ? pc : pc - 1;
  std::int32_t number = lines.pcdata_at(function, GO_PCDATA_STACK_MAP, target);
  if (number == -1) number = 0;
  // Below the return address, and below the saved frame pointer where there is a frame.
  const std::int32_t locals_end = frame_size > 8 ? -16 : -8;
  if (static_cast<std::int32_t>(frame_size) + locals_end > 0) {
    const auto mask = read_pointer_mask(memory, lines.funcdata(function, GO_FUNCDATA_LOCALS), number);
    if (!mask || mask->bits * 8 > frame_size) return map;
    const std::int32_t start = locals_end - static_cast<std::int32_t>(mask->bits * 8);
    for (std::uint64_t i = 0; i < mask->bits; ++i)
      if (mask->has(i)) map.words.push_back(start + static_cast<std::int32_t>(i * 8));
  }
  if (function.args_size > 0) {
    const auto mask = read_pointer_mask(memory, lines.funcdata(function, GO_FUNCDATA_ARGUMENTS), number);
    if (!mask) return map;
    for (std::uint64_t i = 0; i < mask->bits; ++i)
      if (mask->has(i)) map.words.push_back(static_cast<std::int32_t>(i * 8));
  }
  map.is_known = read_variables(memory, lines.funcdata(function, FUNCDATA_OBJECTS),
                                place->module->data.rodata, locals_end, map);
  return map;
}

}  // namespace standstill

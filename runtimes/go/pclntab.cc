#include "runtimes/go/pclntab.h"

#include <algorithm>
#include <cstring>

namespace standstill {

namespace {

constexpr std::size_t FTAB_ENTRY = 8;
constexpr std::size_t LONGEST_NAME = 1u << 16;
constexpr std::size_t DEEPEST_INLINING = 256;  // the compiler's own limit is far below
constexpr std::uint32_t NONE = 0xffffffff;

template <class T>
std::optional<T> read(Bytes bytes, std::uint64_t offset) {
  if (offset > bytes.size() || sizeof(T) > bytes.size() - offset) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// runtime.readvarint: 32 bits. False at the end of the table.
bool read_varint(Bytes bytes, std::size_t& at, std::uint32_t& value) {
  value = 0;
  for (unsigned shift = 0; at < bytes.size() && shift < 32; shift += 7) {
    const std::uint8_t byte = bytes[at++];
    value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace

GoLineTable::GoLineTable(const MemoryView& memory, const GoModuleData& data)
    : memory_(&memory),
      text_(data.text),
      minpc_(data.minpc),
      maxpc_(data.maxpc),
      gofunc_(data.gofunc),
      has_start_lines_(data.has_start_lines),
      names_(memory, data.funcnametab.start, data.funcnametab.size),
      units_(memory, data.cutab.start, data.cutab.size * 4),
      files_(memory, data.filetab.start, data.filetab.size),
      values_(memory, data.pctab.start, data.pctab.size),
      functions_(memory, data.pclntable.start, data.pclntable.size),
      ftab_(memory, data.ftab.start, data.ftab.size * FTAB_ENTRY) {
  // The last entry of ftab only says where the code ends.
  const std::size_t entries = ftab_.bytes().size() / FTAB_ENTRY;
  count_ = entries == 0 ? 0 : entries - 1;
}

std::uint32_t GoLineTable::entry_offset(std::size_t index) const {
  return read<std::uint32_t>(ftab_.bytes(), index * FTAB_ENTRY).value_or(0);
}

std::optional<GoFunction> GoLineTable::find(Address pc) const {
  if (pc < minpc_ || pc >= maxpc_ || count_ == 0) return std::nullopt;
  const std::uint64_t offset = pc - text_;
  std::size_t low = 0, high = count_;  // the first entry behind pc lies in (low, high]
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    (entry_offset(middle) <= offset ? low : high) = middle;
  }
  auto function = at(static_cast<std::uint32_t>(low));
  return function && function->contains(pc) ? function : std::nullopt;
}

std::optional<GoFunction> GoLineTable::at(std::uint32_t index) const {
  if (index >= count_) return std::nullopt;
  const Bytes table = functions_.bytes();
  const std::uint64_t record = read<std::uint32_t>(ftab_.bytes(), index * FTAB_ENTRY + 4).value_or(NONE);
  const std::uint64_t size = has_start_lines_ ? 44 : 40;
  Cursor cursor(clipped(table, record, size));
  GoFunction function;
  function.index = index;
  cursor.skip(4);  // entryOff, which ftab states too
  const auto name = cursor.read<std::uint32_t>();
  function.args_size = cursor.read<std::int32_t>();
  function.has_defers = cursor.read<std::uint32_t>() != 0;  // deferreturn: where panics are recovered to
  function.pcsp = cursor.read<std::uint32_t>();
  function.pcfile = cursor.read<std::uint32_t>();
  function.pcln = cursor.read<std::uint32_t>();
  function.pcdata_count = cursor.read<std::uint32_t>();
  function.cu_offset = cursor.read<std::uint32_t>();
  if (has_start_lines_) function.start_line = cursor.read<std::uint32_t>();
  function.id = cursor.read<std::uint8_t>();
  function.flags = cursor.read<std::uint8_t>();
  cursor.skip(1);
  function.funcdata_count = cursor.read<std::uint8_t>();
  if (!cursor.ok()) return std::nullopt;
  function.tables = static_cast<std::uint32_t>(record + size);
  function.entry = text_ + entry_offset(index);
  function.end = text_ + entry_offset(index + 1);
  function.name = text_at(names_.bytes(), name);
  if (function.end <= function.entry) return std::nullopt;
  return function;
}

std::string_view GoLineTable::name_at(std::uint32_t index, std::uint8_t* id) const {
  const std::uint64_t record =
      read<std::uint32_t>(ftab_.bytes(), std::size_t{index} * FTAB_ENTRY + 4).value_or(NONE);
  const auto name = read<std::uint32_t>(functions_.bytes(), record + 4);
  if (!name) return {};
  if (id != nullptr)
    *id = read<std::uint8_t>(functions_.bytes(), record + (has_start_lines_ ? 40 : 36)).value_or(0);
  return text_at(names_.bytes(), *name);
}

std::string_view GoLineTable::text_at(Bytes table, std::uint64_t offset) const {
  const std::string_view rest = as_text(clipped(table, offset, LONGEST_NAME));
  const std::size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view{} : rest.substr(0, end);
}

std::optional<std::int32_t> GoLineTable::value_at(const GoFunction& function, std::uint32_t offset,
                                                  Address pc) const {
  if (offset == 0) return std::nullopt;
  const Bytes table = values_.bytes();
  const std::uint64_t target = pc - function.entry;
  std::size_t at = offset;
  std::uint64_t place = 0;
  std::uint32_t value = UINT32_MAX;  // -1; wraps around as the runtime's int32 does
  for (bool is_first = true;; is_first = false) {
    std::uint32_t delta = 0, distance = 0;
    if (!read_varint(table, at, delta) || (delta == 0 && !is_first)) return std::nullopt;
    value += (delta & 1) != 0 ? ~(delta >> 1) : delta >> 1;
    if (!read_varint(table, at, distance)) return std::nullopt;
    place += distance;
    if (target < place) return static_cast<std::int32_t>(value);
  }
}

std::int32_t GoLineTable::pcdata_at(const GoFunction& function, std::uint32_t index, Address pc) const {
  if (index >= function.pcdata_count) return -1;
  const auto offset = read<std::uint32_t>(functions_.bytes(), function.tables + std::uint64_t{index} * 4);
  return offset ? value_at(function, *offset, pc).value_or(-1) : -1;
}

std::uint32_t GoLineTable::funcdata_offset(const GoFunction& function, std::uint32_t index) const {
  if (index >= function.funcdata_count) return NONE;
  return read<std::uint32_t>(functions_.bytes(),
                             function.tables + (std::uint64_t{function.pcdata_count} + index) * 4)
      .value_or(NONE);
}

Address GoLineTable::funcdata(const GoFunction& function, std::uint32_t index) const {
  const std::uint32_t offset = funcdata_offset(function, index);
  return !gofunc_ || offset == NONE ? Address() : gofunc_ + offset;
}

bool GoLineTable::has_inline_trees() const {
  constexpr std::size_t ENOUGH = 256;
  const std::string_view names = as_text(names_.bytes());
  std::size_t asked = 0, first_names = 0;
  for (std::uint32_t i = 0; i < count_ && asked < ENOUGH; ++i) {
    const auto function = at(i);
    if (!function) continue;
    const std::uint32_t offset = funcdata_offset(*function, FUNCDATA_INLINE_TREE);
    if (offset == NONE) continue;
    ++asked;
    const auto call = gofunc_ ? read_inlined_call(gofunc_ + offset) : std::nullopt;
    // A name begins where another one has ended.
    if (!call || call->name >= names.size() || (call->name != 0 && names[call->name - 1] != '\0') ||
        names[call->name] == '\0' || call->parent >= function->end - function->entry)
      return false;
    first_names += call->name == 0;
  }
  // The first of all names is inlined somewhere (1.21: internal/abi.Kind.String); nothing but that one is
  // zeros.
  return first_names * 2 <= asked;
}

std::optional<GoLineTable::InlinedCall> GoLineTable::read_inlined_call(Address address) const {
  // struct inlinedCall (runtime/symtab.go; since 1.20 symtabinl.go)
  //   1.18: +0 parent i16, +2 funcID, +4 file, +8 line, +12 func_ (name), +16 parentPc;  20 bytes
  //   1.20: +0 funcID, +4 nameOff, +8 parentPc, +12 startLine;                            16 bytes
  std::uint8_t bytes[20] = {};
  if (!memory_->copy(address, {bytes, inlined_call_size()})) return std::nullopt;
  InlinedCall call;
  call.id = bytes[has_start_lines_ ? 0 : 2];
  std::memcpy(&call.name, bytes + (has_start_lines_ ? 4 : 12), 4);
  std::memcpy(&call.parent, bytes + (has_start_lines_ ? 8 : 16), 4);
  if (has_start_lines_) std::memcpy(&call.start_line, bytes + 12, 4);
  return call;
}

std::vector<GoCall> GoLineTable::calls_at(const GoFunction& function, Address pc) const {
  std::vector<GoCall> calls;
  const Address tree = funcdata(function, FUNCDATA_INLINE_TREE);
  while (tree && calls.size() < DEEPEST_INLINING) {
    const std::int32_t index = pcdata_at(function, PCDATA_INLINE_INDEX, pc);
    if (index < 0) break;
    const auto call = read_inlined_call(tree + static_cast<std::uint64_t>(index) * inlined_call_size());
    if (!call) break;
    calls.push_back({text_at(names_.bytes(), call->name), call->id, pc, true, call->start_line});
    pc = function.entry + call->parent;
    if (!function.contains(pc))
      return {{function.name, function.id, calls.front().pc, false, function.start_line}};
  }
  calls.push_back({function.name, function.id, pc, false, function.start_line});
  return calls;
}

GoLine GoLineTable::line_at(const GoFunction& function, Address pc) const {
  const auto file = value_at(function, function.pcfile, pc);
  const auto line = value_at(function, function.pcln, pc);
  if (!file || !line || *file < 0 || *line < 0) return {};
  const auto offset = read<std::uint32_t>(
      units_.bytes(), (std::uint64_t{function.cu_offset} + static_cast<std::uint32_t>(*file)) * 4);
  if (!offset || *offset == NONE) return {};
  return {text_at(files_.bytes(), *offset), static_cast<std::uint32_t>(*line)};
}

}  // namespace standstill

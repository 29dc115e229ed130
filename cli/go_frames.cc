#include "cli/go_frames.h"

#include "symbolize/go_locations.h"

#include <algorithm>
#include <string_view>

namespace standstill {

namespace {

// internal/abi/symtab.go (1.18: cmd/internal/objabi/funcdata.go), the bytes of an argument table
constexpr std::uint8_t END = 0xff, START_AGGREGATE = 0xfe, END_AGGREGATE = 0xfd, DOTS = 0xfc,
                       TOO_LARGE = 0xfb;
constexpr std::size_t LONGEST_TABLE = 1024;  // the compiler writes fewer than 200

bool is_capital(char c) { return 'A' <= c && c <= 'Z'; }

// runtime.isExportedRuntime; since 1.23 it looks at methods, too.
bool is_exported_runtime(std::string_view name, int minor) {
  if (!name.starts_with("runtime.")) return false;
  name.remove_prefix(8);
  if (minor < 23) return !name.empty() && is_capital(name.front());
  std::string_view receiver;
  if (const std::size_t dot = name.rfind('.'); dot != std::string_view::npos) {
    receiver = name.substr(0, dot);
    name.remove_prefix(dot + 1);
    if (receiver.size() >= 3 && receiver.starts_with("(*") && receiver.ends_with(')'))
      receiver = receiver.substr(2, receiver.size() - 3);
  }
  return !name.empty() && is_capital(name.front()) && (receiver.empty() || is_capital(receiver.front()));
}

// Reads bytes of a table one after another, across pieces of memory.
class TableReader {
 public:
  TableReader(const MemoryView& memory, Address start) : memory_(memory), at_(start) {}
  // END where the table cannot be read.
  std::uint8_t next() {
    const auto byte = memory_.read<std::uint8_t>(at_);
    at_ = at_ + 1;
    return byte.value_or(END);
  }

 private:
  const MemoryView& memory_;
  Address at_;
};

// Whether a register argument, which is spilled to the stack only sometimes, is there at this pc.
class Liveness {
 public:
  Liveness(const MemoryView& memory, const GoLineTable& lines, const GoFunction& function, Address pc)
      : memory_(memory), table_(lines.funcdata(function, GoLineTable::FUNCDATA_ARGUMENT_LIVENESS)) {
    if (!table_) return;
    start_ = memory.read<std::uint8_t>(table_).value_or(0xff);
    index_ = lines.pcdata_at(function, GoLineTable::PCDATA_ARGUMENT_LIVENESS, pc);
  }
  bool is_live(std::uint8_t offset) {
    const unsigned slot = offset >= start_ ? slot_++ : slot_;
    if (!table_ || index_ <= 0 || offset < start_) return true;
    const auto bits = memory_.read<std::uint8_t>(table_ + static_cast<std::uint64_t>(index_) + slot / 8);
    return bits && (*bits >> (slot % 8) & 1) != 0;
  }

 private:
  const MemoryView& memory_;
  Address table_;
  std::uint8_t start_ = 0xff;  // the smallest offset of which liveness is told
  std::int32_t index_ = 0;
  unsigned slot_ = 0;
};

void add_arguments(const GoRuntime& runtime, const GoPlace& place, Address pc, std::uint32_t frame,
                   FrameRecord& record, std::vector<ArgumentPlace>& places) {
  using Kind = ArgumentPiece::Kind;
  const GoLineTable& lines = place.module->lines;
  const Address table = lines.funcdata(place.function, GoLineTable::FUNCDATA_ARGUMENTS);
  if (!table) return;
  TableReader reader(runtime.memory(), table);
  Liveness liveness(runtime.memory(), lines, place.function, pc);
  for (std::size_t i = 0; i < LONGEST_TABLE; ++i) {
    const std::uint8_t byte = reader.next();
    if (byte == END) return;
    if (byte == START_AGGREGATE || byte == END_AGGREGATE || byte == DOTS || byte == TOO_LARGE) {
      record.arguments.push_back({byte == START_AGGREGATE ? Kind::OPEN
                                  : byte == END_AGGREGATE ? Kind::CLOSE
                                  : byte == DOTS          ? Kind::MORE
                                                          : Kind::OUT_OF_REACH});
      continue;
    }
    const std::uint8_t size = reader.next();
    if (size == 0 || size > 8) return;
    record.arguments.push_back({liveness.is_live(byte) ? Kind::VALUE : Kind::STALE_VALUE});
    places.push_back({frame, byte, size});
  }
}

// Puts the rules together that depend on what was called from a frame.
class FrameList {
 public:
  FrameList(const GoRuntime& runtime, const Snapshot& snapshot, bool with_arguments)
      : runtime_(runtime),
        snapshot_(snapshot),
        with_arguments_(with_arguments),
        panics_{runtime.id_of("runtime.gopanic"), runtime.id_of("runtime.sigpanic"),
                runtime.id_of("runtime.panicwrap")} {}

  void add(const Frame& frame, std::uint32_t index) {
    const auto place = frame.is_signal_frame ? std::nullopt : runtime_.find_function(frame.lookup_address());
    FrameRecord common;
    common.pc = frame.pc;
    common.is_exact = frame.is_exact || frame.is_signal_frame;
    common.found_by = to_string(frame.found_by);
    common.is_foreign = frame.is_foreign;
    if (const auto module = snapshot_.find_module(frame.pc)) {
      common.module = snapshot_.modules[*module].path;
      common.module_offset = snapshot_.modules[*module].to_vaddr(frame.pc);
      common.build_id = snapshot_.modules[*module].build_id.hex();
    }
    if (!place || place->function.name.empty()) {
      common.skips_profile = common.skips_traceback = true;
      result_.foreign.push_back({index, static_cast<std::uint32_t>(result_.frames.size())});
      result_.frames.push_back(std::move(common));
      return;
    }
    common.offset = frame.pc - place->function.entry;
    // Up to 1.20 the liveness of arguments is that at the call out of which functions were inlined.
    const bool looks_at_call = runtime_.version().minor <= 20;
    for (const GoCall& call : place->module->lines.calls_at(place->function, frame.lookup_address())) {
      FrameRecord record = common;
      const GoLine line = place->module->lines.line_at(place->function, call.pc);
      record.function = printed_go_name(call.name);
      record.file = line.file;
      record.line = line.line;
      record.inlined = call.inlined;
      record.counted_pc = call.pc + 1;
      if (frame.is_foreign)
        record.skips_profile = record.skips_traceback = true;
      else
        decide(call, record);
      if (with_arguments_ && !call.inlined && !frame.is_foreign)
        add_arguments(runtime_, *place, looks_at_call ? call.pc : frame.lookup_address(), index, record,
                      result_.places);
      result_.frames.push_back(std::move(record));
    }
  }

  GoGroupFrames take() {
    show_something();
    return std::move(result_);
  }

 private:
  void decide(const GoCall& call, FrameRecord& record) {
    const bool is_elided =
        call.id == runtime_.wrapper_id() && std::ranges::find(panics_, callee_) == std::end(panics_);
    callee_ = call.id;
    record.skips_profile = is_elided;
    // The border between a program's code and what its panic ran; not where the stack begins with it.
    const bool is_panic = call.name == "runtime.gopanic" && shows_any_;
    record.skips_traceback = is_elided || !(is_panic || shows_in_traceback(runtime_, call.name));
    shows_any_ = shows_any_ || !record.skips_traceback;
  }

  // A stack of runtime functions alone is shown whole.
  void show_something() {
    if (shows_any_) return;
    for (FrameRecord& frame : result_.frames)
      frame.skips_traceback = frame.is_foreign || frame.function.empty();
  }

  const GoRuntime& runtime_;
  const Snapshot& snapshot_;
  const bool with_arguments_;
  const int panics_[3];  // what calls them is shown even if it is a wrapper
  int callee_ = -2;
  bool shows_any_ = false;
  GoGroupFrames result_;
};

}  // namespace

bool shows_in_traceback(const GoRuntime& runtime, std::string_view name) {
  const int minor = runtime.version().minor;
  if (minor >= 25 && (name == "runtime.runFinalizers" || name == "runtime.runCleanups")) return true;
  return name.find('.') != std::string_view::npos &&
         (!name.starts_with("runtime.") || is_exported_runtime(name, minor));
}

GoGroupFrames to_go_frames(const GoRuntime& runtime, const StackGroup& group, const Snapshot& snapshot,
                           bool with_arguments) {
  FrameList list(runtime, snapshot, with_arguments);
  for (std::uint32_t i = 0; i < group.frames.size(); ++i) list.add(group.frames[i], i);
  return list.take();
}

}  // namespace standstill

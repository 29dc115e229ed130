// The line table that every Go program carries, stripped or not, because its own garbage collector and
// tracebacks need it: functions by address, their names, files and lines, what was inlined where, and how
// large the frame is at each instruction. (Go 1.18 src/runtime/symtab.go, runtime2.go struct _func,
// cmd/link/internal/ld/pcln.go.)
//
//     // ftab: {entryoff u32, funcoff u32} by address; entry = text + entryoff, the record at pclntable +
//     funcoff
//     // struct _func
//     //   +0  entryOff  +4 nameOff  +8 args  +12 deferreturn  +16 pcsp  +20 pcfile  +24 pcln  +28 npcdata
//     +32 cuOffset
//     //   +36 startLine (since 1.20)   then funcID, flag, pad, nfuncdata (u8 each), u32 pcdata[], u32
//     funcdata[]
//     // a pc-value table in pctab: (zigzag value delta, pc delta) varints; ends with a value delta of 0 that
//     is not the
//     // first. The value counts from -1, the pc from the function's entry.
//
// All of it comes from the target: each offset is checked, each walk ends with its table.
#pragma once

#include "runtimes/go/module_data.h"
#include "runtimes/go/table_bytes.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace standstill {

struct GoFunction {
  // runtime/symtab.go (1.18), internal/abi/symtab.go (1.20): funcFlag
  static constexpr std::uint8_t TOP_FRAME = 1;  // no caller: goexit, mstart, rt0_go
  static constexpr std::uint8_t WRITES_SP = 2;  // changes stacks; what the frame-size table says may not hold
  static constexpr std::uint8_t ASSEMBLY = 4;

  Address entry;
  Address end;              // where the next function begins
  std::string_view name;    // as the table spells it; borrowed from the table
  std::uint32_t index = 0;  // in ftab
  std::int32_t args_size = 0;
  std::uint32_t start_line = 0;  // of its "func" keyword; 0 before Go 1.20, which did not write it
  std::uint32_t pcsp = 0, pcfile = 0, pcln = 0;  // offsets in pctab; 0: none
  std::uint32_t cu_offset = 0;
  std::uint32_t pcdata_count = 0;
  std::uint32_t tables = 0;  // offset in pclntable of pcdata[], after which funcdata[] comes
  std::uint8_t funcdata_count = 0;
  std::uint8_t id = 0;  // funcID: a number for some runtime functions, which changes between versions
  std::uint8_t flags = 0;
  bool has_defers = false;

  bool contains(Address pc) const { return entry <= pc && pc < end; }
};

// One function at a pc: the one whose code it is, or one inlined there.
struct GoCall {
  std::string_view name;
  std::uint8_t id = 0;
  Address pc;  // inside the call (or the exact pc) in terms of this function: its line is looked up there
  bool inlined = false;
  std::uint32_t start_line = 0;  // as GoFunction's
};

struct GoLine {
  std::string_view file;  // "" where unknown
  std::uint32_t line = 0;
};

class GoLineTable {
 public:
  // internal/abi/symtab.go: PCDATA_* and FUNCDATA_*, the same numbers in all versions from 1.18 on
  static constexpr std::uint32_t PCDATA_INLINE_INDEX = 2, PCDATA_ARGUMENT_LIVENESS = 3;
  static constexpr std::uint32_t FUNCDATA_INLINE_TREE = 3, FUNCDATA_ARGUMENTS = 5,
                                 FUNCDATA_ARGUMENT_LIVENESS = 6;

  // Borrows from `memory`. data.gofunc may be filled in later (set_gofunc).
  GoLineTable(const MemoryView& memory, const GoModuleData& data);

  void set_gofunc(Address gofunc) { gofunc_ = gofunc; }

  std::size_t size() const { return count_; }
  // The function that covers `pc`; nothing outside the module's Go code.
  std::optional<GoFunction> find(Address pc) const;
  std::optional<GoFunction> at(std::uint32_t index) const;
  // Name and funcID alone, for a pass over all functions; "" where the record is damaged.
  std::string_view name_at(std::uint32_t index, std::uint8_t* id = nullptr) const;

  // The value at `pc` of the pc-value table that begins at `offset` in pctab; nothing where there is none.
  std::optional<std::int32_t> value_at(const GoFunction& function, std::uint32_t offset, Address pc) const;
  // pcdata[index] at `pc`; -1 where there is none, as the runtime has it.
  std::int32_t pcdata_at(const GoFunction& function, std::uint32_t index, Address pc) const;
  // Where funcdata[index] lies; 0 for none.
  Address funcdata(const GoFunction& function, std::uint32_t index) const;

  // Whether what funcdata() leads to are trees of inlined functions, asked of some hundred functions: what
  // tells a right gofunc from a wrong one.
  bool has_inline_trees() const;

  // The functions at `pc`, innermost first; the last one is `function` itself.
  std::vector<GoCall> calls_at(const GoFunction& function, Address pc) const;
  GoLine line_at(const GoFunction& function, Address pc) const;

 private:
  std::string_view text_at(Bytes table, std::uint64_t offset) const;
  // funcdata[index] as it stands in the table; NONE for none.
  std::uint32_t funcdata_offset(const GoFunction& function, std::uint32_t index) const;
  // The entry of an inline tree at `address`, as the version has it; nothing where it cannot be read.
  struct InlinedCall {
    std::uint8_t id = 0;
    std::uint32_t name = 0, parent = 0, start_line = 0;
  };
  std::optional<InlinedCall> read_inlined_call(Address address) const;
  std::size_t inlined_call_size() const { return has_start_lines_ ? 16 : 20; }
  std::uint32_t entry_offset(std::size_t index) const;

  const MemoryView* memory_;
  Address text_, minpc_, maxpc_, gofunc_;
  bool has_start_lines_;
  TableBytes names_, units_, files_, values_, functions_, ftab_;
  std::size_t count_ = 0;
};

}  // namespace standstill

// The Go runtime of a process, found without symbols and debug information: its version, its modules with
// their line tables, its layouts, and its variables. A variable is found by looking for addresses relative to
// the instruction pointer in the code of a function that is known to use it, and taking the one whose
// contents are right.
//
//     const auto runtime = GoRuntime::find(snapshot, notes);
//     for (Address candidate : runtime->references("runtime.allgadd", 8)) ...   // runtime.allgs is among
//     them
//
// No disassembler is needed: the four bytes behind any ModRM byte that means "rip + disp32" are taken for
// such a displacement, with each size that an immediate behind it can have. That gives some wrong candidates,
// and the contents decide.
#pragma once

#include "base/error.h"
#include "coredump/snapshot.h"
#include "runtimes/go/debug_layout.h"
#include "runtimes/go/go_version.h"
#include "runtimes/go/layout.h"
#include "runtimes/go/module_data.h"
#include "runtimes/go/pclntab.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace standstill {

struct GoModule {
  GoModuleData data;
  GoLineTable lines;
};

// A function and the module whose tables tell more of it.
struct GoPlace {
  const GoModule* module = nullptr;
  GoFunction function;
};

class GoRuntime {
 public:
  // Borrows the snapshot. Null where the process has no Go code. Says in `notes` what is odd: a version whose
  // layouts are not known, more than one runtime. Of a version that no table knows `read_structs`, if given,
  // is asked for the layout.
  static std::unique_ptr<const GoRuntime> find(const Snapshot& snapshot, std::vector<Note>& notes,
                                               const GoStructReader& read_structs = nullptr);
  GoRuntime(const GoRuntime&) = delete;
  GoRuntime& operator=(const GoRuntime&) = delete;

  const GoVersion& version() const { return version_; }
  // Of the version, by our tables or the program's debug information, or of the nearest known one.
  const GoLayout& layout() const { return layout_; }
  // Whether our tables have it. What they do not have counts only if everything read by it proves right.
  bool is_layout_known() const { return layout_.minor == version_.minor && !layout_.is_by_debug_information; }
  // Of a version that is not known: whether its modules' tables are laid out like those of one that is.
  bool are_tables_known() const { return are_tables_known_; }
  const Snapshot& snapshot() const { return *snapshot_; }
  const MemoryView& memory() const { return snapshot_->memory; }
  // The one with the runtime in it first; plugins after it.
  const std::vector<std::unique_ptr<GoModule>>& modules() const { return modules_; }

  // The Go function that covers `pc`; nothing outside Go code.
  std::optional<GoPlace> find_function(Address pc) const;
  // By name; only functions of the packages runtime, runtime/..., internal/..., sync and sync/... are known
  // by name.
  std::optional<GoPlace> find_function(std::string_view name) const;
  // funcID of a named function; -1 where the program does not have it. (IDs are numbered anew in each
  // version.)
  int id_of(std::string_view name) const;
  // funcID of compiler-made wrappers: the highest that any function has.
  int wrapper_id() const { return wrapper_id_; }

  // Addresses of variables that the code of the named function seems to refer to: multiples of `alignment` in
  // the module's data, ascending, each once. Empty where the function is not there.
  std::vector<Address> references(std::string_view function, unsigned alignment = 8) const;
  // The same for several functions together.
  std::vector<Address> references(std::initializer_list<std::string_view> functions,
                                  unsigned alignment = 8) const;

  // A Go string {address, length} at `address`, of at most `limit` bytes; nothing where it cannot be read
  // whole.
  std::optional<std::string> read_string(Address address, std::size_t limit = 4096) const;
  // A table of Go strings at `address`: as many as are short, printable texts, at most `limit`.
  std::vector<std::string> read_string_table(Address address, std::size_t limit) const;

 private:
  explicit GoRuntime(const Snapshot& snapshot) : snapshot_(&snapshot) {}
  void index_names(const GoModule& module);
  void find_layout(const GoStructReader& read_structs);
  void find_versioned_fields(GoModule& module);
  std::optional<GoVersion> find_version() const;

  const Snapshot* snapshot_;
  GoVersion version_;
  GoLayout layout_;
  std::vector<std::unique_ptr<GoModule>> modules_;
  std::unordered_map<std::string_view, std::pair<const GoModule*, std::uint32_t>> by_name_;
  int wrapper_id_ = -1;
  bool are_tables_known_ = true;
};

}  // namespace standstill

// Names for addresses: functions, files, lines, inlined frames. Asked once, after grouping, with all distinct
// addresses.
#pragma once

#include "base/address.h"
#include "base/error.h"
#include "coredump/snapshot.h"
#include "symbolize/code_location.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace standstill {

struct GoProcess;

enum class Debuginfod { AUTO, ON, OFF };  // AUTO: only where DEBUGINFOD_URLS is set

struct SymbolizerOptions {
  std::vector<std::string> debug_dirs;  // --debug-dir, asked before /usr/lib/debug
  std::string sysroot;
  Debuginfod debuginfod = Debuginfod::AUTO;
  bool use_cache = true;          // --no-cache
  const GoProcess* go = nullptr;  // where the process has a Go runtime; its tables name Go code. Borrowed
  bool names_only = false;        // functions from symbol tables suffice: no lines, no inlined frames
  std::function<void(const std::string&, double)> progress;
};

// What is known about a module's symbols; contract.md, Module.status.
enum class SymbolStatus { OK, NO_FILE, BUILD_ID_MISMATCH, NO_SYMBOLS, NO_DEBUG_INFO };

struct ModuleSymbols {
  SymbolStatus status = SymbolStatus::NO_FILE;
  std::string debug_file;               // the separate debug file in use; "" where none
  std::vector<std::string> looked_for;  // places that were asked for a debug file and had none
};

class Symbolizer {
 public:
  // Borrows the snapshot, which must outlive it. Opens nothing yet: files are looked for at the first need.
  Symbolizer(const Snapshot& snapshot, SymbolizerOptions options);
  ~Symbolizer();
  Symbolizer(const Symbolizer&) = delete;
  Symbolizer& operator=(const Symbolizer&) = delete;

  // Says that these lookup addresses, and most likely others near them, will be asked for: what takes long to
  // prepare is begun in the background. Once, before locate().
  void expect(std::span<const Address> addresses);

  // One location for each lookup address (Frame::lookup_address), in the same order. Works on all cores.
  std::vector<Location> locate(std::span<const Address> addresses);

  // The separate debug file of a module (or null), looked for once. Safe from many threads.
  std::shared_ptr<const ElfImage> debug_image(ModuleIndex module) const;
  // The file with the module's DWARF, its own or a separate one; null where there is none.
  std::shared_ptr<const ElfImage> image_with_debug_info(ModuleIndex module) const;
  // Looks for the debug file if that has not been done.
  ModuleSymbols module_symbols(ModuleIndex module) const;

  // For each data address the symbol that covers it: "orders_lock" or "table+0x40"; "" where none does. Many
  // at once cost as much as one.
  std::vector<std::string> names_of_data(std::span<const Address> addresses) const;

  std::vector<Note> notes() const;

  // As given in the options.
  const GoProcess* go() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace standstill

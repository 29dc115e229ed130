// What stands at an address: a chain of functions, because the compiler may have inlined one into another.
#pragma once

#include "coredump/module.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace standstill {

struct CodeLocation {
  std::string function;      // demangled, without parameter list for C++ ("ns::Type::f"); never invented
  std::string linkage_name;  // as in the symbol table; "" where it is the same or unknown
  std::string file;          // full path as the compiler knew it; "" where unknown
  std::uint32_t line = 0;    // 0 where unknown
  bool inlined = false;      // into the next one of the chain
};

// Why an address has no name.
enum class MissingName : std::uint8_t {
  NONE,
  NO_MODULE,          // the address lies in no module (JIT code, or a damaged stack)
  NO_FILE,            // the module's file is not here
  BUILD_ID_MISMATCH,  // a file is here, but of another build
  NO_SYMBOL,          // the file has no symbol that covers the address (stripped)
};

struct Location {
  std::optional<ModuleIndex> module;
  std::vector<CodeLocation> chain;  // innermost first; the last one is the function that has an address of
                                    // its own. Empty: see `missing`
  Address function_start;           // of the last of the chain; 0 where unknown
  MissingName missing = MissingName::NONE;
};

}  // namespace standstill

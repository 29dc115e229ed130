// Names for Go code, from the line table that every Go program carries.
#pragma once

#include "base/address.h"
#include "runtimes/go/go_runtime.h"
#include "symbolize/code_location.h"

#include <optional>
#include <string>
#include <string_view>

namespace standstill {

// The functions at `lookup` (inside a call, or an exact pc), innermost first; nothing outside Go code.
// Location::module is left open.
std::optional<Location> locate_in_go(const GoRuntime& runtime, Address lookup);

// A name as the runtime prints it: "main.(*T[go.shape.int]).wait" is "main.(*T[...]).wait".
// (Go 1.21 src/runtime/symtab.go, funcNameForPrint; before, the linker had it shortened already.)
std::string printed_go_name(std::string_view name);

}  // namespace standstill

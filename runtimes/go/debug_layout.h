// The layout of a Go version that is not in our tables, out of what the program's own debug information says
// of the runtime's structures. Reading that information is not this room's business: who has a reader for it
// passes one (symbolize/go_structs.h).
#pragma once

#include "coredump/module.h"
#include "runtimes/go/layout.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace standstill {

struct GoStruct {
  std::uint64_t size = 0;                                     // bytes
  std::map<std::string, std::uint64_t, std::less<>> members;  // bytes from its start
};
using GoStructs = std::map<std::string, GoStruct, std::less<>>;  // by name: "runtime.g"

// Those of the named structures that the module's debug information describes; none where it has none.
using GoStructReader = std::function<GoStructs(const Module&, std::span<const std::string_view> names)>;

// The structures that layout_out_of() wants to know.
std::span<const std::string_view> structs_of_layout();

// Nothing where one of them or a member is missing, or lies where no version has it so far and code here
// takes its place for granted.
std::optional<GoLayout> layout_out_of(const GoStructs& structs, int minor);

}  // namespace standstill

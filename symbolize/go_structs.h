// Where members lie in structures of a Go program, by its own DWARF: what is asked for a Go version whose
// layout no table of ours has. (src/cmd/link/internal/ld/dwarf.go: the linker writes each type once, named by
// its package: "runtime.g", with members at constant offsets.)
#pragma once

#include "coredump/module.h"
#include "runtimes/go/debug_layout.h"
#include "symbolize/symbolizer.h"

#include <memory>
#include <span>
#include <string_view>

namespace standstill {

// Of the file itself. Damage ends a unit early; what was found before counts.
GoStructs read_go_structs(std::shared_ptr<const ElfImage> image, std::span<const std::string_view> names);

// Of the module's file or its separate debug file, which is looked for as for names. The options are copied.
GoStructReader go_struct_reader(SymbolizerOptions options);

}  // namespace standstill

// The namespaces and types around a function. DWARF gives a function's bare name ("operator()"), and mostly
// the mangled one too, which says it all. GCC leaves the mangled name out where a function cannot be seen
// from other units: a template over a lambda, say, as std::thread is full of. Then its place in the tree of
// entries tells that it is "std::thread::_Invoker<...>::operator()".
#pragma once

#include "symbolize/dwarf_unit.h"

#include <cstdint>
#include <string>

namespace standstill {

// "std::thread::" for an entry that stands in these, "(anonymous namespace)::" for one without a name; "" at
// the unit's top, in a nameless type or in a function, and where the unit is damaged. Walks the unit from its
// start, by sibling references where it has them, so ask only where there is no mangled name.
std::string find_scope(const DwarfUnit& unit, std::uint64_t entry);

}  // namespace standstill

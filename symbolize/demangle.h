// What people call a function, from what the linker calls it. C++ without its parameter list, as gdb prints
// it in a stack: "ns::Type::f", "std::vector<int, std::allocator<int> >::push_back",
// "main::{lambda(int)#1}::operator()".
#pragma once

#include <string>
#include <string_view>

namespace standstill {

// Names that are not mangled (C, assembly) come back as they are, without a symbol version
// ("memcpy@@GLIBC_2.14"). What the compiler split off or cloned keeps its mark: "ns::f [clone .cold]".
std::string function_name(std::string_view linkage_name);

// Whether the name is a mangled one of C++ or Rust.
bool is_mangled(std::string_view name);

}  // namespace standstill

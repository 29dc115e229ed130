// What Go's own collector begins with besides stacks: global variables, finalizers and cleanups, those that
// wait in a queue to be run included. (Go 1.18 to 1.27 src/runtime/mgcmark.go, gcMarkRootPrepare, markroot)
//
// Memory of C is not asked. Go forbids C to keep the only pointer to a Go object, as its collector would free
// the object.
#pragma once

#include "runtimes/go/mark.h"

namespace standstill {

// What lies in [except, except + except_size) does not count.
void add_global_roots(const GoRuntime& runtime, GoMark& mark, Address except, std::uint64_t except_size);

}  // namespace standstill

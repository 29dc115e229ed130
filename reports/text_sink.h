// Where a long text goes piece by piece, in its order: what a million goroutines stand in is a gigabyte, and
// nobody holds it in memory.
#pragma once

#include <functional>
#include <string_view>

namespace standstill {

// False: no more is wanted (the reader has gone, the disk is full). A piece is borrowed for the call.
using TextSink = std::function<bool(std::string_view)>;

}  // namespace standstill

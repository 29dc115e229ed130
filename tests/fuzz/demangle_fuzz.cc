// Names as a hostile symbol table may hold them.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "symbolize/demangle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  standstill::function_name({reinterpret_cast<const char*>(data), size});
  return 0;
}

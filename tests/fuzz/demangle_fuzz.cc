// Names as a hostile symbol table may hold them.
#include "symbolize/demangle.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  standstill::function_name({reinterpret_cast<const char*>(data), size});
  return 0;
}

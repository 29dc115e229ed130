// Any bytes as the file that a look at a process leaves behind; what is read of it is written and read again.
#include "coredump/live/earlier_look.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  const auto look = parse_earlier_look({reinterpret_cast<const char*>(data), size});
  if (!look) return 0;
  const auto again = parse_earlier_look(format_earlier_look(*look));
  if (!again || again->boot_id != look->boot_id || again->threads.size() != look->threads.size())
    __builtin_trap();
  return 0;
}

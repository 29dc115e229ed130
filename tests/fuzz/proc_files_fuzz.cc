// Any text as any file of /proc. Names in them are the target's choice, and a capture may bring what it
// likes.
#include "coredump/proc_thread.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_stat(text);
  (void)parse_sched(text);
  (void)parse_status(text);
  (void)parse_schedstat_run_time(text);
  (void)parse_system_call(text);
  return 0;
}

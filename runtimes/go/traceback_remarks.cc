#include "runtimes/go/traceback_remarks.h"

#include "runtimes/go/goroutines.h"
#include "runtimes/go/table_bytes.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include <fmt/format.h>

namespace standstill {

namespace {
// runtime/synctest.go, struct synctestGroup (1.24), synctestBubble (1.25): behind a mutex and struct timers
constexpr std::uint64_t BUBBLE_ID = 72, GROUP_ROOT = 88;
constexpr std::uint64_t MOST_FUNCTION_BYTES = 1u << 16;
}  // namespace

std::string synctest_remark(const GoRuntime& runtime, Address bubble) {
  const MemoryView& memory = runtime.memory();
  if (runtime.version().minor >= 25) {
    const auto id = memory.read<std::uint64_t>(bubble + BUBBLE_ID);
    return id ? fmt::format(", synctest bubble {}", *id) : "";
  }
  const auto root = memory.read_address(bubble + GROUP_ROOT);
  const auto goroutine = root ? read_goroutine(runtime, *root) : std::nullopt;
  return goroutine ? fmt::format(", synctest group {}", goroutine->id) : "";
}

// runtime.goroutineheader loads two variables of 32 bits: the traceback's settings first, runtime.debug's
// tracebacklabels last.
bool prints_labels(const GoRuntime& runtime) {
  if (runtime.version().minor < 26) return false;
  const auto place = runtime.find_function(std::string_view("runtime.goroutineheader"));
  if (!place) return false;
  const Address entry = place->function.entry;
  const TableBytes table(runtime.memory(), entry,
                         std::min<std::uint64_t>(place->function.end - entry, MOST_FUNCTION_BYTES));
  const Bytes code = table.bytes();
  const std::vector<Address> variables = runtime.references("runtime.goroutineheader", 4);
  std::optional<Address> last;
  for (std::size_t at = 1; at + 6 <= code.size(); ++at) {
    const bool is_wide = (code[at - 1] & 0xf0) == 0x40;  // a REX prefix
    if (is_wide || code[at] != 0x8b || (code[at + 1] & 0xc7) != 5) continue;
    std::int32_t distance = 0;
    std::memcpy(&distance, code.data() + at + 2, sizeof distance);
    const Address target = entry + (at + 6) + static_cast<std::uint64_t>(std::int64_t{distance});
    if (std::ranges::binary_search(variables, target)) last = target;
  }
  return last && runtime.memory().read<std::uint32_t>(*last) == 1u;
}

}  // namespace standstill

#include "symbolize/go_locations.h"

#include <utility>
#include <vector>

namespace standstill {

std::string printed_go_name(std::string_view name) {
  const std::size_t open = name.find('['), close = name.rfind(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close <= open)
    return std::string(name);
  return std::string(name.substr(0, open)).append("[...]").append(name.substr(close + 1));
}

std::optional<Location> locate_in_go(const GoRuntime& runtime, Address lookup) {
  const auto place = runtime.find_function(lookup);
  if (!place || place->function.name.empty()) return std::nullopt;
  Location location;
  location.function_start = place->function.entry;
  for (const GoCall& call : place->module->lines.calls_at(place->function, lookup)) {
    const GoLine line = place->module->lines.line_at(place->function, call.pc);
    CodeLocation code;
    code.function = printed_go_name(call.name);
    if (code.function != call.name) code.linkage_name = call.name;
    code.file = line.file;
    code.line = line.line;
    code.inlined = call.inlined;
    location.chain.push_back(std::move(code));
  }
  return location;
}

}  // namespace standstill

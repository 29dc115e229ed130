#include "base/address.h"

#include <charconv>

namespace standstill {

std::string to_string(Address address) {
  char text[18] = {'0', 'x'};
  return {text, std::to_chars(text + 2, text + sizeof text, address.value(), 16).ptr};
}

}  // namespace standstill

#pragma once

#include <string>
#include <string_view>

namespace standstill {

// A gzip file (RFC 1952) of `bytes`, without name and time: the same input gives the same output.
std::string gzipped(std::string_view bytes);

}  // namespace standstill

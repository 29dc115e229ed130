// Text from a core is not to be trusted: a thread's name may hold escape sequences that a terminal obeys, a
// path may hold a newline that breaks a line-based format, or bytes that are no UTF-8, which JSON and
// protobuf refuse.
#pragma once

#include <string>
#include <string_view>

namespace standstill {

// The same text where it is harmless. Control characters (C0, DEL and C1) become \n, \t, \x1b; bytes that are
// not UTF-8 become \xff. Cut with "..." beyond `limit` bytes, so that no name makes a line too long for its
// readers.
std::string printable(std::string_view text, std::size_t limit = 8192);

// The same text with every byte that is no UTF-8 replaced by U+FFFD; control characters stay (JSON escapes
// them).
std::string valid_utf8(std::string_view text);

// How many characters a terminal shows, taking each code point as one column wide.
std::size_t display_width(std::string_view text);

}  // namespace standstill

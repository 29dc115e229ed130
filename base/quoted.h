// Text in quotes as Go's %q and strconv.Quote write it.
#pragma once

#include <string>
#include <string_view>

namespace standstill {

// Valid UTF-8 stays as it is where it can be seen; control characters, invisible ones and broken bytes become
// escapes.
std::string go_quoted(std::string_view text);

// The same as Go's runtime prints it in tracebacks: only ASCII stays as it is. (runtime/print.go,
// printquoted)
std::string go_quoted_in_ascii(std::string_view text);

}  // namespace standstill

#include "reports/printable.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace standstill {

namespace {

// The length of the UTF-8 sequence that `text` starts with (RFC 3629: no overlong forms, no surrogates,
// nothing above U+10FFFF), or 0 where it is none. `text` is not empty.
std::size_t utf8_sequence(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first < 0xe0   ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at(i) & 0xc0) != 0x80) return 0;
  const unsigned char second = at(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0)) return 0;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90)) return 0;
  return length;
}

// The C1 controls, U+0080 to U+009F: terminals obey them like ESC sequences.
bool is_c1_control(std::string_view sequence) {
  return sequence.size() == 2 && sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '\n':
      out += "\\n";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\r':
      out += "\\r";
      break;
    default:
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  const bool cut = text.size() > limit;
  if (cut) text = text.substr(0, limit);
  std::string out;
  out.reserve(text.size());
  if (is_plain(text)) {
    out = text;
  } else {
    while (!text.empty()) {
      const std::size_t length = utf8_sequence(text);
      const char first = text.front();
      const bool is_control = static_cast<unsigned char>(first) < ' ' || first == '\x7f';
      if (length == 0 || is_control) {
        // The last bytes of a cut text may be half a character: leave them out.
        if (!(cut && length == 0 && text.size() < 4)) append_escaped(out, first);
        text.remove_prefix(1);
      } else if (is_c1_control(text.substr(0, length))) {
        append_escaped(out, text[1]);
        text.remove_prefix(length);
      } else {
        out += text.substr(0, length);
        text.remove_prefix(length);
      }
    }
  }
  if (cut) out += "...";
  return out;
}

std::string valid_utf8(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    out += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace standstill

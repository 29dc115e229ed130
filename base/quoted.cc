#include "base/quoted.h"

#include <array>
#include <cstdint>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace standstill {

namespace {

// One character of UTF-8 at the beginning of `text`: its code point and length; length 0 where the bytes are
// broken (too short, too long for what they say, surrogates).
std::pair<std::uint32_t, std::size_t> decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length <= 1) return {first, length};
  if (text.size() < length) return {0, 0};
  std::uint32_t code = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::array<std::uint32_t, 5> SMALLEST = {0, 0, 0x80, 0x800, 0x10000};
  if (code < SMALLEST[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {0, 0};
  return {code, length};
}

// Characters that cannot be seen (Unicode's spaces, format characters, private use). Code points that no
// version of Unicode has assigned are not told from others.
bool is_invisible(std::uint32_t code) {
  struct Range {
    std::uint32_t first, last;
  };
  static constexpr std::array<Range, 17> RANGES = {{{0x80, 0xa0},
                                                    {0xad, 0xad},
                                                    {0x600, 0x605},
                                                    {0x61c, 0x61c},
                                                    {0x6dd, 0x6dd},
                                                    {0x70f, 0x70f},
                                                    {0x1680, 0x1680},
                                                    {0x180e, 0x180e},
                                                    {0x2000, 0x200f},
                                                    {0x2028, 0x202f},
                                                    {0x205f, 0x206f},
                                                    {0x3000, 0x3000},
                                                    {0xe000, 0xf8ff},
                                                    {0xfeff, 0xfeff},
                                                    {0xfff0, 0xfffb},
                                                    {0xfffe, 0xffff},
                                                    {0xe0000, 0x10ffff}}};
  for (const Range& range : RANGES)
    if (range.first <= code && code <= range.last) return true;
  return false;
}

}  // namespace

std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto [code, length] = decode(text);
    constexpr std::string_view NAMED = "abtnvfr";  // 7 to 13
    if (length == 0)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(text.front()));
    else if (code == '"' || code == '\\')
      (out += '\\') += static_cast<char>(code);
    else if (code >= 7 && code <= 13)
      (out += '\\') += NAMED[code - 7];
    else if (code < ' ' || code == 0x7f)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", code);
    else if (!is_invisible(code))
      out += text.substr(0, length);
    else if (code < 0x10000)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    else
      fmt::format_to(std::back_inserter(out), "\\U{:08x}", code);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out += '"';
}

std::string go_quoted_in_ascii(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto [code, length] = decode(text);
    if (length == 0)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(text.front()));
    else if (code == '"' || code == '\\')
      (out += '\\') += static_cast<char>(code);
    else if (code == '\n' || code == '\r' || code == '\t')
      (out += '\\') += code == '\n' ? 'n' : code == '\r' ? 'r' : 't';
    else if (code >= ' ' && code <= '~')
      out += static_cast<char>(code);
    else if (code < 127)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", code);
    else if (code < 0x10000)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    else
      fmt::format_to(std::back_inserter(out), "\\U{:08x}", code);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out += '"';
}

}  // namespace standstill

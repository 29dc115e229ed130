#include "runtimes/go/go_version.h"

#include <charconv>

namespace standstill {

namespace {

constexpr std::string_view MAGIC = "\xff Go buildinf:";
constexpr std::size_t FLAGS = 15;  // bit 1: the version's text follows in place
constexpr std::size_t TEXT = 32;   // its length as a varint, then the text
constexpr std::size_t LONGEST_VERSION = 256;

}  // namespace

std::optional<GoVersion> parse_go_version(std::string_view text) {
  constexpr std::string_view START = "go1.";
  const std::size_t at = text.find(START);
  if (at == std::string_view::npos || text.size() > LONGEST_VERSION) return std::nullopt;
  if (at != 0 && text.substr(0, at) != "devel ") return std::nullopt;
  for (const char c : text)
    if (c < ' ' || c > '~') return std::nullopt;
  GoVersion version{std::string(text), 0};
  const char* const first = text.data() + at + START.size();
  const auto [end, error] = std::from_chars(first, text.data() + text.size(), version.minor);
  if (error != std::errc() || end == first || version.minor < 0 || version.minor > 999) return std::nullopt;
  return version;
}

std::optional<GoVersion> find_build_version(Bytes data) {
  const std::string_view all = as_text(data);
  for (std::size_t at = all.find(MAGIC); at != std::string_view::npos; at = all.find(MAGIC, at + 1)) {
    const Bytes info = clipped(data, at);
    if (at % 16 != 0 || info.size() < TEXT || (info[FLAGS] & 2) == 0) continue;
    Cursor cursor(info);
    cursor.seek(TEXT);
    const Bytes text = cursor.read_bytes(cursor.read_uleb());
    if (!cursor.ok()) continue;
    if (auto version = parse_go_version(as_text(text))) return version;
  }
  return std::nullopt;
}

}  // namespace standstill

// The small texts of /proc: reading them whole, and taking them apart. The kernel writes them, but names in
// them are the target's choice, and a capture may bring any text: nothing here trusts a line to be well
// formed.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace standstill {

// The file at `path`, below the directory `folder` unless it is absolute (AT_FDCWD: below the working
// directory). Nothing where it cannot be opened or read. `limit`: bytes; what lies beyond is left out.
std::optional<std::string> read_proc_file(int folder, const char* path, std::size_t limit = 1 << 20);

// The same in one read, for the files that the kernel writes in one go and that are shorter than 8 KiB.
std::optional<std::string> read_small_proc_file(int folder, const char* path);

// What the symbolic link at `path` says; nothing where there is none.
std::optional<std::string> read_link(int folder, const char* path);

// Takes the next line off `rest`, without its newline; false when nothing is left.
bool take_line(std::string_view& rest, std::string_view& line);

// Takes the next word off `rest`: blanks and tabs separate. "" when nothing is left.
std::string_view take_word(std::string_view& rest);

std::string_view trimmed(std::string_view text);

// The whole text as a number; nothing where it is not one, or does not fit.
template <class T>
std::optional<T> to_number(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// The same for "0x1f" and "1f".
std::optional<std::uint64_t> to_hex_number(std::string_view text);

}  // namespace standstill

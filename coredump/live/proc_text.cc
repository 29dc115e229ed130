#include "coredump/live/proc_text.h"

#include "base/descriptor.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace standstill {

std::optional<std::string> read_proc_file(int folder, const char* path, std::size_t limit) {
  const Descriptor file(::openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 8192> buffer;
  while (text.size() < limit) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (text.size() > limit) text.resize(limit);
  return text;
}

std::optional<std::string> read_small_proc_file(int folder, const char* path) {
  const Descriptor file(::openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return std::nullopt;
  std::array<char, 8192> buffer;
  const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
  if (got < 0) return std::nullopt;
  return std::string(buffer.data(), static_cast<std::size_t>(got));
}

std::optional<std::string> read_link(int folder, const char* path) {
  std::array<char, 4096> buffer;
  const ssize_t size = ::readlinkat(folder, path, buffer.data(), buffer.size());
  if (size < 0) return std::nullopt;
  return std::string(buffer.data(), static_cast<std::size_t>(size));
}

bool take_line(std::string_view& rest, std::string_view& line) {
  if (rest.empty()) return false;
  const std::size_t end = rest.find('\n');
  line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return true;
}

std::string_view take_word(std::string_view& rest) {
  const std::size_t start = rest.find_first_not_of(" \t");
  if (start == std::string_view::npos) {
    rest = {};
    return {};
  }
  rest.remove_prefix(start);
  const std::size_t size = std::min(rest.find_first_of(" \t"), rest.size());
  const std::string_view word = rest.substr(0, size);
  rest.remove_prefix(size);
  return word;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\n");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\n") - start + 1);
}

std::optional<std::uint64_t> to_hex_number(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  return to_number<std::uint64_t>(text, 16);
}

}  // namespace standstill

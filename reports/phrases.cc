#include "reports/phrases.h"

#include "reports/printable.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <iomanip>
#include <sstream>

#include <fmt/format.h>

namespace standstill {

std::string with_thousands(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", with_thousands(number), noun, number == 1 ? "" : "s");
}

std::string in_bytes(std::uint64_t bytes) {
  constexpr std::array units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return counted(bytes, "byte");
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (value /= 1024; value >= 1023.5 && unit + 1 < units.size(); ++unit) value /= 1024;
  return value < 9.95 ? fmt::format("{:.1f} {}", value, units[unit])
                      : fmt::format("{:.0f} {}", value, units[unit]);
}

std::string short_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e12) return "?";
  if (seconds < 60) return fmt::format("{:.1f}s", std::floor(seconds * 10) / 10);
  const auto whole = static_cast<std::uint64_t>(seconds);
  if (whole < 3600) return fmt::format("{}m{}s", whole / 60, whole % 60);
  return fmt::format("{}h{}m{}s", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string moment_before(const std::string& rfc3339, double seconds) {
  std::tm time{};
  std::istringstream text(rfc3339);
  text >> std::get_time(&time, "%Y-%m-%dT%H:%M:%SZ");
  if (text.fail() || !(seconds >= 0) || seconds > 1e10) return {};
  const std::time_t then = timegm(&time) - static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (gmtime_r(&then, &parts) == nullptr) return {};
  const bool same_day = parts.tm_yday == time.tm_yday && parts.tm_year == time.tm_year;
  std::array<char, 64> out;
  const std::size_t size =
      std::strftime(out.data(), out.size(), same_day ? "%H:%M:%S UTC" : "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {out.data(), size};
}

std::string readable_time(std::string_view rfc3339) {
  if (rfc3339.size() != 20 || rfc3339[10] != 'T' || rfc3339.back() != 'Z') return std::string(rfc3339);
  return fmt::format("{} {} UTC", rfc3339.substr(0, 10), rfc3339.substr(11, 8));
}

std::vector<std::string> as_ranges(std::vector<std::uint64_t> numbers) {
  std::ranges::sort(numbers);
  std::vector<std::string> ranges;
  for (std::size_t first = 0; first < numbers.size();) {
    std::size_t last = first;
    while (last + 1 < numbers.size() && numbers[last + 1] - numbers[last] <= 1) ++last;
    if (numbers[last] - numbers[first] <= 1) {  // a pair reads better as two numbers
      for (std::size_t i = first; i <= last; ++i) ranges.push_back(std::to_string(numbers[i]));
    } else {
      ranges.push_back(fmt::format("{}-{}", numbers[first], numbers[last]));
    }
    first = last + 1;
  }
  return ranges;
}

std::string_view basename(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string shortened_name(std::string_view function, std::size_t limit) {
  if (display_width(function) <= limit) return std::string(function);
  std::string out;
  for (std::size_t i = 0; i < function.size();) {
    const bool after_name = !out.empty() && (out.back() == '_' || out.back() == ':' || out.back() == '}' ||
                                             std::isalnum(static_cast<unsigned char>(out.back())) != 0);
    if (function[i] != '<' || !after_name || out.ends_with("operator")) {
      out += function[i++];
      continue;
    }
    int depth = 0;
    std::size_t end = i;
    for (; end < function.size(); ++end) {
      if (function[end] == '<') ++depth;
      if (function[end] == '>' && function[end - 1] != '-' && --depth == 0) break;
    }
    if (end == function.size()) return out.append(function.substr(i));  // unbalanced: leave the rest alone
    out += "<...>";
    i = end + 1;
  }
  return out;
}

std::string shortened_path(std::string_view path, std::size_t limit) {
  if (display_width(path) <= limit) return std::string(path);
  std::size_t slash = 0;
  for (std::size_t next = slash; (next = path.find('/', slash + 1)) != std::string_view::npos;) {
    slash = next;
    if (display_width(path.substr(slash)) + 3 <= limit) break;
  }
  return slash == 0 ? std::string(path) : fmt::format("...{}", path.substr(slash));
}

std::string wrapped(std::string_view text, std::size_t width, std::string_view indent) {
  std::string out;
  std::size_t column = 0;  // 0: at the start of a line
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    const std::size_t length = display_width(word);
    if (column != 0 && column + 1 + length > width) {
      out += '\n';
      column = 0;
    }
    if (column == 0) {
      out += indent;
      column = indent.size();
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += length;
  }
  if (!out.empty()) out += '\n';
  return out;
}

std::string wrapped_after(std::string_view text, std::size_t width, std::size_t indent) {
  const std::string lines = wrapped(text, width, std::string(indent, ' '));
  return lines.size() <= indent ? "\n" : lines.substr(indent);
}

}  // namespace standstill

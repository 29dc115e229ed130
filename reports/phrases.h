// How numbers, sizes and long names are put into text for people.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

// "10,000"
std::string with_thousands(std::uint64_t number);

// "1 thread", "1,000 threads"
std::string counted(std::uint64_t number, std::string_view noun);

// "512 bytes", "1.5 KiB", "812 MiB"
std::string in_bytes(std::uint64_t bytes);

// As Go prints durations, to a length that people read at a glance: "0.4s", "12.4s", "12m40s", "3h2m1s".
std::string short_duration(double seconds);

// The moment that lies so many seconds before `rfc3339`: "03:12:44 UTC", with the date where that is another
// day. "" where the time cannot be read.
std::string moment_before(const std::string& rfc3339, double seconds);

// "2026-11-20 15:40:11 UTC" from "2026-11-20T15:40:11Z"; any other text as it is.
std::string readable_time(std::string_view rfc3339);

// {1, 2, 3, 7} gives {"1-3", "7"}. `numbers` need not be sorted.
std::vector<std::string> as_ranges(std::vector<std::uint64_t> numbers);

// What follows the last '/'.
std::string_view basename(std::string_view path);

// The same name with what stands in template (or generic) brackets replaced by "<...>", where it is longer
// than `limit`. "operator<" and Rust's "<Type as Trait>::method" keep their brackets.
std::string shortened_name(std::string_view function, std::size_t limit);

// The same path with leading folders replaced by "..." where it is longer than `limit`; the last part is
// never cut.
std::string shortened_path(std::string_view path, std::size_t limit);

// Words put into lines of at most `width` columns, each after `indent`. A word that is longer gets a line of
// its own.
std::string wrapped(std::string_view text, std::size_t width, std::string_view indent = {});

// The same for what follows a title that is as wide as `indent` columns: the first line has no indent of its
// own.
std::string wrapped_after(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace standstill

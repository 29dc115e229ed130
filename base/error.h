// What can go wrong, in two kinds. An Error says that the job cannot be done. A Note says that a part of the
// evidence is bad or missing while the rest goes on. (The third kind, our own mistakes, is assert.)
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace standstill {

struct Error {
  std::string message;  // one line: what was found, and where
  std::string hint;     // what a person can do about it; empty where nothing sensible can be said

  // Puts the place in front, outermost first: "hung.core: reading notes: ...".
  Error within(std::string_view place) && {
    message.insert(0, ": ").insert(0, place);
    return std::move(*this);
  }
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> failure(std::string message, std::string hint = {}) {
  return std::unexpected(Error{std::move(message), std::move(hint)});
}

enum class Severity { INFO, WARNING, ERROR };

struct Note {
  Severity severity = Severity::WARNING;
  std::string text;   // one line, complete without `where`
  std::string where;  // a file, module, address or thread; may be empty
  friend bool operator==(const Note&, const Note&) = default;
};

}  // namespace standstill

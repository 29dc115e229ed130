// The few colours of text output, as SGR sequences that every terminal knows (ECMA-48, 8.3.117); nothing
// where colour is off.
#pragma once

#include <string>
#include <string_view>

namespace standstill {

class Ink {
 public:
  explicit Ink(bool color) : color_(color) {}

  std::string bold(std::string_view text) const { return painted("1", text); }
  std::string dim(std::string_view text) const { return painted("2", text); }
  std::string warning(std::string_view text) const { return painted("33", text); }
  std::string alarm(std::string_view text) const { return painted("1;31", text); }

 private:
  std::string painted(std::string_view code, std::string_view text) const {
    if (!color_ || text.empty()) return std::string(text);
    return std::string("\x1b[").append(code).append("m").append(text).append("\x1b[0m");
  }

  bool color_;
};

}  // namespace standstill

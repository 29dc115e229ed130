#include "cli/terminal.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace standstill {

namespace {

constexpr std::size_t USUAL_WIDTH = 80;
constexpr std::size_t LEAST_WIDTH = 40;
constexpr std::size_t MOST_WIDTH = 160;  // longer lines are hard to follow

}  // namespace

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

std::size_t terminal_width(int descriptor) {
  winsize size{};
  if (!is_terminal(descriptor) || ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return USUAL_WIDTH;
  return std::clamp<std::size_t>(size.ws_col, LEAST_WIDTH, MOST_WIDTH);
}

bool use_color(const std::string& choice, int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  if (choice != "auto") return choice == "always";
  const char* terminal = std::getenv("TERM");
  return is_terminal(descriptor) && terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace standstill

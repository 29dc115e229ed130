// A second unit, so that a program has more than one.
#include <string>
#include <vector>

static int square(int n) { return n * n; }

__attribute__((noinline)) static int unused_elsewhere(std::vector<std::string>& out, int n) {
  for (int i = 0; i < n; ++i) out.push_back(std::string(static_cast<std::size_t>(i), 'x'));
  return static_cast<int>(out.size());
}

int never_called(int n) { return square(n) + 7; }

int more(int n) {
  std::vector<std::string> out;
  return unused_elsewhere(out, square(n)) + square(n + 1);
}

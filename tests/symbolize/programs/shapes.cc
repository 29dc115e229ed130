// Functions of the shapes that name finding goes wrong on: templates, lambdas, operators, constructors,
// functions inside functions, code that is inlined several levels deep, parts that the compiler splits off.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

int more(int n);

namespace shapes {
namespace {
struct Hidden {
  __attribute__((noinline)) int twice(int x) const { return x * 2; }
};
}  // namespace

template <class T>
struct Box {
  T value;
  explicit Box(T v) : value(v) {}
  __attribute__((noinline)) operator T() const { return value; }
  __attribute__((noinline)) bool operator<(const Box& other) const { return value < other.value; }
  __attribute__((noinline)) T operator()(int a) { return value + a; }
};

template <class F>
__attribute__((noinline)) int call_with(F f, int argument) {
  return f(argument);
}

template <class T>
__attribute__((noinline)) T through_lambdas(T a) {
  auto first = [a](int b) {
    volatile int z = b;
    return static_cast<int>(a + z);
  };
  auto second = [a](int b) {
    volatile int z = b;
    return static_cast<int>(a * z);
  };
  return call_with(first, 3) + call_with(second, 4);
}

static inline __attribute__((always_inline)) int innermost(int a) { return a * a + 1; }
static inline __attribute__((always_inline)) int middle(int a) {
  int sum = 0;
  for (int i = 0; i < a; ++i) sum += innermost(i);
  return sum;
}
__attribute__((noinline)) int outermost(int a) { return middle(a) + middle(a + 1); }

__attribute__((noinline)) int throws_sometimes(int a) {
  if (a > 1000) throw std::runtime_error("far too big: " + std::to_string(a));
  return a;
}
}  // namespace shapes

int orders_table[32] = {1, 2, 3};
static int private_counter = 5;

int main(int count, char**) {
  struct Local {
    __attribute__((noinline)) int method(int x) { return x + private_counter; }
  } local;
  shapes::Box<int> small(count), big(2);
  std::vector<std::vector<int>> index;
  index.push_back({more(count)});
  std::vector<std::string> words;
  for (int i = 0; i < count + 3; ++i) words.push_back(std::to_string(shapes::outermost(i)));
  const int sum = local.method(1) + (small < big) + big(3) + static_cast<int>(small) +
                  shapes::through_lambdas(4) + static_cast<int>(shapes::through_lambdas(4L)) +
                  shapes::Hidden().twice(2) + shapes::throws_sometimes(count) + orders_table[count & 31];
  std::printf("%d %zu %zu\n", sum, words.size(), index.size());
}

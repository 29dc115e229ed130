// One of many units of the big program. It is compiled again and again, each time with another namespace
// UNIT, so that each object carries debug information of its own: types, instantiations of the standard
// library, inlined calls, locations of variables.
#include "step.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace fleet::UNIT {

struct Key {
  int number = 0;
  std::string customer;
  auto operator<=>(const Key&) const = default;
};

template <int N>
struct Record {
  int number = N;
  std::string title;
  std::map<std::string, Key> by_name;
  std::vector<Key> keys;
  std::unordered_map<std::string, std::vector<Key>> by_customer;
  std::variant<int, std::string, Key> value;
};

// Half of the work is only here to be instantiated; it runs once for each frame, on a few elements.
template <int N>
std::size_t index_records(const Record<N>& record) {
  std::map<Key, Record<N>> by_key;
  by_key[Key{N, "first"}] = record;
  std::vector<Record<N>> copies(2, record);
  copies.push_back(record);
  std::sort(copies.begin(), copies.end(), [](const auto& a, const auto& b) { return a.title < b.title; });
  std::map<std::string, std::shared_ptr<Record<N>>> shared;
  shared["a"] = std::make_shared<Record<N>>(record);
  std::unordered_map<std::string, std::map<int, Record<N>>> nested;
  nested["b"][N] = record;
  return by_key.size() + copies.size() + shared.size() + nested.size();
}

template <int N>
inline int deliver(Context& context, int weight) {
  return descend(context) + weight;
}

template <int N>
[[gnu::noinline]] int dispatch(Record<N>& record, Context& context) {
  std::stable_sort(record.keys.begin(), record.keys.end(),
                   [](const Key& a, const Key& b) { return a.customer.size() + N < b.customer.size(); });
  const std::size_t indexed = index_records(record);
  const std::function<int(const Key&)> handle = [&context, indexed](const Key& key) {
    return deliver<N>(context, key.number + static_cast<int>(indexed));
  };
  int sum = 0;
  std::for_each(record.keys.begin(), record.keys.begin() + 1, [&](const Key& key) {
    sum += std::visit([&](const auto& value) { return handle(key) + static_cast<int>(sizeof value); },
                      record.value);
  });
  return sum;
}

template <int N>
int step(Context& context) {
  Record<N> record;
  record.title = context.name;
  record.keys = {Key{N, "second"}, Key{N + 1, context.name}};
  if (context.thread % 3 == 1) record.value = context.name;
  if (context.thread % 3 == 2) record.value = Key{N, context.name};
  return dispatch<N>(record, context) + static_cast<int>(record.keys.size());
}

template <int... N>
std::span<const Step> steps_of(std::integer_sequence<int, N...>) {
  static constexpr Step table[] = {&step<N>...};
  return table;
}

bool is_customer(const std::string& text) { return std::regex_match(text, std::regex("[a-z]+-[0-9]+")); }

std::span<const Step> steps() { return steps_of(std::make_integer_sequence<int, STEPS>()); }

}  // namespace fleet::UNIT

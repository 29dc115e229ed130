// Half-open address ranges [start, end) that do not overlap, each with a value; found by binary search.
#pragma once

#include "base/address.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace standstill {

template <class Value>
class IntervalMap {
 public:
  struct Interval {
    Address start;
    Address end;
    Value value;
  };

  IntervalMap() = default;

  // Sorts by start. Where ranges overlap (a damaged table), the one that starts first keeps its range and the
  // later one is cut; an empty or reversed range is dropped.
  explicit IntervalMap(std::vector<Interval> intervals) : intervals_(std::move(intervals)) {
    if (is_in_order()) return;  // the usual case; tables of a core have tens of thousands of rows
    std::stable_sort(intervals_.begin(), intervals_.end(),
                     [](const Interval& a, const Interval& b) { return a.start < b.start; });
    std::vector<Interval> kept;
    kept.reserve(intervals_.size());
    for (Interval& interval : intervals_) {
      if (!kept.empty() && interval.start < kept.back().end) interval.start = kept.back().end;
      if (interval.start < interval.end) kept.push_back(std::move(interval));
    }
    intervals_ = std::move(kept);
  }

  // The interval that holds `address`, or nullptr. Constant after construction, so safe from many threads.
  const Interval* find(Address address) const {
    auto next = std::upper_bound(intervals_.begin(), intervals_.end(), address,
                                 [](Address a, const Interval& interval) { return a < interval.start; });
    if (next == intervals_.begin()) return nullptr;
    const Interval& interval = *std::prev(next);
    return address < interval.end ? &interval : nullptr;
  }

  const std::vector<Interval>& intervals() const { return intervals_; }
  bool empty() const { return intervals_.empty(); }

 private:
  bool is_in_order() const {
    Address end;
    for (const Interval& interval : intervals_) {
      if (interval.start < end || interval.start >= interval.end) return false;
      end = interval.end;
    }
    return true;
  }

  std::vector<Interval> intervals_;
};

// Adds to `base` (sorted, without overlaps) those parts of `extra` that nothing covers yet; where ranges of
// `extra` overlap, the one that starts first wins. `part(value, offset)` gives the value for what begins
// `offset` bytes into an interval, for values that are tied to their start. Linear after sorting.
template <class Interval, class Part>
std::vector<Interval> fill_gaps(std::vector<Interval> base, std::vector<Interval> extra, Part part) {
  const auto by_start = [](const Interval& a, const Interval& b) { return a.start < b.start; };
  if (!std::is_sorted(extra.begin(), extra.end(), by_start))
    std::stable_sort(extra.begin(), extra.end(), by_start);
  const std::size_t base_size = base.size();
  std::size_t next = 0;  // the first interval of `base` that may still reach past `at`
  Address at;            // everything of `extra` below is done
  for (const Interval& interval : extra) {
    at = std::max(at, interval.start);
    while (at < interval.end) {
      while (next < base_size && base[next].end <= at) ++next;
      const bool covered = next < base_size && base[next].start <= at;
      const Address end = covered            ? base[next].end
                          : next < base_size ? std::min(base[next].start, interval.end)
                                             : interval.end;
      if (!covered) base.push_back({at, end, part(interval.value, at - interval.start)});
      at = end;
    }
  }
  if (base_size != 0)
    std::inplace_merge(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(base_size), base.end(),
                       by_start);
  return base;
}

}  // namespace standstill

#include "reports/diff_goroutines.h"

#include "reports/tasks.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <unordered_map>
#include <utility>

namespace standstill {

namespace {

// Whether a goroutine has run between two pictures.
enum class Proof : std::uint8_t { RAN, SLEPT, NONE };

// When it was found waiting first, ns of CLOCK_MONOTONIC; nothing where it is not known.
std::optional<std::int64_t> waiting_since(const Findings& findings, const GoroutineRecord& goroutine) {
  if (goroutine.waited_ns < 0 || !findings.target.monotonic_seconds) return std::nullopt;
  return static_cast<std::int64_t>(*findings.target.monotonic_seconds * 1e9) - goroutine.waited_ns;
}

Proof compare_notes(const Findings& a, const GoroutineRecord& x, const Findings& b,
                    const GoroutineRecord& y) {
  constexpr std::int64_t ROUNDING = 10'000;  // ns: the time of a picture is kept as a floating point number
  if (x.waited_ns >= 0 && y.waited_ns < 0) return Proof::RAN;  // the note was cleared
  const auto from = waiting_since(a, x), to = waiting_since(b, y);
  if (!from || !to) return Proof::NONE;
  return std::abs(*to - *from) <= ROUNDING ? Proof::SLEPT : Proof::RAN;
}

class StackComparison {
 public:
  StackComparison(const Findings& a, const Findings& b) : a_(a), b_(b) {}

  // Groups of the one and of the other; each pair is compared once.
  bool is_same(std::uint32_t x, std::uint32_t y) {
    if (x >= a_.groups.size() || y >= b_.groups.size()) return false;
    const auto [entry, is_new] = known_.try_emplace({x, y}, false);
    if (is_new)
      entry->second = std::ranges::equal(a_.groups[x].frames, b_.groups[y].frames, {}, &FrameRecord::pc,
                                         &FrameRecord::pc);
    return entry->second;
  }

 private:
  const Findings& a_;
  const Findings& b_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> known_;
};

const GoRecord::State* state_of(const Findings& findings, const GoroutineRecord& goroutine) {
  return goroutine.state < findings.go.states.size() ? &findings.go.states[goroutine.state] : nullptr;
}

bool waits_alike(const Findings& a, const GoroutineRecord& x, const Findings& b, const GoroutineRecord& y) {
  const GoRecord::State* from = state_of(a, x);
  const GoRecord::State* to = state_of(b, y);
  return from != nullptr && to != nullptr && from->text == to->text && from->kind != "RUNNING";
}

void set_still(TaskChange& change, bool is_proved, const GoroutineRecord& first,
               std::optional<double> elapsed) {
  change.motion = "STILL";
  change.confidence = is_proved ? "CERTAIN" : "PROBABLE";
  change.evidence = is_proved ? "same stack, and the runtime noted the same beginning of its wait"
                              : "same status and stack; whether it ran in between is not known";
  if (elapsed)
    change.still_seconds =
        *elapsed + (first.waited_ns >= 0 ? static_cast<double>(first.waited_ns) / 1e9 : 0.0);
}

using Index = std::unordered_map<std::uint64_t, std::uint32_t>;

Index by_number(const Findings& findings) {
  Index index;
  index.reserve(findings.goroutines.size());
  for (std::uint32_t i = 0; i < findings.goroutines.size(); ++i)
    index.emplace(findings.goroutines[i].number, i);
  return index;
}

std::uint32_t task_of(const Findings& findings, std::uint32_t goroutine) {
  return static_cast<std::uint32_t>(findings.tasks.size()) + goroutine;
}

}  // namespace

std::vector<TaskChange> diff_goroutines(std::span<const Findings> pictures, std::optional<double> elapsed) {
  const Findings& first = pictures.front();
  const Findings& last = pictures.back();
  std::vector<Index> indexes;
  for (const Findings& picture : pictures) indexes.push_back(by_number(picture));
  std::vector<StackComparison> stacks;
  for (std::size_t i = 0; i + 1 < pictures.size(); ++i) stacks.emplace_back(pictures[i], pictures[i + 1]);

  std::vector<TaskChange> changes;
  changes.reserve(last.goroutines.size());
  for (std::uint32_t j = 0; j < last.goroutines.size(); ++j) {
    TaskChange& change = changes.emplace_back();
    change.last = task_of(last, j);
    change.id = task_id(last, *change.last);
    std::vector<const GoroutineRecord*> looks;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const auto found = indexes[i].find(last.goroutines[j].number);
      if (found != indexes[i].end()) looks.push_back(&pictures[i].goroutines[found->second]);
    }
    if (looks.size() != pictures.size()) {
      change.motion = "ARRIVED";
      continue;
    }
    change.first = task_of(first, indexes.front().at(last.goroutines[j].number));
    bool is_still = true, is_proved = true;
    for (std::size_t i = 0; i + 1 < looks.size() && is_still; ++i) {
      const Proof proof = compare_notes(pictures[i], *looks[i], pictures[i + 1], *looks[i + 1]);
      is_still = proof != Proof::RAN && waits_alike(pictures[i], *looks[i], pictures[i + 1], *looks[i + 1]) &&
                 stacks[i].is_same(looks[i]->group, looks[i + 1]->group);
      is_proved = is_proved && proof == Proof::SLEPT;
    }
    change.motion = "MOVED";
    if (is_still) set_still(change, is_proved, *looks.front(), elapsed);
  }
  for (std::uint32_t i = 0; i < first.goroutines.size(); ++i) {
    if (indexes.back().contains(first.goroutines[i].number)) continue;
    TaskChange& change = changes.emplace_back();
    change.first = task_of(first, i);
    change.id = task_id(first, *change.first);
    change.motion = "LEFT";
  }
  return changes;
}

}  // namespace standstill

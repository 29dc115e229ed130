#include "reports/headline.h"

#include "reports/phrases.h"
#include "reports/standpoint.h"
#include "reports/tasks.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {

namespace {

// Of the tasks whose stacks are shown.
struct Shown {
  std::size_t threads = 0;
  std::size_t goroutines = 0;
};

Shown count_shown(const Findings& findings) {
  Shown shown;
  for (const GroupRecord& group : findings.groups) {
    if (group.is_hidden || group.tasks.empty()) continue;
    (is_goroutine(findings, group.tasks.front()) ? shown.goroutines : shown.threads) += group.tasks.size();
  }
  return shown;
}

}  // namespace

std::string_view certainty_words(std::string_view confidence) {
  return confidence == "CERTAIN" ? "" : confidence == "PROBABLE" ? " (probably)" : " (possibly)";
}

std::string headline_of_finding(const FindingRecord& finding) {
  return fmt::format("{}{}", finding.title, certainty_words(finding.confidence));
}

std::string headline_of_stacks(const Findings& findings) {
  const Shown shown = count_shown(findings);
  const std::string noun = shown.goroutines == 0 ? "thread" : shown.threads == 0 ? "goroutine" : "task";
  const std::size_t total = shown.threads + shown.goroutines;
  if (total == 0) return "There is no thread to be seen.";
  const std::vector<Place> places = places_of(findings);
  if (places.empty()) return fmt::format("No stack could be read of {}.", counted(total, noun));
  const Place& largest = places.front();
  const std::size_t others = total - largest.tasks;
  if (total == 1) return fmt::format("The only {} stands in {}.", noun, largest.text);
  if (others == 0) return fmt::format("All {} {}s stand in {}.", with_thousands(total), noun, largest.text);
  if (largest.tasks == 1)
    return fmt::format("Each of the {} {}s stands in a place of its own.", with_thousands(total), noun);
  return fmt::format(
      "{} of {} {}s stand in {}; the other {} in {}.", with_thousands(largest.tasks), with_thousands(total),
      noun, largest.text, with_thousands(others),
      places.size() == 2 ? "another place" : with_thousands(places.size() - 1) + " other places");
}

}  // namespace standstill

#include "reports/headline.h"

#include "reports/phrases.h"
#include "reports/standpoint.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {

namespace {

std::string noun_of(const Findings& findings) {
  const auto is = [](const char* kind) {
    return [kind](const TaskRecord& task) { return task.kind == kind; };
  };
  if (std::ranges::all_of(findings.tasks, is("THREAD"))) return "thread";
  return std::ranges::all_of(findings.tasks, is("GOROUTINE")) ? "goroutine" : "task";
}

}  // namespace

std::string headline_of_stacks(const Findings& findings) {
  const std::string noun = noun_of(findings);
  const std::size_t total = findings.tasks.size();
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

#include "runtimes/go/go_process.h"

#include <utility>

namespace standstill {

GoProcess find_go_process(const Snapshot& snapshot, std::vector<Note>& notes,
                          const GoStructReader& read_structs) {
  GoProcess process;
  process.runtime = GoRuntime::find(snapshot, notes, read_structs);
  if (process.runtime == nullptr) return process;
  auto scheduler = GoScheduler::find(*process.runtime);
  if (scheduler)
    process.scheduler.emplace(std::move(*scheduler));
  else
    notes.push_back({Severity::WARNING, scheduler.error().message, ""});
  return process;
}

}  // namespace standstill

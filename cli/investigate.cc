#include "cli/investigate.h"

#include "cli/dump_findings.h"
#include "cli/heap_records.h"
#include "cli/investigate_together.h"
#include "cli/progress.h"
#include "cli/records.h"
#include "cli/runtime_profile_records.h"
#include "cli/target.h"
#include "cli/wait_records.h"
#include "symbolize/symbolizer.h"
#include "unwind/stack_group.h"
#include "unwind/unwinder.h"
#include "waits/verdict.h"

#include <iterator>
#include <utility>

namespace standstill {

namespace {

SymbolizerOptions symbolizer_options(const Snapshot& snapshot, const Options& options, Progress& progress) {
  SymbolizerOptions symbols;
  symbols.debug_dirs = options.debug_dirs;
  symbols.sysroot = options.sysroot.empty() ? snapshot.file_system_root : options.sysroot;
  symbols.debuginfod = options.debuginfod == "on"    ? Debuginfod::ON
                       : options.debuginfod == "off" ? Debuginfod::OFF
                                                     : Debuginfod::AUTO;
  symbols.use_cache = options.use_cache;
  symbols.progress = progress.callback();
  return symbols;
}

void append(std::vector<Note>& notes, std::vector<Note> more) {
  notes.insert(notes.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Result<Findings> investigate(const Options& options) {
  if (!options.from.empty()) return findings_of_dump(options);
  if (options.tasks == "goroutines")
    return failure("this version reads no goroutines yet", "see the threads with: --tasks threads");
  if (!options.more_targets.empty()) return investigate_together(options);
  Progress progress(options.quiet);
  const Result<Snapshot> snapshot = take_picture(options, progress);
  if (!snapshot) return std::unexpected(snapshot.error());
  return examine(*snapshot, options, progress);
}

Result<Findings> examine(const Snapshot& snapshot, const Options& options, Progress& progress,
                         WaitTable* waits_for_caller) {
  // Stacks by raw addresses, equal ones counted once.
  Symbolizer symbolizer(snapshot, symbolizer_options(snapshot, options, progress));
  UnwoundThreads threads = unwind_threads(snapshot, symbolizer, {.max_frames = options.max_frames});
  const std::vector<StackGroup> groups = group_stacks(threads.stacks);

  // Names, once for each distinct address; from here on no stack is added.
  NamedAddresses names;
  names.addresses = distinct_lookup_addresses(groups);
  names.locations = symbolizer.locate(names.addresses);

  // Who waits for what, who holds it, and what never ends.
  WaitTable waits = explain_waits(snapshot, threads.stacks, groups, {names.addresses, names.locations},
                                  time_of_picture(snapshot));
  Verdict verdict;
  if (options.wants_verdict) verdict = judge_waits(snapshot, threads.stacks, groups, symbolizer, waits);

  // What was found, in plain values.
  Findings findings;
  findings.target = to_target_record(snapshot);
  findings.tasks = to_task_records(snapshot, threads.stacks);
  for (const StackGroup& group : groups) {
    for (const std::uint32_t member : group.members)
      findings.tasks.at(member).group = static_cast<std::uint32_t>(findings.groups.size());
    findings.groups.push_back(to_group_record(group, names, snapshot));
  }
  add_wait_records(findings, symbolizer, waits, verdict);
  findings.modules = to_module_records(snapshot, symbolizer, names, options.inspect_all_modules);
  add_heap_records(findings, snapshot, symbolizer, options.heap_detail);
  add_runtime_profile(findings, snapshot, options.runtime_profile);
  append(findings.notes, snapshot.notes);
  append(findings.notes, std::move(threads.notes));
  append(findings.notes, symbolizer.notes());
  if (const LazyMemory* lazy = snapshot.memory.lazy()) append(findings.notes, lazy->notes());
  if (waits_for_caller != nullptr) *waits_for_caller = std::move(waits);
  return findings;
}

}  // namespace standstill

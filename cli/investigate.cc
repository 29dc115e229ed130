#include "cli/investigate.h"

#include "cli/dump_findings.h"
#include "cli/go_findings.h"
#include "cli/go_records.h"
#include "cli/heap_records.h"
#include "cli/investigate_together.h"
#include "cli/leak_findings.h"
#include "cli/progress.h"
#include "cli/records.h"
#include "cli/runtime_profile_records.h"
#include "cli/target.h"
#include "cli/wait_records.h"
#include "heapwalk/allocator.h"
#include "runtimes/go/go_process.h"
#include "symbolize/go_structs.h"
#include "symbolize/symbolizer.h"
#include "unwind/goroutine_stacks.h"
#include "unwind/stack_group.h"
#include "unwind/unwinder.h"
#include "waits/enclosing_names.h"
#include "waits/goroutines/condition_waits.h"
#include "waits/goroutines/goroutine_verdict.h"
#include "waits/goroutines/leaked_goroutines.h"
#include "waits/goroutines/select_waits.h"
#include "waits/verdict.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

namespace standstill {

namespace {

SymbolizerOptions symbolizer_options(const Snapshot& snapshot, const Options& options, Progress& progress,
                                     const GoProcess* go) {
  SymbolizerOptions symbols;
  symbols.go = go;
  symbols.debug_dirs = options.debug_dirs;
  symbols.sysroot = options.sysroot.empty() ? snapshot.file_system_root : options.sysroot;
  symbols.debuginfod = options.debuginfod == "on"    ? Debuginfod::ON
                       : options.debuginfod == "off" ? Debuginfod::OFF
                                                     : Debuginfod::AUTO;
  symbols.use_cache = options.use_cache;
  symbols.progress = progress.callback();
  return symbols;
}

GoProcess find_go(const Snapshot& snapshot, const Options& options, Progress& progress,
                  std::vector<Note>& notes) {
  return find_go_process(snapshot, notes,
                         go_struct_reader(symbolizer_options(snapshot, options, progress, nullptr)));
}

void append(std::vector<Note>& notes, std::vector<Note> more) {
  notes.insert(notes.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// A language runtime's own heap profile is the whole answer: no other heap in the process need be walked.
bool is_answered_by_runtime(const Findings& findings, const Options& options) {
  return options.format == "text" &&
         std::ranges::any_of(findings.runtime_profiles,
                             [](const RuntimeProfileRecord& profile) { return profile.missing.empty(); });
}

// What is read of a live process is kept, and it has run on by then: standing still for as long as the heap
// is looked at would be worse than a "probably".
LeakOptions leak_options(const Snapshot& snapshot, const Options& options) {
  LeakOptions leaks;
  if (snapshot.source == SnapshotSource::LIVE) leaks.most_bytes = std::uint64_t{256} << 20;
  leaks.is_moving = options.no_stop;
  leaks.ran_on = snapshot.source == SnapshotSource::LIVE || snapshot.leak_search;
  return leaks;
}

LeakSearch to_leak_search(const LeakedGoroutines& leaked, const GoroutineStacks& goroutines) {
  LeakSearch search{.is_complete = leaked.is_complete, .goroutines = {}, .notes = leaked.notes};
  for (std::uint32_t i = 0; i < leaked.never_runs.size(); ++i)
    if (leaked.never_runs[i]) search.goroutines.push_back(goroutines.tasks[i].id);
  std::ranges::sort(search.goroutines);
  return search;
}

// Reads the tables of every profile, so that a capture of this process holds their pages. The process runs
// again by then: whatever is asked of files (google/tcmalloc's samples are found by debug information) does
// not hold it up.
void read_profiles(const Snapshot& snapshot, const Symbolizer& symbolizer, const GoProcess& go) {
  Findings unused;
  for (const char* name : {"block", "mutex", "threadcreate"}) add_runtime_profile(unused, go, name);
  read_heaps({.snapshot = snapshot,
              .symbolizer = &symbolizer,
              .samples = true,
              .blocks = false,
              .go = go.runtime.get()});
}

// Nothing where a language runtime's own profile will most likely be the answer.
std::optional<HeapReading> read_stopped_heaps(const Snapshot& snapshot, const Options& options,
                                              Progress& progress) {
  std::vector<Note> unused;
  const GoProcess go = find_go(snapshot, options, progress, unused);
  if (go && options.format == "text" && is_runtime_profile(options.runtime_profile)) return std::nullopt;
  progress.report("reading the heap; the process stands still", -1);
  const Symbolizer symbolizer(snapshot, symbolizer_options(snapshot, options, progress, &go));
  return read_heaps(snapshot, &symbolizer, go.runtime.get(), options.heap_detail);
}

}  // namespace

Result<Findings> investigate(const Options& options) {
  if (!options.from.empty()) return findings_of_dump(options);
  if (!options.more_targets.empty()) return investigate_together(options);
  Progress progress(options.quiet);
  // Blocks of a heap are looked at while a living process stands still, everything else when it runs again.
  std::optional<HeapReading> heaps;
  std::function<void(const Snapshot&)> while_stopped;
  if (options.heap_detail == HeapDetail::FULL)
    while_stopped = [&](const Snapshot& stopped) { heaps = read_stopped_heaps(stopped, options, progress); };
  const Result<Snapshot> snapshot = take_picture(options, progress, std::move(while_stopped));
  if (!snapshot) return std::unexpected(snapshot.error());
  return examine(*snapshot, options, progress, {.heaps = std::move(heaps)});
}

Result<Findings> examine(const Snapshot& snapshot, const Options& options, Progress& progress,
                         Examination examination) {
  // What a language runtime in the process knows of its own tasks and code.
  std::vector<Note> go_notes;
  const GoProcess go = find_go(snapshot, options, progress, go_notes);
  if (options.tasks == "goroutines" && !go.scheduler)
    return failure(go_notes.empty() ? "the process has no Go runtime" : go_notes.front().text,
                   "see the threads with: --tasks threads");

  // Stacks by raw addresses, equal ones counted once.
  Symbolizer symbolizer(snapshot, symbolizer_options(snapshot, options, progress, &go));
  const auto expect_names = [&](std::span<const Stack> first) {
    symbolizer.expect(distinct_lookup_addresses(group_stacks(first)));
  };
  UnwoundThreads threads = unwind_threads(
      snapshot, symbolizer, {.max_frames = options.max_frames, .on_first_stacks = expect_names});
  const std::vector<StackGroup> groups = group_stacks(threads.stacks);
  std::optional<GoroutineStacks> goroutines;
  if (options.tasks != "threads" && go.scheduler)
    goroutines = unwind_goroutines(*go.scheduler, threads.stacks, options.max_frames);

  // Names, once for each distinct address; from here on no stack is added.
  NamedAddresses names;
  names.addresses = distinct_lookup_addresses(groups);
  names.locations = symbolizer.locate(names.addresses);

  // Who waits for what, who holds it, and what never ends.
  WaitTable waits = explain_waits(snapshot, threads.stacks, groups, {names.addresses, names.locations},
                                  time_of_picture(snapshot), threads.call_memory);
  Verdict verdict;
  if (options.wants_verdict) verdict = judge_waits(snapshot, threads.stacks, groups, symbolizer, waits);

  GoroutineWaits goroutine_waits;
  LeakedGoroutines leaked;
  GoroutineVerdict goroutine_verdict;
  if (goroutines) {
    goroutine_waits =
        explain_goroutine_waits(*go.scheduler, *goroutines, {.only_for_groups = !options.wants_each_wait});
    if (options.wants_each_wait) {
      add_select_waits(*go.scheduler, *goroutines, goroutine_waits);
      add_condition_waits(*go.scheduler, *goroutines, goroutine_waits);
    }
    if (options.wants_verdict) {
      leaked = find_leaked_goroutines(*go.scheduler, *goroutines, leak_options(snapshot, options));
      if (examination.leak_search != nullptr) *examination.leak_search = to_leak_search(leaked, *goroutines);
      goroutine_verdict = judge_goroutines(*go.scheduler, *goroutines, goroutine_waits, waits,
                                           leaked.is_complete ? &leaked.never_runs : nullptr);
    }
  }

  // What was found, in plain values.
  Findings findings;
  findings.target = to_target_record(snapshot);
  findings.tasks = to_task_records(snapshot, threads.stacks);
  if (go) findings.target.runtimes.push_back({"Go", go.runtime->version().text});
  if (goroutines)
    add_go_records(findings, *go.scheduler, *goroutines, goroutine_waits, symbolizer,
                   {.with_arguments = options.debug == 2});
  for (const StackGroup& group : groups) {
    for (const std::uint32_t member : group.members)
      findings.tasks.at(member).group = static_cast<std::uint32_t>(findings.groups.size());
    findings.groups.push_back(to_group_record(group, names, snapshot));
    findings.groups.back().is_hidden = goroutines && options.tasks != "all";
  }
  add_wait_records(
      findings, symbolizer, waits, verdict,
      name_enclosing_objects(snapshot, symbolizer, {names.addresses, names.locations}, waits, verdict));
  if (goroutines) {
    add_goroutine_wait_records(findings, symbolizer, goroutine_waits);
    add_goroutine_findings(findings, goroutine_waits, goroutine_verdict, leaked);
    add_leak_findings(findings, leaked, goroutine_verdict.joint);
  }
  findings.modules = to_module_records(snapshot, symbolizer, names, options.inspect_all_modules);
  add_runtime_profile(findings, go, options.runtime_profile);
  if (!is_answered_by_runtime(findings, options))
    add_heap_records(findings, snapshot, symbolizer,
                     examination.heaps
                         ? std::move(*examination.heaps)
                         : read_heaps(snapshot, &symbolizer, go.runtime.get(), options.heap_detail));
  if (options.reads_profiles) read_profiles(snapshot, symbolizer, go);
  append(findings.notes, snapshot.notes);
  append(findings.notes, std::move(go_notes));
  append(findings.notes, std::move(threads.notes));
  if (goroutines) append(findings.notes, std::move(goroutines->notes));
  append(findings.notes, symbolizer.notes());
  if (const LazyMemory* lazy = snapshot.memory.lazy()) append(findings.notes, lazy->notes());
  if (examination.waits != nullptr) *examination.waits = std::move(waits);
  return findings;
}

}  // namespace standstill

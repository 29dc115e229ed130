#include "cli/go_records.h"

#include "cli/go_frames.h"
#include "cli/records.h"
#include "reports/tasks.h"
#include "runtimes/go/go_clock.h"
#include "runtimes/go/profile_labels.h"
#include "runtimes/go/traceback_remarks.h"
#include "symbolize/go_locations.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <span>
#include <unordered_map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

namespace standstill {

namespace {

constexpr std::uint32_t NONE = GoroutineRecord::NONE;
constexpr std::size_t MOST_WAITERS = 10'000;  // listed by name of one resource

// When the picture was taken on the runtime's monotonic clock, in ns. A dump's file is made when the process
// has been stopped; a copy of it is younger, and keeps the time when the dump was written last.
std::optional<std::int64_t> time_of_picture_in_go(const GoRuntime& runtime) {
  const Snapshot& snapshot = runtime.snapshot();
  if (snapshot.facts && snapshot.facts->clocks.monotonic_ns > 0) return snapshot.facts->clocks.monotonic_ns;
  struct statx status{};
  if (snapshot.path.empty() || snapshot.path == "-" ||
      statx(AT_FDCWD, snapshot.path.c_str(), 0, STATX_MTIME | STATX_BTIME, &status) != 0 ||
      !S_ISREG(status.stx_mode))
    return std::nullopt;
  const auto in_ns = [](const struct statx_timestamp& time) {
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
  };
  std::int64_t when = in_ns(status.stx_mtime);
  if ((status.stx_mask & STATX_BTIME) != 0) when = std::min<std::int64_t>(when, in_ns(status.stx_btime));
  return monotonic_at(runtime, when);
}

// What the runtime's words mean in ours. (src/runtime/runtime2.go, waitReasonStrings)
std::string_view kind_of_wait(std::string_view reason, std::uint32_t status) {
  if (status == GoStatus::RUNNING || status == GoStatus::RUNNABLE) return "RUNNING";
  if (status != GoStatus::WAITING && status != GoStatus::LEAKED) return "GO_OTHER";
  constexpr std::pair<std::string_view, std::string_view> TABLE[] = {
      {"chan receive", "CHANNEL_RECV"},
      {"chan send", "CHANNEL_SEND"},
      {"select", "CHANNEL_SELECT"},
      {"sync.Mutex.Lock", "MUTEX"},
      {"sync.RWMutex.RLock", "RWLOCK_READ"},
      {"sync.RWMutex.Lock", "RWLOCK_WRITE"},
      {"sync.WaitGroup.Wait", "WAIT_GROUP"},
      {"sync.Cond.Wait", "CONDITION"},
      {"semacquire", "SEMAPHORE"},
      {"sleep", "SLEEP"},
      {"IO wait", "POLL"},
  };
  for (const auto& [text, kind] : TABLE)
    if (reason.starts_with(text)) return kind;
  return "GO_OTHER";
}

// A value that a traceback prints: how far above the innermost frame's CFA it lies, and its bytes.
struct Value {
  std::uint64_t distance = 0;
  std::uint8_t size = 0;
};

class GoRecords {
 public:
  GoRecords(Findings& findings, const GoScheduler& scheduler, const GoroutineStacks& stacks,
            const GoroutineWaits& waits, Symbolizer& symbolizer, const GoRecordOptions& options)
      : findings_(findings),
        scheduler_(scheduler),
        runtime_(scheduler.runtime()),
        stacks_(stacks),
        waits_(waits),
        symbolizer_(symbolizer),
        options_(options) {}

  void add() {
    findings_.go.minor_version = runtime_.version().minor;
    findings_.go.has_arguments = options_.with_arguments;
    findings_.go.prints_labels = prints_labels(runtime_);
    findings_.target.goroutine_count = stacks_.tasks.size();
    findings_.goroutines.resize(stacks_.tasks.size());
    first_group_ = findings_.groups.size();
    for (const StackGroup& group : stacks_.groups) add_group(group);
    add_goroutines();
    if (options_.with_arguments) add_arguments();
  }

 private:
  void add_group(const StackGroup& group) {
    GoGroupFrames frames = to_go_frames(runtime_, group, runtime_.snapshot(), options_.with_arguments);
    GroupRecord record;
    record.frames = std::move(frames.frames);
    name_foreign(frames.foreign, group, record.frames);
    if (group.end != StackEnd::OUTERMOST) record.broken_end = describe(group.end);
    record.is_cut = group.end == StackEnd::FRAME_LIMIT;
    const auto first = static_cast<std::uint32_t>(findings_.tasks.size());
    const auto index = static_cast<std::uint32_t>(findings_.groups.size());
    record.tasks = group.members;
    for (std::uint32_t& member : record.tasks) {
      findings_.goroutines[member].group = index;
      member += first;
    }
    findings_.groups.push_back(std::move(record));
    places_.push_back(std::move(frames.places));
  }

  // C code is named as it is in threads.
  void name_foreign(const std::vector<ForeignFrame>& foreign, const StackGroup& group,
                    std::vector<FrameRecord>& frames) {
    if (foreign.empty()) return;
    NamedAddresses names;
    for (const ForeignFrame& place : foreign)
      names.addresses.push_back(group.frames[place.frame].lookup_address());
    std::ranges::sort(names.addresses);
    names.addresses.erase(std::ranges::unique(names.addresses).begin(), names.addresses.end());
    names.locations = symbolizer_.locate(names.addresses);
    for (auto place = foreign.rbegin(); place != foreign.rend(); ++place) {
      const Frame& frame = group.frames[place->frame];
      std::vector<FrameRecord> named =
          to_frame_records(frame, names.at(frame.lookup_address()), runtime_.snapshot());
      for (FrameRecord& record : named) {
        record.is_foreign = true;
        record.skips_profile = record.skips_traceback = true;
      }
      const auto at = frames.erase(frames.begin() + static_cast<std::ptrdiff_t>(place->record));
      frames.insert(at, std::make_move_iterator(named.begin()), std::make_move_iterator(named.end()));
    }
  }

  void add_goroutines() {
    const auto now = time_of_picture_in_go(runtime_);
    for (std::size_t i = 0; i < stacks_.tasks.size(); ++i) {
      const GoroutineTask& task = stacks_.tasks[i];
      GoroutineRecord& record = findings_.goroutines[i];
      record.number = task.id;
      record.parent = task.parent_id;
      record.thread = task.thread;
      record.is_locked_to_thread = task.is_locked_to_thread;
      record.state = state_of(task, waits_.kind_of_group[record.group - first_group_]);
      record.creator = creator_of(task);
      record.labels = labels_of(task.labels);
      record.remark = remark_of(task.bubble);
      if (now && task.waiting_since > 0 && task.waiting_since <= *now)
        record.waited_ns = *now - task.waiting_since;
    }
  }

  std::uint32_t state_of(const GoroutineTask& task, std::string_view kind_of_lock) {
    const std::uint32_t number = std::uint32_t{task.status} << 16 | std::uint32_t{task.wait_reason} << 2 |
                                 (task.bubble ? 2u : 0u) | (task.is_scanned ? 1u : 0u);
    const auto [entry, is_new] =
        states_.try_emplace({number, kind_of_lock}, static_cast<std::uint32_t>(findings_.go.states.size()));
    if (!is_new) return entry->second;
    GoRecord::State state;
    const bool waits = task.status == GoStatus::WAITING ||
                       (task.status == GoStatus::LEAKED && runtime_.version().minor >= 26);
    const std::string_view reason = waits ? scheduler_.wait_reason(task.wait_reason) : std::string_view{};
    state.text = waits && task.wait_reason != 0 ? (reason.empty() ? "unknown wait reason" : reason)
                                                : scheduler_.status(task.status);
    if (task.status == GoStatus::LEAKED && runtime_.version().minor >= 26) state.mark += " (leaked)";
    if (task.is_scanned) state.mark += " (scan)";
    if (task.bubble && is_durable(reason, task.status) && !state.text.ends_with("(durable)"))
      state.mark += " (durable)";
    state.kind = kind_of_wait(reason, task.status);
    // "semacquire" says little, and a writer that waits for others waits in the Mutex inside its RWMutex.
    if ((state.kind == "SEMAPHORE" || state.kind == "MUTEX") && !kind_of_lock.empty())
      state.kind = kind_of_lock;
    state.counts_minutes = task.status == GoStatus::WAITING || task.status == GoStatus::SYSCALL;
    findings_.go.states.push_back(std::move(state));
    return entry->second;
  }

  // Whether a bubble of testing/synctest takes this for idle. (runtime2.go, isIdleInSynctest; since 1.25 the
  // words of other such waits say so themselves.)
  bool is_durable(std::string_view reason, std::uint32_t status) const {
    constexpr std::string_view IDLE[] = {"chan receive (nil chan)",
                                         "chan send (nil chan)",
                                         "select (no cases)",
                                         "sleep",
                                         "sync.Cond.Wait",
                                         "coroutine",
                                         "synctest.Run",
                                         "synctest.Wait"};
    return runtime_.version().minor >= 25 && status == GoStatus::WAITING &&
           std::ranges::find(IDLE, reason) != std::end(IDLE);
  }

  std::uint32_t remark_of(Address bubble) {
    if (!bubble) return NONE;
    const auto [entry, is_new] = remarks_.try_emplace(bubble, NONE);
    if (!is_new) return entry->second;
    const std::string text = synctest_remark(runtime_, bubble);
    if (text.empty()) return NONE;
    entry->second = static_cast<std::uint32_t>(findings_.go.remarks.size());
    findings_.go.remarks.push_back(text);
    return entry->second;
  }

  // The main goroutine's creator is the runtime, and it is not told; likewise of others that the runtime
  // made.
  std::uint32_t creator_of(const GoroutineTask& task) {
    if (!task.created_at || task.id == 1) return NONE;
    const auto [entry, is_new] = creators_.try_emplace(task.created_at, NONE);
    if (!is_new) return entry->second;
    const auto place = runtime_.find_function(task.created_at);
    if (!place || place->function.id == runtime_.wrapper_id() ||
        !shows_in_traceback(runtime_, place->function.name))
      return NONE;
    const bool is_entry = task.created_at == place->function.entry;
    const GoLine line =
        place->module->lines.line_at(place->function, is_entry ? task.created_at : task.created_at - 1);
    CreatedBy creator;
    creator.function = printed_go_name(place->function.name);
    creator.file = line.file;
    creator.line = line.line;
    creator.offset = task.created_at - place->function.entry;
    entry->second = static_cast<std::uint32_t>(findings_.go.creators.size());
    findings_.go.creators.push_back(std::move(creator));
    return entry->second;
  }

  std::uint32_t labels_of(Address address) {
    if (!address) return NONE;
    const auto [entry, is_new] = labels_.try_emplace(address, NONE);
    if (!is_new) return entry->second;
    std::map<std::string, std::string> labels;
    for (auto& [name, value] : read_labels(runtime_, address))
      labels.emplace(std::move(name), std::move(value));
    if (labels.empty()) return NONE;
    const auto [same, is_first] =
        label_sets_.try_emplace(labels, static_cast<std::uint32_t>(findings_.go.label_sets.size()));
    if (is_first) findings_.go.label_sets.push_back(std::move(labels));
    return entry->second = same->second;
  }

  // The values, goroutine by goroutine: those of equal stacks lie at equal distances from their innermost
  // frame.
  void add_arguments() {
    constexpr std::size_t BLOCK = GoRecord::ARGUMENT_BLOCK;
    const std::size_t count = stacks_.tasks.size();
    for (std::size_t i = 0; i < stacks_.groups.size(); ++i) make_relative(stacks_.groups[i], places_[i]);
    findings_.go.arguments.resize((count + BLOCK - 1) / BLOCK);
    tbb::enumerable_thread_specific<std::vector<std::uint8_t>> scratches;
    tbb::parallel_for(std::size_t{0}, findings_.go.arguments.size(), [&](std::size_t block) {
      std::vector<std::uint8_t>& scratch = scratches.local();
      scratch.clear();
      for (std::size_t i = block * BLOCK; i < std::min(count, (block + 1) * BLOCK); ++i) {
        findings_.goroutines[i].arguments = scratch.size();
        read_arguments(stacks_.tasks[i].first_cfa, values_[findings_.goroutines[i].group - first_group_],
                       scratch);
      }
      findings_.go.arguments[block].assign(scratch.begin(), scratch.end());
    });
  }

  void make_relative(const StackGroup& group, const std::vector<ArgumentPlace>& places) {
    const Address first = first_go_cfa(group.frames);
    std::vector<Value>& values = values_.emplace_back();
    for (const ArgumentPlace& place : places)
      values.push_back({group.frames[place.frame].cfa - first + place.offset, place.size});
  }

  void read_arguments(Address first_cfa, const std::vector<Value>& values,
                      std::vector<std::uint8_t>& out) const {
    // Most stacks lie in one piece.
    const Bytes stack = runtime_.memory().bytes_at(first_cfa);
    for (const Value& value : values) {
      std::uint64_t word = 0;
      if (value.distance < stack.size() && stack.size() - value.distance >= sizeof word)
        std::memcpy(&word, stack.data() + value.distance, sizeof word);
      else
        word = runtime_.memory().read<std::uint64_t>(first_cfa + value.distance).value_or(0);
      if (value.size < 8) word &= (std::uint64_t{1} << (value.size * 8)) - 1;
      for (; word >= 0x80; word >>= 7) out.push_back(static_cast<std::uint8_t>(word | 0x80));
      out.push_back(static_cast<std::uint8_t>(word));
    }
  }

  Findings& findings_;
  const GoScheduler& scheduler_;
  const GoRuntime& runtime_;
  const GoroutineStacks& stacks_;
  const GoroutineWaits& waits_;
  Symbolizer& symbolizer_;
  const GoRecordOptions options_;
  std::size_t first_group_ = 0;                     // of goroutines in findings.groups
  std::vector<std::vector<ArgumentPlace>> places_;  // by group
  std::vector<std::vector<Value>> values_;          // likewise
  std::map<std::pair<std::uint32_t, std::string_view>, std::uint32_t> states_;
  std::unordered_map<Address, std::uint32_t> creators_, labels_, remarks_;
  std::map<std::map<std::string, std::string>, std::uint32_t> label_sets_;
};

}  // namespace

void add_go_records(Findings& findings, const GoScheduler& scheduler, const GoroutineStacks& stacks,
                    const GoroutineWaits& waits, Symbolizer& symbolizer, const GoRecordOptions& options) {
  GoRecords(findings, scheduler, stacks, waits, symbolizer, options).add();
}

void add_goroutine_wait_records(Findings& findings, const Symbolizer& symbolizer,
                                const GoroutineWaits& waits) {
  std::unordered_map<std::string, std::uint32_t> known;
  for (std::uint32_t i = 0; i < findings.resources.size(); ++i) known.emplace(findings.resources[i].id, i);
  std::vector<std::uint32_t> index_of;
  const auto first_task = static_cast<std::uint32_t>(findings.tasks.size());
  std::vector<Address> addresses;
  for (const GoroutineResource& resource : waits.resources) addresses.push_back(resource.address);
  std::vector<std::string> symbols = symbolizer.names_of_data(addresses);
  for (const GoroutineResource& resource : waits.resources) {
    // Threads and goroutines may wait for the same descriptor.
    const auto [entry, is_new] =
        known.try_emplace(resource.id, static_cast<std::uint32_t>(findings.resources.size()));
    index_of.push_back(entry->second);
    if (is_new) {
      ResourceRecord record;
      record.id = resource.id;
      record.kind = resource.kind;
      record.address = resource.address;
      record.detail = resource.detail;
      record.symbol = std::move(symbols[index_of.size() - 1]);
      findings.resources.push_back(std::move(record));
    }
    ResourceRecord& record = findings.resources[entry->second];
    for (const std::uint32_t waiter :
         std::span(resource.waiters).first(std::min(resource.waiters.size(), MOST_WAITERS)))
      record.waiters.push_back(task_id(findings, first_task + waiter));
    if (resource.waiters.size() > MOST_WAITERS)
      record.detail +=
          fmt::format("; only {} of {} waiters are listed", MOST_WAITERS, resource.waiters.size());
  }
  for (const GoroutineWaits::Select& select : waits.selects)
    findings.go.selects.push_back({select.task, select.first, select.count});
  for (const std::uint32_t channel : waits.channels) findings.go.channels.push_back(index_of[channel]);
  for (std::size_t i = 0; i < waits.resource_of.size() && i < findings.goroutines.size(); ++i)
    if (waits.resource_of[i] != GoroutineWaits::NONE)
      findings.goroutines[i].resource = index_of[waits.resource_of[i]];
}

}  // namespace standstill

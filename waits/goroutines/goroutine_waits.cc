#include "waits/goroutines/goroutine_waits.h"

#include "runtimes/go/channels.h"
#include "runtimes/go/semaphores.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

namespace standstill {

namespace {

constexpr std::size_t FRAMES_ASKED = 12;  // logical ones: the lock is not far from where its waiter parks
constexpr std::uint64_t POLL_WORDS = 64;  // of the stack, in which the poller's record is looked for

struct Standing {
  std::string_view kind;  // of a lock; "" for none
  bool in_mutex = false;  // in a Mutex, that inside an RWMutex included
  bool polls = false;
  std::string_view via;  // the function of sync or of an internal package that uses the lock; "" for none
};

// "sync.(*Map).LoadOrStore", and not what a lock itself is made of.
bool is_user_of_lock(std::string_view name) {
  for (const char* part : {"sync.runtime_", "sync.(*Mutex)", "sync.(*RWMutex)", "sync.(*WaitGroup)",
                           "sync.(*Once)", "internal/sync.(*Mutex)", "internal/sync.runtime_"})
    if (name.starts_with(part)) return false;
  return name.starts_with("sync.") || name.starts_with("internal/");
}

Standing standing_of(const GoRuntime& runtime, const StackGroup& group) {
  constexpr std::pair<std::string_view, std::string_view> LOCKS[] = {
      {"sync.(*RWMutex).RLock", "RWLOCK_READ"}, {"sync.(*RWMutex).Lock", "RWLOCK_WRITE"},
      {"sync.(*Mutex).Lock", "MUTEX"},          {"sync.(*Mutex).lockSlow", "MUTEX"},
      {"internal/sync.(*Mutex).Lock", "MUTEX"}, {"internal/sync.(*Mutex).lockSlow", "MUTEX"},
      {"sync.(*WaitGroup).Wait", "WAIT_GROUP"},
  };
  Standing standing;
  std::size_t asked = 0;
  for (const Frame& frame : group.frames) {
    const auto place = runtime.find_function(frame.lookup_address());
    if (!place) break;
    for (const GoCall& call : place->module->lines.calls_at(place->function, frame.lookup_address())) {
      // What the program does below is another matter: it may stand in a function that a Once runs.
      if (!call.name.starts_with("runtime.") && !call.name.starts_with("sync.") &&
          !call.name.starts_with("internal/"))
        return standing;
      if (call.name == "internal/poll.runtime_pollWait") standing.polls = true;
      for (const auto& [name, kind] : LOCKS)
        // A writer waits in the Mutex inside its RWMutex, and the outer one is what it is about.
        if (call.name == name) {
          standing.kind = kind;
          standing.in_mutex = standing.in_mutex || kind == "MUTEX";
        }
      if (call.name == "sync.(*Once).doSlow" && standing.kind == "MUTEX") standing.kind = "ONCE";
      if (standing.via.empty() && is_user_of_lock(call.name)) standing.via = call.name;
      if (++asked == FRAMES_ASKED) return standing;
    }
  }
  return standing;
}

// What one goroutine waits for: an address, or a descriptor.
struct Found {
  enum class Sort : std::uint8_t { NONE, CHANNEL, SEMAPHORE, DESCRIPTOR };
  Sort sort = Sort::NONE;
  std::uint64_t value = 0;
  friend bool operator==(const Found&, const Found&) = default;
};

struct HashFound {
  std::size_t operator()(const Found& found) const noexcept {
    return (found.value + static_cast<std::uint64_t>(found.sort)) * 0x9e3779b97f4a7c15u;
  }
};

class Explainer {
 public:
  Explainer(const GoScheduler& scheduler, const GoroutineStacks& stacks, const GoroutineWaitOptions& options)
      : scheduler_(scheduler), runtime_(scheduler.runtime()), stacks_(stacks), options_(options) {}

  GoroutineWaits explain() {
    for (const StackGroup& group : stacks_.groups) standings_.push_back(standing_of(runtime_, group));
    group_of_.resize(stacks_.tasks.size());
    is_crowd_.resize(stacks_.groups.size());
    for (std::uint32_t i = 0; i < stacks_.groups.size(); ++i) {
      std::size_t alike = 0;
      for (const std::uint32_t member : stacks_.groups[i].members) {
        group_of_[member] = i;
        alike += !stacks_.tasks[member].labels;
      }
      is_crowd_[i] = alike > 1;
    }
    semaphores_ = read_semaphore_waiters(scheduler_);

    std::vector<Found> found(stacks_.tasks.size());
    tbb::parallel_for(std::size_t{0}, found.size(), [&](std::size_t i) { found[i] = look_at(i); });

    GoroutineWaits waits;
    for (const Standing& standing : standings_) waits.kind_of_group.push_back(standing.kind);
    waits.resource_of.assign(found.size(), GoroutineWaits::NONE);
    std::unordered_map<Found, std::uint32_t, HashFound> known;
    for (std::uint32_t i = 0; i < found.size(); ++i) {
      if (found[i].sort == Found::Sort::NONE) continue;
      const auto [entry, is_new] =
          known.try_emplace(found[i], static_cast<std::uint32_t>(waits.resources.size()));
      if (is_new) waits.resources.push_back(describe(found[i], i));
      waits.resource_of[i] = entry->second;
      waits.resources[entry->second].waiters.push_back(i);
    }
    return waits;
  }

 private:
  Found look_at(std::size_t index) const {
    const GoroutineTask& task = stacks_.tasks[index];
    if (task.status != GoStatus::WAITING && task.status != GoStatus::LEAKED) return {};
    if (const Address* const semaphore = semaphores_.find(task.address)) {
      const Standing& standing = standings_[group_of_[index]];
      return {Found::Sort::SEMAPHORE, (*semaphore - distance(standing)).value()};
    }
    if (standings_[group_of_[index]].polls)
      return look_for_descriptor(task, stacks_.groups[group_of_[index]]);
    if (!task.waiting) return {};
    if (options_.only_for_groups && is_crowd_[group_of_[index]] && !task.labels && is_alone(task)) return {};
    // A select waits for several; they are not one thing that others could wait for as well.
    const std::vector<Address> channels = read_waited_channels(runtime_, task.waiting, 2);
    if (channels.size() != 1) return {};
    return {Found::Sort::CHANNEL, channels.front().value()};
  }

  // Whether nobody stands before or behind it in its channel's queue.
  bool is_alone(const GoroutineTask& task) const {
    struct Neighbours {
      std::uint64_t next, previous;
    };
    static_assert(SudogLayout::PREV == SudogLayout::NEXT + sizeof(std::uint64_t));
    const auto neighbours = runtime_.memory().read<Neighbours>(task.waiting + SudogLayout::NEXT);
    return neighbours && neighbours->next == 0 && neighbours->previous == 0;
  }

  // From the lock to its semaphore. An RWMutex has three: of readers, of the writer that waits for them, and
  // that of the Mutex inside, at which other writers wait.
  static std::uint64_t distance(const Standing& standing) {
    if (standing.kind == "WAIT_GROUP" || standing.kind == "ONCE") return 8;
    if (standing.kind == "RWLOCK_READ") return 12;
    if (standing.in_mutex) return 4;
    return standing.kind == "RWLOCK_WRITE" ? 8 : 0;
  }

  // runtime_pollWait got the poller's record as its argument, and keeps it somewhere below its frame's end.
  Found look_for_descriptor(const GoroutineTask& task, const StackGroup& group) const {
    const Address start = task.first_cfa - 8;
    for (std::uint64_t i = 0; i < POLL_WORDS; ++i) {
      if (group.frames.size() < 2) break;
      const auto word = runtime_.memory().read_address(start + i * 8);
      if (!word) break;
      if (!*word || word->value() % 8 != 0) continue;
      if (const auto descriptor = read_polled_descriptor(runtime_, *word, task.address))
        return {Found::Sort::DESCRIPTOR, static_cast<std::uint64_t>(*descriptor)};
    }
    return {};
  }

  GoroutineResource describe(const Found& found, std::uint32_t task) const {
    GoroutineResource resource;
    const std::string_view kind = standings_[group_of_[task]].kind;
    const std::string_view reason = scheduler_.wait_reason(stacks_.tasks[task].wait_reason);
    switch (found.sort) {
      case Found::Sort::CHANNEL:
        resource.kind = reason.starts_with("chan send") ? "CHANNEL_SEND"
                        : reason.starts_with("select")  ? "CHANNEL_SELECT"
                                                        : "CHANNEL_RECV";
        resource.address = Address(found.value);
        resource.id = fmt::format("channel:{:#x}", found.value);
        resource.detail = describe_channel(runtime_, resource.address);
        break;
      case Found::Sort::SEMAPHORE:
        resource.kind = kind.empty() ? "SEMAPHORE" : kind;
        resource.address = Address(found.value);
        resource.id = fmt::format("{}:{:#x}",
                                  kind == "MUTEX"        ? "mutex"
                                  : kind == "WAIT_GROUP" ? "waitgroup"
                                  : kind == "ONCE"       ? "once"
                                  : kind.empty()         ? "semaphore"
                                                         : "rwlock",
                                  found.value);
        resource.detail = describe_lock(kind, resource.address);
        if (const std::string_view via = standings_[group_of_[task]].via; !via.empty())
          resource.detail += fmt::format(", of {}", via);
        break;
      case Found::Sort::DESCRIPTOR:
        resource.kind = "POLL";
        resource.id = fmt::format("fd:{}", found.value);
        resource.detail = fmt::format("descriptor {}", found.value);
        break;
      case Found::Sort::NONE:
        break;
    }
    return resource;
  }

  std::string describe_lock(std::string_view kind, Address address) const {
    const auto word = [&](std::uint64_t offset) {
      return runtime_.memory().read<std::uint32_t>(address + offset);
    };
    if (kind == "MUTEX") {
      const auto state = word(0);
      if (!state) return "sync.Mutex";
      return fmt::format("sync.Mutex: {}, {} waiting", (*state & 1) != 0 ? "locked" : "not locked",
                         *state >> 3);
    }
    if (kind == "WAIT_GROUP") {
      const auto counter = word(4);
      return counter ? fmt::format("sync.WaitGroup: {} not done", *counter & 0x7fffffff) : "sync.WaitGroup";
    }
    if (kind == "ONCE") return "sync.Once: its function has not returned";
    if (kind.empty()) return "semaphore of the runtime";
    constexpr std::int32_t WRITER = 1 << 30;  // rwmutexMaxReaders
    const auto readers = word(16), departing = word(20);
    if (!readers || !departing) return "sync.RWMutex";
    const auto count = static_cast<std::int32_t>(*readers);
    if (count >= 0) return fmt::format("sync.RWMutex: {} readers", count);
    return static_cast<std::int32_t>(*departing) > 0
               ? fmt::format("sync.RWMutex: a writer waits for {} readers", *departing)
               : fmt::format("sync.RWMutex: held by a writer, {} readers waiting", count + WRITER);
  }

  const GoScheduler& scheduler_;
  const GoRuntime& runtime_;
  const GoroutineStacks& stacks_;
  std::vector<Standing> standings_;
  std::vector<std::uint32_t> group_of_;
  const GoroutineWaitOptions options_;
  std::vector<char> is_crowd_;  // of each group: several of it stand in one line of grouped text
  AddressMap<Address> semaphores_;
};

}  // namespace

std::string describe_channel(const GoRuntime& runtime, Address address) {
  const auto channel = read_channel(runtime, address);
  if (!channel) return "channel that cannot be read";
  std::string text = channel->capacity == 0
                         ? "channel: no buffer"
                         : fmt::format("channel: {} of {} in its buffer", channel->count, channel->capacity);
  if (channel->is_closed) text += ", closed";
  const auto add = [&](std::uint64_t count, std::string_view noun) {
    if (count != 0)
      text +=
          fmt::format(", {}{} {}{} waiting", count, count == 1000 ? "+" : "", noun, count == 1 ? "" : "s");
  };
  add(channel->receivers, "receiver");
  add(channel->senders, "sender");
  return text;
}

std::span<const std::uint32_t> GoroutineWaits::channels_of(std::uint32_t task) const {
  const auto found = std::ranges::lower_bound(selects, task, {}, &Select::task);
  if (found == selects.end() || found->task != task) return {};
  return std::span(channels).subspan(found->first, found->count);
}

bool GoroutineWaits::waits_for(std::uint32_t task, std::uint32_t resource) const {
  const auto of_select = channels_of(task);
  return resource_of[task] == resource || std::ranges::find(of_select, resource) != of_select.end();
}

GoroutineWaits explain_goroutine_waits(const GoScheduler& scheduler, const GoroutineStacks& stacks,
                                       const GoroutineWaitOptions& options) {
  return Explainer(scheduler, stacks, options).explain();
}

}  // namespace standstill

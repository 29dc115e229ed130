#include "coredump/live/still_threads.h"

#include "coredump/live/proc_text.h"
#include "coredump/live/proc_thread.h"
#include "coredump/live/stack_memory.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <numeric>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace standstill {
namespace {

constexpr std::uint32_t bit(unsigned number) { return 1u << number; }

// All that the kernel shows. rcx and r11 are overwritten by the instruction that enters the kernel.
constexpr std::uint32_t SHOWN = bit(Registers::RDI) | bit(Registers::RSI) | bit(Registers::RDX) |
                                bit(Registers::R10) | bit(Registers::R8) | bit(Registers::R9) |
                                bit(Registers::RSP) | bit(Registers::RIP);
constexpr std::uint32_t SHOWN_OUTSIDE = bit(Registers::RSP) | bit(Registers::RIP);

Registers registers_of(const SystemCallFacts& call) {
  Registers registers;
  registers.by_dwarf_number[Registers::RSP] = call.stack_pointer.value();
  registers.by_dwarf_number[Registers::RIP] = call.pc.value();
  registers.system_call = call.number;
  registers.unknown = ~(call.number >= 0 ? SHOWN : SHOWN_OUTSIDE) & ((1u << Registers::COUNT) - 1);
  if (call.number < 0) return registers;
  constexpr std::array<unsigned, 6> ORDER = {Registers::RDI, Registers::RSI, Registers::RDX,
                                             Registers::R10, Registers::R8,  Registers::R9};
  for (std::size_t i = 0; i < ORDER.size(); ++i) registers.by_dwarf_number[ORDER[i]] = call.arguments[i];
  return registers;
}

std::uint64_t word_at(const ProcessMemory& memory, std::uint64_t address) {
  const Bytes bytes = memory.bytes_at(Address(address));
  std::uint64_t word = 0;
  if (bytes.size() >= sizeof word) std::memcpy(&word, bytes.data(), sizeof word);
  return word;
}

// The thread control block holds the list of robust mutexes, whose address the kernel knows; and it begins
// with its own address. So does an empty list, which must not be taken for it: the block lies deeper.
//
//     glibc 2.11..2.42 nptl/descr.h, struct pthread    musl 1.1.20..1.2.5 src/internal/pthread_impl.h
//       +0    tcb         its own address                +0    self          its own address
//       +16   self        its own address                +136  robust_list
//       +736  robust_head
Address find_by_robust_list(int tid, const ProcessMemory& memory) {
  constexpr std::uint64_t REACH = 2048, NEAREST = 64;
  std::uint64_t head = 0;
  std::size_t size = 0;
  if (::syscall(SYS_get_robust_list, tid, &head, &size) != 0 || head < REACH) return {};
  std::uint64_t found = 0;
  for (std::uint64_t below = NEAREST; below <= REACH; below += 8) {
    const std::uint64_t candidate = head - below;
    if (memory.bytes_at(Address(candidate)).empty()) break;
    if (word_at(memory, candidate) != candidate) continue;
    if (word_at(memory, candidate + 16) == candidate) return Address(candidate);
    if (found == 0) found = candidate;
  }
  return Address(found);
}

// musl tells the kernel of the list only when there is a robust mutex. Its block lies above the stack, in the
// same mapping, and has the thread's number at +48.
Address find_above_stack(int tid, Address stack_pointer, const ProcessMemory& memory,
                         const IntervalMap<std::uint32_t>& ranges) {
  constexpr std::uint64_t REACH = 16 * 1024, MUSL_TID = 48;
  const auto* range = ranges.find(stack_pointer);
  if (range == nullptr) return {};
  const std::uint64_t end = range->end.value();
  const std::uint64_t start = std::max((stack_pointer.value() + 7) / 8 * 8, end > REACH ? end - REACH : 0);
  for (std::uint64_t candidate = start; candidate + MUSL_TID + 8 <= end; candidate += 8) {
    if (word_at(memory, candidate) != candidate) continue;
    if ((word_at(memory, candidate + MUSL_TID) & UINT32_MAX) == static_cast<std::uint64_t>(tid))
      return Address(candidate);
  }
  return {};
}

Address find_control_block(int tid, Address stack_pointer, const ProcessMemory& memory,
                           const IntervalMap<std::uint32_t>& ranges) {
  const Address found = find_by_robust_list(tid, memory);
  return found ? found : find_above_stack(tid, stack_pointer, memory, ranges);
}

std::optional<std::string> read_turns(const Descriptor& file, ThreadLook::Source source) {
  std::array<char, 8192> buffer;
  const ssize_t got = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) return std::nullopt;
  std::string text(buffer.data(), static_cast<std::size_t>(got));
  if (source == ThreadLook::Source::SCHEDSTAT) return text;
  const StatusLines lines = parse_status(text);
  if (!lines.voluntary_switches) return std::nullopt;
  return fmt::format("{} {}", *lines.voluntary_switches, lines.involuntary_switches.value_or(0));
}

}  // namespace

bool ThreadLook::has_slept() const { return read_turns(file_, source_) == turns_; }

ThreadWatch::ThreadWatch(int pid)
    : folder_(::open(fmt::format("/proc/{}/task", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

// The turns come first: a thread that sleeps in the call that is read then has not run since, if they are
// still the same at the end.
std::optional<ThreadLook> ThreadWatch::look(int tid) const {
  std::array<char, 48> path;
  const auto path_of = [&](const char* file) {
    std::snprintf(path.data(), path.size(), "%d/%s", tid, file);
    return path.data();
  };
  auto source = ThreadLook::Source::SCHEDSTAT;
  Descriptor file(::openat(folder_.get(), path_of("schedstat"), O_RDONLY | O_CLOEXEC));
  auto turns = file ? read_turns(file, source) : std::nullopt;
  if (!turns) {
    source = ThreadLook::Source::STATUS;
    file = Descriptor(::openat(folder_.get(), path_of("status"), O_RDONLY | O_CLOEXEC));
    turns = file ? read_turns(file, source) : std::nullopt;
  }
  const auto text = turns ? read_small_proc_file(folder_.get(), path_of("syscall")) : std::nullopt;
  const auto call = text ? parse_system_call(*text) : std::nullopt;
  if (!call) return std::nullopt;
  return ThreadLook(std::move(file), source, std::move(*turns), *call);
}

std::size_t read_deep_stacks(int pid, std::vector<DeepStack> stacks, ProcessMemory& memory) {
  // A thread that was let go has to run for a moment before it sleeps again.
  constexpr int ROUNDS = 20;
  constexpr timespec NAP{0, 500'000};
  const ThreadWatch watch(pid);
  for (int round = 0; round < ROUNDS && !stacks.empty(); ++round) {
    if (round != 0) ::nanosleep(&NAP, nullptr);
    std::erase_if(stacks, [&](const DeepStack& deep) {
      const auto look = watch.look(deep.tid);
      if (!look || look->system_call().is_running || look->system_call().pc != deep.registers.pc() ||
          look->system_call().stack_pointer != deep.registers.stack_pointer())
        return false;
      memory.read_now({deep.stack});
      return look->has_slept();
    });
  }
  return stacks.size();
}

std::vector<StillThread> look_at_still_threads(int pid, std::span<const int> tids, ProcessMemory& memory,
                                               const IntervalMap<std::uint32_t>& ranges, Patience patience,
                                               Pace pace) {
  constexpr std::size_t BATCH = 32;  // so that little time passes between two looks at a thread
  constexpr int ROUNDS = 5;
  constexpr std::size_t MOST_ASKED_AGAIN = 1000;
  constexpr timespec NAP{0, 1'000'000};
  const ThreadWatch watch(pid);
  std::vector<StillThread> result(tids.size());
  std::vector<std::size_t> asked(tids.size());
  std::iota(asked.begin(), asked.end(), std::size_t{0});
  std::mutex reading;
  const auto look_at = [&](std::span<const std::size_t> batch) {
    std::vector<std::optional<ThreadLook>> looks;
    std::vector<ProcessMemory::Range> wanted;
    for (const std::size_t i : batch) {
      StillThread& thread = result[i];
      thread.tid = tids[i];
      looks.push_back(watch.look(thread.tid));
      if (!looks.back()) continue;
      thread.system_call = looks.back()->system_call();
      if (thread.system_call->is_running) continue;
      thread.registers = registers_of(*thread.system_call);
      add_wanted_memory(*thread.registers, ranges, DEEP_STACK, wanted);
    }
    {
      const std::lock_guard lock(reading);
      memory.read_now(std::move(wanted));
    }
    for (std::size_t j = 0; j < batch.size(); ++j) {
      StillThread& thread = result[batch[j]];
      if (thread.registers && !looks[j]->has_slept()) thread.registers.reset();
    }
  };
  for (int round = 0; round < ROUNDS && !asked.empty(); ++round) {
    if (round != 0) ::nanosleep(&NAP, nullptr);
    share_out(pace, asked.size(), BATCH, [&](std::size_t first, std::size_t end) {
      look_at(std::span(asked).subspan(first, end - first));
    });
    if (patience == Patience::NONE) break;
    // Of one that moved on after its stack had been read, what is kept of that is old now.
    std::erase_if(
        asked, [&](std::size_t i) { return !result[i].system_call || !result[i].system_call->is_running; });
    if (asked.size() > MOST_ASKED_AGAIN) break;
  }
  share_out(pace, tids.size(), BATCH, [&](std::size_t first, std::size_t end) {
    for (StillThread& thread : std::span(result).subspan(first, end - first))
      if (thread.registers)
        thread.registers->thread_pointer =
            find_control_block(thread.tid, thread.registers->stack_pointer(), memory, ranges).value();
  });
  return result;
}

}  // namespace standstill

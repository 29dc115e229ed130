#include "coredump/still_threads.h"

#include "coredump/proc_text.h"
#include "coredump/proc_thread.h"
#include "coredump/stack_memory.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
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

// The thread control block holds the list of robust mutexes, whose address the kernel knows; and it begins
// with its own address. glibc 2.36 nptl/descr.h, struct pthread: robust_head at +736; musl has it at +136.
Address find_control_block(int tid, const ProcessMemory& memory) {
  constexpr std::uint64_t REACH = 2048;
  std::uint64_t head = 0;
  std::size_t size = 0;
  if (::syscall(SYS_get_robust_list, tid, &head, &size) != 0 || head < REACH) return {};
  for (std::uint64_t below = 0; below <= REACH; below += 8) {
    const Address candidate(head - below);
    const Bytes bytes = memory.bytes_at(candidate);
    std::uint64_t word = 0;
    if (bytes.size() < sizeof word) return {};
    std::memcpy(&word, bytes.data(), sizeof word);
    if (word == candidate.value()) return candidate;
  }
  return {};
}

}  // namespace

ThreadWatch::ThreadWatch(int pid)
    : folder_(::open(fmt::format("/proc/{}/task", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

std::optional<ThreadLook> ThreadWatch::look(int tid) const {
  std::array<char, 48> path;
  const auto read = [&](const char* file) {
    std::snprintf(path.data(), path.size(), "%d/%s", tid, file);
    return read_proc_file(folder_.get(), path.data());
  };
  auto call = read("syscall");
  if (!call) return std::nullopt;
  if (auto turns = read("schedstat")) return ThreadLook{std::move(*call), std::move(*turns)};
  const auto status = read("status");  // where the kernel counts no turns
  if (!status) return std::nullopt;
  const StatusLines lines = parse_status(*status);
  if (!lines.voluntary_switches) return std::nullopt;
  return ThreadLook{std::move(*call),
                    fmt::format("{} {}", *lines.voluntary_switches, lines.involuntary_switches.value_or(0))};
}

std::vector<StillThread> look_at_still_threads(int pid, std::span<const int> tids, ProcessMemory& memory,
                                               const IntervalMap<std::uint32_t>& ranges) {
  constexpr std::size_t BATCH = 128;  // so that little time passes between two looks at a thread
  const ThreadWatch watch(pid);
  std::vector<StillThread> result;
  result.reserve(tids.size());
  for (std::size_t first = 0; first < tids.size(); first += BATCH) {
    const auto batch = tids.subspan(first, std::min(BATCH, tids.size() - first));
    std::vector<std::optional<ThreadLook>> looks;
    std::vector<ProcessMemory::Range> wanted;
    for (const int tid : batch) {
      looks.push_back(watch.look(tid));
      const auto call = looks.back() ? parse_system_call(looks.back()->system_call) : std::nullopt;
      StillThread thread{tid, std::nullopt};
      if (call && !call->is_running) {
        thread.registers = registers_of(*call);
        add_wanted_memory(*thread.registers, ranges, DEEP_STACK, wanted);
      }
      result.push_back(std::move(thread));
    }
    memory.read_now(std::move(wanted));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      StillThread& thread = result[first + i];
      if (!thread.registers) continue;
      if (watch.look(thread.tid) != looks[i])
        thread.registers.reset();
      else
        thread.registers->thread_pointer = find_control_block(thread.tid, memory).value();
    }
  }
  return result;
}

}  // namespace standstill

// System V and POSIX message queues, System V semaphores.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 6> CALLS = {SYS_msgrcv,     SYS_msgsnd,          SYS_semop,
                                      SYS_semtimedop, SYS_mq_timedreceive, SYS_mq_timedsend};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const std::int32_t id = static_cast<std::int32_t>(blocked.argument(0));
  const bool is_semaphore = blocked.system_call == SYS_semop || blocked.system_call == SYS_semtimedop;
  constexpr std::array<const char*, 6> NAMES = {"msgrcv",     "msgsnd",          "semop",
                                                "semtimedop", "mq_timedreceive", "mq_timedsend"};
  const std::string what = is_semaphore ? "semaphore set " : "message queue ";
  Recognition found =
      wait_in_call(WaitWord::IPC, name_of_call(CALLS, NAMES, blocked.system_call), what + std::to_string(id));
  found.resource_id = (is_semaphore ? "semaphore_set:" : "message_queue:") + std::to_string(id);
  if (is_semaphore) {
    // struct sembuf: u16 sem_num, s16 sem_op, s16 sem_flg
    const auto number = blocked.snapshot.memory.read<std::uint16_t>(Address(blocked.argument(1)));
    const auto change = blocked.snapshot.memory.read<std::int16_t>(Address(blocked.argument(1)) + 2);
    if (number && change)
      found.detail += ", number " + std::to_string(*number) + ", change " + std::to_string(*change);
  }
  const ThreadMemory& memory = blocked.memory;
  if (blocked.system_call == SYS_semtimedop)
    found.timeout = timeout_at(memory, Address(blocked.argument(3)), Timeout::Clock::RELATIVE);
  else if (blocked.system_call == SYS_mq_timedreceive || blocked.system_call == SYS_mq_timedsend)
    found.timeout = timeout_at(memory, Address(blocked.argument(4)), Timeout::Clock::REALTIME);
  return found;
}

}  // namespace

extern const WaitKind ipc_kind = {
    .name = "ipc", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill

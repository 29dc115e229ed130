#include "waits/wait_word.h"

#include <array>
#include <utility>

namespace standstill {
namespace {

using Spelling = std::pair<std::string_view, std::string_view>;
constexpr std::array<Spelling, 30> SPELLINGS = {{
    {"MUTEX", "mutex"},
    {"RWLOCK_READ", "rwlock read"},
    {"RWLOCK_WRITE", "rwlock write"},
    {"CONDITION", "condition"},
    {"SEMAPHORE", "semaphore"},
    {"BARRIER", "barrier"},
    {"JOIN", "join"},
    {"ONCE", "once"},
    {"FUTEX", "futex"},
    {"SPIN", "spin"},
    {"SLEEP", "sleep"},
    {"POLL", "poll"},
    {"EPOLL", "epoll"},
    {"SELECT", "select"},
    {"READ", "read"},
    {"WRITE", "write"},
    {"ACCEPT", "accept"},
    {"CONNECT", "connect"},
    {"RECV", "recv"},
    {"SEND", "send"},
    {"CHILD", "child"},
    {"SIGNAL", "signal"},
    {"FILE_LOCK", "file lock"},
    {"IPC", "ipc"},
    {"IO_URING", "io uring"},
    {"PIPE", "pipe"},
    {"RUNNING", "running"},
    {"STOPPED", "stopped"},
    {"DISK", "disk"},
    {"UNKNOWN", "unknown"},
}};
static_assert(static_cast<std::size_t>(WaitWord::UNKNOWN) + 1 == SPELLINGS.size());

}  // namespace

std::string_view to_string(WaitWord word) { return SPELLINGS[static_cast<std::size_t>(word)].first; }
std::string_view phrase(WaitWord word) { return SPELLINGS[static_cast<std::size_t>(word)].second; }

}  // namespace standstill

// In no system call: the thread was executing its own instructions when the picture was taken.
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread&) {
  Recognition found;
  found.sureness = sureness::GUESS;
  found.word = WaitWord::RUNNING;
  found.what = "running";
  return found;
}

}  // namespace

extern const WaitKind running_kind = {
    .name = "running", .system_calls = {}, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill

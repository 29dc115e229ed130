#include "runtimes/go/locations.h"

#include <utility>

namespace standstill {

namespace {

bool continues(const GoLocation& open, const GoFrame& next) {
  const GoFrame& last = open.frames.back();
  return last.inlined && last.entry == next.entry && last.function != next.function;
}

}  // namespace

GoFrame GoLocations::frame_at(Address return_address) const {
  if (auto frame = frames_->frame_at(return_address)) return *frame;
  GoFrame nameless;
  nameless.pc = return_address - 1;
  return nameless;
}

void GoLocations::close(GoLocation& open, std::vector<std::uint32_t>& indices) {
  if (open.frames.empty()) return;
  const auto index = static_cast<std::uint32_t>(locations_.size());
  by_first_.insert_or_assign(open.stack.front(), index);
  indices.push_back(index);
  locations_.push_back(std::exchange(open, {}));
}

std::vector<std::uint32_t> GoLocations::of_stack(std::span<const Address> stack) {
  const std::vector<Address> unfolded = frames_->with_last_call_unfolded(stack);
  std::vector<std::uint32_t> indices;
  GoLocation open;
  for (std::size_t i = 0; i < unfolded.size();) {
    const GoFrame frame = frame_at(unfolded[i]);
    if (frame.function == "runtime.goexit") {
      close(open, indices);
      ++i;
      continue;
    }
    if (open.frames.empty() || !continues(open, frame)) {
      close(open, indices);
      if (const auto known = by_first_.find(unfolded[i]); known != by_first_.end()) {
        indices.push_back(known->second);
        i += locations_[known->second].stack.size();
        continue;
      }
    }
    open.frames.push_back(frame);
    open.stack.push_back(unfolded[i++]);
  }
  close(open, indices);
  return indices;
}

}  // namespace standstill

#include "runtimes/go/frames.h"

namespace standstill {

namespace {
constexpr unsigned DEEPEST_INSERTION =
    1000;  // callers put in behind one address; damaged tables may name them in a circle
}

GoFrames::GoFrames(const GoRuntime& runtime)
    : runtime_(&runtime),
      inserts_callers_(runtime.version().minor >= 23),
      wrapper_id_(runtime.wrapper_id()),
      panic_id_(runtime.id_of("runtime.gopanic")),
      signal_panic_id_(runtime.id_of("runtime.sigpanic")),
      wrapper_panic_id_(runtime.id_of("runtime.panicwrap")) {}

const GoFrames::Place& GoFrames::place_of(Address return_address) const {
  const auto [entry, is_new] = places_.try_emplace(return_address);
  Place& place = entry->second;
  if (!is_new) return place;
  const auto found = runtime_->find_function(return_address);
  if (!found) return place;
  const GoFunction& function = found->function;
  const GoLineTable& lines = found->module->lines;
  // An entry is no return address, but may be asked for all the same.
  const Address pc = function.entry < return_address ? return_address - 1 : return_address;
  const std::vector<GoCall> calls = lines.calls_at(function, pc);
  const GoLine line = lines.line_at(function, pc);
  const GoCall& innermost = calls.front();
  place.is_go = true;
  place.id = innermost.id;
  place.frame = {pc,        innermost.name,       function.entry,   line.file.empty() ? "?" : line.file,
                 line.line, innermost.start_line, innermost.inlined};
  for (std::size_t i = 1; i < calls.size(); ++i)
    place.callers.push_back({calls[i].pc + 1, calls[i].id == wrapper_id_ && !shows_wrapper_of(place.id)});
  return place;
}

bool GoFrames::shows_wrapper_of(int callee) const {
  return callee >= 0 && (callee == panic_id_ || callee == signal_panic_id_ || callee == wrapper_panic_id_);
}

std::optional<Address> GoFrames::missing_caller(const Place& place, Address next) {
  for (const auto& caller : place.callers) {
    if (caller.return_address == next) return std::nullopt;
    if (!caller.is_hidden) return caller.return_address;
  }
  return std::nullopt;
}

std::optional<GoFrame> GoFrames::frame_at(Address return_address) const {
  const Place& place = place_of(return_address);
  return place.is_go ? std::optional(place.frame) : std::nullopt;
}

std::vector<GoFrame> GoFrames::frames_of(std::span<const Address> stack) const {
  std::vector<GoFrame> frames;
  for (std::size_t i = 0; i < stack.size(); ++i) {
    const Place* place = &place_of(stack[i]);
    if (!place->is_go) continue;
    frames.push_back(place->frame);
    if (!inserts_callers_) continue;
    // Callers that the stack does not name itself are put in, up to the first that it does name.
    for (unsigned inserted = 0; i + 1 < stack.size() && inserted < DEEPEST_INSERTION; ++inserted) {
      const auto caller = missing_caller(*place, stack[i + 1]);
      if (!caller) break;
      place = &place_of(*caller);
      if (!place->is_go) break;
      frames.push_back(place->frame);
    }
  }
  return frames;
}

std::vector<Address> GoFrames::with_inlined_calls(std::span<const Address> stack, std::size_t limit) const {
  std::vector<Address> unfolded;
  for (const GoFrame& frame : frames_of(stack)) {
    if (unfolded.size() == limit) break;
    unfolded.push_back(frame.pc + 1);
  }
  // The runtime asks for a first frame without looking whether there is one.
  if (unfolded.empty()) unfolded.push_back(Address(1));
  return unfolded;
}

std::vector<Address> GoFrames::with_last_call_unfolded(std::span<const Address> stack) const {
  std::vector<Address> unfolded(stack.begin(), stack.end());
  if (stack.empty()) return unfolded;
  const auto found = runtime_->find_function(stack.back() - 1);
  if (!found) return unfolded;
  const std::vector<GoCall> calls = found->module->lines.calls_at(found->function, stack.back() - 1);
  if (calls.size() < 2) return unfolded;
  unfolded.pop_back();
  int callee = -1;
  for (const GoCall& call : calls) {
    if (call.id != wrapper_id_ || shows_wrapper_of(callee)) unfolded.push_back(call.pc + 1);
    callee = call.id;
  }
  return unfolded;
}

std::string_view GoFrames::function_at(Address address) const {
  const auto found = runtime_->find_function(address);
  return found ? found->module->lines.calls_at(found->function, address).front().name : std::string_view{};
}

}  // namespace standstill

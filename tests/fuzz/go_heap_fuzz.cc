// Go's heap in forged memory, and the search for goroutines that can never run again: a sound process, in
// which the input overwrites bytes. The input is a list of six-byte patches, as go_runtime_fuzz has them.
#include "runtimes/go/go_process.h"
#include "tests/support/synthetic_heap.h"
#include "unwind/goroutine_stacks.h"
#include "waits/goroutines/leaked_goroutines.h"

#include <cstdint>

using namespace standstill;

namespace {

synth::SyntheticGo make_process(int minor) {
  synth::SyntheticGo go(minor);
  go.function("main.worker", 0x38);
  go.add_machine(77);
  for (std::uint64_t id = 1; id < 5; ++id)
    go.add({.id = id, .calls = {"runtime.gopark", "main.worker"}, .created_by = {}, .start = "main.worker"});
  synth::SyntheticHeap::add(go, minor);
  for (std::uint64_t i = 0; i < synth::SyntheticHeap::COUNT; ++i)
    go.put(synth::SyntheticHeap::object(i) + i % 8 * 8,
           synth::SyntheticHeap::object((i * 7 + 1) % synth::SyntheticHeap::COUNT));
  go.finish();
  return go;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 4096) return 0;
  static const synth::SyntheticGo old = make_process(19), young = make_process(26);
  synth::SyntheticGo go = (data[0] & 1) != 0 ? old : young;
  for (std::size_t at = 1; at + 6 <= size; at += 6) {
    const std::uint8_t* patch = data + at;
    const std::uint64_t value =
        (std::uint64_t{patch[4]} << 8 | patch[5]) * (patch[3] & 0x10 ? 0x0001000100010001u : 1u);
    const std::size_t place = (std::size_t{patch[1]} << 8 | patch[2]) * ((patch[0] & 4) != 0 ? 4 : 1);
    if ((patch[0] & 3) == 1) {
      go.put(synth::SyntheticGo::DATA + place % (synth::SyntheticGo::DATA_SIZE - 8), value);
      continue;
    }
    std::vector<std::uint8_t>& area = (patch[0] & 3) == 0 ? go.heap() : go.tables();
    for (std::size_t i = 0; i < (patch[3] & 7u) + 1u; ++i)
      area[(place + i) % area.size()] = static_cast<std::uint8_t>(value >> (i * 8));
  }
  const Snapshot snapshot = go.snapshot();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  if (!process.scheduler) return 0;
  const GoroutineStacks stacks = unwind_goroutines(*process.scheduler, {}, 64);
  find_leaked_goroutines(*process.scheduler, stacks);
  return 0;
}

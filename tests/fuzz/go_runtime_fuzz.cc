// Go's tables and scheduler in forged memory: a sound process, in which the input overwrites bytes. The input
// is a list of six-byte patches: which area, where (two bytes), how much is written (one byte), and a value
// of two bytes that is spread over it.
#include "runtimes/go/channels.h"
#include "runtimes/go/go_process.h"
#include "runtimes/go/profile_labels.h"
#include "runtimes/go/semaphores.h"
#include "tests/support/synthetic_go.h"
#include "unwind/goroutine_stacks.h"

#include <cstdint>
#include <cstring>

using namespace standstill;

namespace {

synth::SyntheticGo& sound_process(int minor) {
  static synth::SyntheticGo old = [] {
    synth::SyntheticGo go(19);
    return go;
  }();
  static synth::SyntheticGo young = [] {
    synth::SyntheticGo go(26);
    return go;
  }();
  static const bool ready = [] {
    for (synth::SyntheticGo* go : {&old, &young}) {
      go->function("main.worker", 0x38);
      go->add_machine(77);
      for (std::uint64_t id = 1; id < 12; ++id)
        go->add({.id = id,
                 .calls = {"runtime.gopark", "main.worker"},
                 .created_by = "runtime.main",
                 .start = "main.worker"});
      go->finish();
    }
    return true;
  }();
  (void)ready;
  return minor == 19 ? old : young;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 4096) return 0;
  synth::SyntheticGo go = sound_process((data[0] & 1) != 0 ? 19 : 26);
  for (std::size_t at = 1; at + 6 <= size; at += 6) {
    const std::uint8_t* patch = data + at;
    const std::size_t place = std::size_t{patch[1]} << 8 | patch[2];
    const std::uint64_t value =
        (std::uint64_t{patch[4]} << 8 | patch[5]) * (patch[3] & 0x10 ? 0x0001000100010001u : 1u);
    std::vector<std::uint8_t>& area = (patch[0] & 3) == 0 ? go.heap() : go.tables();
    if ((patch[0] & 3) == 1) {
      go.put(synth::SyntheticGo::DATA + place % (synth::SyntheticGo::DATA_SIZE - 8), value);
      continue;
    }
    for (std::size_t i = 0; i < (patch[3] & 7u) + 1u; ++i)
      area[(place + i) % area.size()] = static_cast<std::uint8_t>(value >> (i * 8));
  }
  const Snapshot snapshot = go.snapshot();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  if (!process) return 0;
  for (std::uint64_t pc = synth::SyntheticGo::CODE; pc < synth::SyntheticGo::CODE + 0x1000; pc += 0x20) {
    if (const auto place = process.runtime->find_function(Address(pc))) {
      place->module->lines.calls_at(place->function, Address(pc));
      place->module->lines.line_at(place->function, Address(pc));
    }
  }
  if (!process.scheduler) return 0;
  const GoroutineStacks stacks = unwind_goroutines(*process.scheduler, {}, 0);
  for (const GoroutineTask& task : stacks.tasks) {
    read_labels(*process.runtime, task.labels);
    for (const Address channel : read_waited_channels(*process.runtime, task.waiting, 16))
      read_channel(*process.runtime, channel);
  }
  read_semaphore_waiters(*process.scheduler);
  return 0;
}

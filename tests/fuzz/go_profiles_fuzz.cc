// What a Go runtime counts of its program, in forged memory: a sound process with buckets, labels, semaphores
// and statistics, in which the input overwrites bytes. The input is a byte for the version, and a list of
// six-byte patches: which area, where (two bytes), how much is written (one byte), and a value of two bytes
// that is spread over it.
#include "runtimes/go/frames.h"
#include "runtimes/go/go_clock.h"
#include "runtimes/go/go_process.h"
#include "runtimes/go/locations.h"
#include "runtimes/go/memory_statistics.h"
#include "runtimes/go/profile_labels.h"
#include "runtimes/go/profiles.h"
#include "runtimes/go/semaphores.h"
#include "tests/support/synthetic_go.h"

#include <cstdint>
#include <vector>

using namespace standstill;

namespace {

constexpr int VERSIONS[] = {19, 22, 24, 27};

synth::SyntheticGo make_process(int minor) {
  synth::SyntheticGo go(minor);
  go.function("main.worker", 0x38);
  go.add_machine(77);
  go.add_profiles();
  const std::uint64_t pc = go.address_of("main.worker") + 0x20;
  const GoLayout layout = layout_of(minor);
  std::uint64_t before = 0;
  for (std::uint64_t id = 1; id < 8; ++id) {
    const std::uint64_t g = go.add({.id = id,
                                    .calls = {"runtime.gopark", "main.worker"},
                                    .created_by = "runtime.main",
                                    .start = "main.worker"});
    // One semaphore, for which all of them wait.
    const std::uint64_t sudog = go.allocate(128);
    go.put(sudog + SudogLayout::G, g);
    go.put(sudog + SudogLayout::ELEM, synth::SyntheticGo::HEAP + 0x30000);
    if (before == 0)
      go.put(synth::SyntheticGo::SEMAPHORES + 8, sudog);
    else
      go.put(before + layout.sudog.waitlink, sudog);
    before = sudog;
    // Labels in the form of 1.24: a slice of pairs of strings.
    const std::uint64_t labels = go.allocate(16), pair = go.allocate(32);
    go.put(labels, pair);
    go.put(labels + 8, 1);
    for (const std::uint64_t text : {pair, pair + 16}) {
      go.put(text, synth::SyntheticGo::VERSION);
      go.put(text + 8, 8);
    }
    go.put(g + layout.g.labels, labels);
    for (const std::uint64_t kind : {1, 2, 3})
      go.add_bucket({.kind = kind,
                     .object_bytes = 16 * id,
                     .stack = {pc, pc + id, go.address_of("runtime.main") + 0x30},
                     .record = std::vector<std::uint64_t>(16, kind == 1 ? id : 0x4008000000000000)});
  }
  go.finish();
  return go;
}

const synth::SyntheticGo& sound_process(std::size_t which) {
  static const std::vector<synth::SyntheticGo> processes = [] {
    std::vector<synth::SyntheticGo> all;
    for (const int minor : VERSIONS) all.push_back(make_process(minor));
    return all;
  }();
  return processes[which % processes.size()];
}

void patch(synth::SyntheticGo& go, const std::uint8_t* bytes) {
  const std::size_t place = std::size_t{bytes[1]} << 8 | bytes[2];
  const std::uint64_t value =
      (std::uint64_t{bytes[4]} << 8 | bytes[5]) * (bytes[3] & 0x10 ? 0x0001000100010001u : 1u);
  if ((bytes[0] & 3) == 1) {
    go.put(synth::SyntheticGo::DATA + place % (synth::SyntheticGo::DATA_SIZE - 8), value);
    return;
  }
  if ((bytes[0] & 3) == 3) {  // a pointer into the heap, aligned: circles and shared tails
    go.put(synth::SyntheticGo::HEAP + place % 0x4000 / 8 * 8,
           synth::SyntheticGo::HEAP + value % 0x4000 / 16 * 16);
    return;
  }
  std::vector<std::uint8_t>& area = (bytes[0] & 3) == 0 ? go.heap() : go.tables();
  for (std::size_t i = 0; i < (bytes[3] & 7u) + 1u; ++i)
    area[(place + i) % area.size()] = static_cast<std::uint8_t>(value >> (i * 8));
}

void ask_frames(const GoFrames& frames, const std::vector<Address>& stack) {
  frames.frames_of(stack);
  frames.with_inlined_calls(stack, 128);
  frames.with_last_call_unfolded(stack);
  for (const Address address : stack) frames.function_at(address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 4096) return 0;
  synth::SyntheticGo go = sound_process(data[0]);
  for (std::size_t at = 1; at + 6 <= size; at += 6) patch(go, data + at);
  const Snapshot snapshot = go.snapshot();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  if (!process) return 0;
  const GoRuntime& runtime = *process.runtime;
  const GoFrames frames(runtime);
  GoLocations locations(frames);
  const GoProfileBuckets buckets = read_profile_buckets(runtime);
  for (const GoMemoryBucket& bucket : buckets.memory) {
    ask_frames(frames, bucket.stack);
    locations.of_stack(bucket.stack);
  }
  read_sampling(runtime);
  for (const char* name : {"heap", "allocs"}) heap_profile(runtime, frames, name);
  for (const char* name : {"block", "mutex"}) contention_profile(runtime, frames, name);
  if (const auto statistics = read_memory_statistics(runtime)) memory_statistics_lines(*statistics);
  monotonic_at(runtime, 1'700'000'000'000'000'000);
  if (!process.scheduler) return 0;
  thread_creation_profile(*process.scheduler);
  read_semaphore_waiters(*process.scheduler);
  std::vector<GoCountedStack> stacks;
  for (std::size_t i = 0; i < process.scheduler->size() && i < 64; ++i) {
    const auto g = read_goroutine(runtime, process.scheduler->goroutine_address(i));
    if (g) stacks.push_back({{g->sched_pc, g->created_at}, read_labels(runtime, g->labels), 1});
  }
  count_profile("goroutine", std::move(stacks));
  return 0;
}

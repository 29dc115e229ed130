// The program with hundreds of megabytes of debug information: THREADS threads, each of which took a path of
// its own of eight steps through the units and hangs at its end.
//
//   dwarf_program THREADS
//
// `units.inc` is written by make_dwarf_program and lists the units as X(unit00) X(unit01) ...
#include "../sleeping_threads.h"
#include "step.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include <pthread.h>
#include <unistd.h>

#define X(unit)                  \
  namespace fleet::unit {        \
  std::span<const Step> steps(); \
  }
#include "units.inc"
#undef X

namespace fleet {
namespace {

constexpr std::size_t PATH_STEPS = 8;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
std::atomic<int> arrived = 0;

std::vector<Step> all_steps() {
  std::vector<Step> all;
#define X(unit) all.insert(all.end(), unit::steps().begin(), unit::steps().end());
#include "units.inc"
#undef X
  return all;
}

void* thread_entry(void* argument) {
  int result = descend(*static_cast<Context*>(argument));
  asm volatile("" : "+r"(result)::"memory");
  return nullptr;
}

}  // namespace

[[gnu::noinline]] int descend(Context& context) {
  int result = 0;
  if (context.depth == context.path.size()) {
    ++arrived;
    pthread_mutex_lock(&mutex);
  } else {
    const Step next = context.path[context.depth++];
    result = next(context);
  }
  asm volatile("" : "+r"(result)::"memory");
  return result + 1;
}

}  // namespace fleet

int main(int argument_count, char** arguments) {
  using namespace fleet;
  if (argument_count != 2) {
    std::fprintf(stderr, "usage: %s THREADS\n", arguments[0]);
    return 2;
  }
  const int threads = std::atoi(arguments[1]);
  const std::vector<Step> steps = all_steps();
  pthread_mutex_lock(&mutex);
  std::vector<Context> contexts(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    Context& context = contexts[static_cast<std::size_t>(i)];
    context.thread = i;
    context.name = "worker-" + std::to_string(i);
    // Multiplicative stepping visits all parts of the program.
    for (std::size_t k = 0; k < PATH_STEPS; ++k)
      context.path.push_back(steps[(static_cast<std::size_t>(i) * 37 + k * 101 + k * k * 13) % steps.size()]);
    pthread_t thread;
    if (pthread_create(&thread, nullptr, thread_entry, &context) != 0) {
      std::perror("pthread_create");
      return 1;
    }
  }
  while (arrived < threads || !standstill_bench::all_others_sleep()) usleep(1000);
  std::printf("ready\n");
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  _exit(0);
}

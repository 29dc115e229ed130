// A program that hangs with N threads in 20 distinct stacks, as a server does whose pools wait for work: the
// usual case for the tool, and the one for which the time must depend on the stacks that differ and not on
// the threads.
//
//   many_threads THREADS [HEAP_MEGABYTES [heartbeat]]
//
// Stack number S (0..19) has 8 + S % 8 frames: clone3, start_thread, the thread's entry, a chain of functions
// of its own, and a call that blocks for ever (a mutex, a condition, a pipe or poll, by S % 4). Once every
// thread sleeps it prints "ready" and waits for the end of its standard input. With `heartbeat`, one more
// thread wakes every millisecond; to each line on standard input the answer is the longest time, in
// milliseconds, that lay between two of its beats since the line before: how long the program was held up.
#include "sleeping_threads.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr int STACKS = 20;
constexpr std::size_t STACK_BYTES = 64 * 1024;
constexpr std::size_t BLOCK_BYTES =
    100'000;  // below malloc's mmap threshold: the heap is one arena, as in most programs

struct Request {
  int number = 0;
  std::string customer;
  double weight = 0;
};

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t condition_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
int empty_pipe[2];
std::atomic<int> arrived = 0;

// Frames that the call at the end of stack `stack` adds below our own functions, as seen by an unwinder on
// glibc 2.36.
constexpr int blocking_frames(int stack) { return stack % 4 < 2 ? 2 : 1; }

template <int Stack>
inline int block(const Request& request) {
  ++arrived;
  if constexpr (Stack % 4 == 0) {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  } else if constexpr (Stack % 4 == 1) {
    pthread_mutex_lock(&condition_mutex);
    while (request.number >= 0) pthread_cond_wait(&condition, &condition_mutex);
    pthread_mutex_unlock(&condition_mutex);
  } else if constexpr (Stack % 4 == 2) {
    char byte = 0;
    return static_cast<int>(read(empty_pipe[0], &byte, 1));
  } else {
    pollfd waited{empty_pipe[0], POLLIN, 0};
    return poll(&waited, 1, -1);
  }
  return request.number;
}

// A chain of functions without recursion: each (Stack, Level) is one of its own, and work remains after the
// call, so that no call becomes a jump.
template <int Stack, int Level>
[[gnu::noinline]] int serve(const Request& request, int depth, const char* phase) {
  int result = 0;
  if constexpr (Level == 0) {
    result = block<Stack>(request);
  } else {
    result = serve<Stack, Level - 1>(request, depth + 1, phase);
  }
  asm volatile("" : "+r"(result)::"memory");
  return result + depth;
}

template <int Stack>
void* thread_entry(void* argument) {
  constexpr int own_functions =
      8 + Stack % 8 - 3 - blocking_frames(Stack);  // without clone3, start_thread and this one
  const auto& request = *static_cast<const Request*>(argument);
  int result = serve<Stack, own_functions - 1>(request, 0, "serving");
  asm volatile("" : "+r"(result)::"memory");
  return nullptr;
}

using Entry = void* (*)(void*);

template <int... Stack>
constexpr std::array<Entry, STACKS> entries(std::integer_sequence<int, Stack...>) {
  return {&thread_entry<Stack>...};
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Touches every page, each with a word of its own, so that no page is a hole in the core.
std::vector<char*> fill_heap(std::size_t megabytes) {
  std::vector<char*> blocks;
  for (std::size_t filled = 0; filled < megabytes << 20; filled += BLOCK_BYTES) {
    auto* block = static_cast<char*>(std::malloc(BLOCK_BYTES));
    if (block == nullptr) give_up("malloc");
    for (std::size_t offset = 0; offset < BLOCK_BYTES; offset += 1024) {
      const std::size_t value = filled + offset + 1;
      std::memcpy(block + offset, &value, sizeof value);
    }
    blocks.push_back(block);
  }
  return blocks;
}

std::atomic<std::int64_t> longest_gap = 0;  // nanoseconds

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void* beat(void*) {
  constexpr timespec BEAT{0, 1'000'000};
  for (std::int64_t last = now();;) {
    nanosleep(&BEAT, nullptr);
    const std::int64_t time = now();
    if (const std::int64_t gap = time - last; gap > longest_gap) longest_gap = gap;
    last = time;
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 2) {
    std::fprintf(stderr, "usage: %s THREADS [HEAP_MEGABYTES [heartbeat]]\n", arguments[0]);
    return 2;
  }
  const int threads = std::atoi(arguments[1]);
  const std::size_t megabytes = argument_count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 0;
  const std::vector<char*> heap = fill_heap(megabytes);

  if (pipe(empty_pipe) != 0) give_up("pipe");
  pthread_mutex_lock(&mutex);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  constexpr auto table = entries(std::make_integer_sequence<int, STACKS>());
  std::vector<Request> requests(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    Request& request = requests[static_cast<std::size_t>(i)];
    request = {i, "customer " + std::to_string(i), 0.5 * i};
    pthread_t thread;
    if (pthread_create(&thread, &attributes, table[static_cast<std::size_t>(i % STACKS)], &request) != 0)
      give_up("pthread_create");
  }
  while (arrived < threads || !standstill_bench::all_others_sleep()) usleep(1000);
  const bool has_heartbeat = argument_count > 3 && std::strcmp(arguments[3], "heartbeat") == 0;
  pthread_t heartbeat;
  if (has_heartbeat && pthread_create(&heartbeat, &attributes, beat, nullptr) != 0) give_up("pthread_create");
  std::printf("ready\n");
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
    if (byte != '\n' || !has_heartbeat) continue;
    std::printf("%.3f\n", static_cast<double>(longest_gap.exchange(0)) / 1e6);
    std::fflush(stdout);
  }
  _exit(heap.size() == 1);
}

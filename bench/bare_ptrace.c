// The floor: the least that anybody must do to see all threads of a process standing still at once. Seizes
// and interrupts each thread, takes its registers and 16 KiB of its stack, and lets go. What is done with
// them is not its business.
//
//   bare_ptrace PID        prints the milliseconds between the first interruption and the last thread let go
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

enum { STACK = 16 * 1024, MOST = 100000, BATCH = 256 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const pid_t pid = atoi(arguments[1]);
  static pid_t tids[MOST];
  static struct user_regs_struct registers[MOST];
  int threads = 0;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR* tasks = opendir(path);
  if (tasks == NULL) return 1;
  for (struct dirent* entry; (entry = readdir(tasks)) != NULL && threads < MOST;)
    if (atoi(entry->d_name) > 0) tids[threads++] = atoi(entry->d_name);
  // The memory is ready before anybody has to wait for it.
  char* stacks = mmap(NULL, (size_t)threads * STACK, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (stacks == MAP_FAILED) return 1;

  for (int i = 0; i < threads; i++) ptrace(PTRACE_SEIZE, tids[i], NULL, NULL);
  const double start = now();
  for (int i = 0; i < threads; i++) ptrace(PTRACE_INTERRUPT, tids[i], NULL, NULL);
  for (int i = 0; i < threads; i++) waitpid(tids[i], NULL, __WALL);
  for (int i = 0; i < threads; i++) {
    struct iovec place = {&registers[i], sizeof registers[i]};
    ptrace(PTRACE_GETREGSET, tids[i], NT_PRSTATUS, &place);
  }
  size_t copied = 0;
  for (int first = 0; first < threads; first += BATCH) {
    struct iovec here[BATCH], there[BATCH];
    int size = 0;
    for (; size < BATCH && first + size < threads; size++) {
      here[size] = (struct iovec){stacks + (size_t)(first + size) * STACK, STACK};
      there[size] = (struct iovec){(void*)registers[first + size].rsp, STACK};
    }
    // A stack that ends sooner ends the transfer; the rest goes one by one.
    ssize_t got = process_vm_readv(pid, here, (unsigned long)size, there, (unsigned long)size, 0);
    if (got > 0) copied += (size_t)got;
    for (int i = got < 0 ? 0 : (int)(got / STACK); i < size; i++) {
      got = process_vm_readv(pid, &here[i], 1, &there[i], 1, 0);
      if (got > 0) copied += (size_t)got;
    }
  }
  for (int i = 0; i < threads; i++) ptrace(PTRACE_DETACH, tids[i], NULL, NULL);
  printf("%.3f\n", now() - start);
  fprintf(stderr, "%d threads, %zu bytes of stacks\n", threads, copied);
  return 0;
}

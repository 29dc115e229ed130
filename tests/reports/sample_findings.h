// A process that stands still, as plain values: seven threads in five stacks, with everything that formats
// must cope with.
#pragma once

#include "reports/findings.h"
#include "reports/headline.h"

#include <string>
#include <utility>
#include <vector>

namespace standstill {

inline FrameRecord frame(std::uint64_t pc, std::string function, std::uint64_t offset, std::string file,
                         std::uint32_t line, std::string module) {
  FrameRecord record;
  record.pc = Address(pc);
  record.function = std::move(function);
  record.offset = offset;
  record.file = std::move(file);
  record.line = line;
  record.module = std::move(module);
  record.module_offset = pc & 0xfffff;
  record.build_id = "81daba31ee66dbd63efdc4252a872949d874d136";
  record.found_by = "CFI";
  return record;
}

inline FrameRecord inlined(FrameRecord record) {
  record.inlined = true;
  return record;
}

inline FrameRecord exact(FrameRecord record) {
  record.is_exact = true;
  record.found_by = "REGISTERS";
  return record;
}

inline const std::string ORDERS = "/srv/orders/bin/orders";
inline const std::string LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6";
inline const std::string PLUGIN = "/srv/orders/lib/libplugin.so";

inline void add_group(Findings& findings, std::vector<FrameRecord> frames,
                      std::vector<std::pair<std::uint64_t, std::string>> threads,
                      std::string state = "syscall") {
  GroupRecord group;
  group.frames = std::move(frames);
  for (auto& [tid, name] : threads) {
    TaskRecord task;
    task.id = "thread:" + std::to_string(tid);
    task.number = tid;
    task.name = name;
    task.state = state;
    task.group = static_cast<std::uint32_t>(findings.groups.size());
    task.stack_end = "outermost frame";
    group.tasks.push_back(static_cast<std::uint32_t>(findings.tasks.size()));
    findings.tasks.push_back(std::move(task));
  }
  findings.groups.push_back(std::move(group));
  findings.target.thread_count = findings.tasks.size();
}

// Three workers wait for a mutex (the lock was inlined), one reached it by another way, the main thread
// sleeps, one thread stands in a plugin without symbols, and the stack of one is gone.
inline Findings sample_findings() {
  Findings findings;
  TargetRecord& target = findings.target;
  target.path = "/var/tmp/core.4242";
  target.pid = 4242;
  target.executable = ORDERS;
  target.command_line = {ORDERS, "--port", "8080", "--title", "all orders"};
  target.architecture = "x86_64";
  target.captured_at = "2026-11-20T15:40:11Z";
  target.file_bytes = 812u << 20;

  const auto futex = exact(
      frame(0x7f0000088d80, "__futex_abstimed_wait_common64", 0x40, "./nptl/futex-internal.c", 57, LIBC));
  const auto lock =
      frame(0x7f000008f120, "___pthread_mutex_lock", 0x112, "./nptl/pthread_mutex_lock.c", 93, LIBC);
  const auto start = frame(0x7f0000089ea7, "start_thread", 0x2f7, "./nptl/pthread_create.c", 442, LIBC);
  const auto clone =
      frame(0x7f000010aa6f, "__clone3", 0x2f, "../sysdeps/unix/sysv/linux/x86_64/clone3.S", 81, LIBC);
  const auto take =
      frame(0x5581c0001237, "orders::Book::take", 0x37, "/build/orders/src/orders.cc", 93, ORDERS);
  const auto inner = inlined(
      frame(0x5581c0001237, "std::mutex::lock", 0x37, "/usr/include/c++/12/bits/std_mutex.h", 100, ORDERS));
  add_group(
      findings,
      {futex, lock, inner, take,
       frame(0x5581c0001300, "worker_main", 0x80, "/build/orders/src/main.cc", 12, ORDERS), start, clone},
      {{4243, "worker-1"}, {4244, "worker-2"}, {4245, "worker-3"}});
  add_group(findings,
            {futex, lock, inner, take,
             frame(0x5581c0002200, "orders::replay", 0x20, "/build/orders/src/replay.cc", 31, ORDERS), start,
             clone},
            {{4248, "replay"}});
  add_group(findings,
            {exact(frame(0x7f00000e57f8, "clock_nanosleep", 0x48, "", 0, LIBC)),
             frame(0x5581c0001111,
                   "orders::Scheduler<std::chrono::duration<long, std::ratio<1, 1000>>, std::function<void "
                   "()>>::run_until_stopped",
                   0x101, "/build/orders/src/a/rather/deeply/nested/folder/scheduler.cc", 1207, ORDERS),
             frame(0x5581c0001001, "main", 0x11, "/build/orders/src/main.cc", 40, ORDERS)},
            {{4242, "orders"}});
  FrameRecord unnamed = exact(frame(0x7f11000012f0, "", 0, "", 0, PLUGIN));
  unnamed.missing = "its file is not here";
  FrameRecord guessed = frame(0x7f1100001400, "", 0, "", 0, PLUGIN);
  guessed.missing = "its file is not here";
  guessed.found_by = "SCAN";
  add_group(findings, {unnamed, guessed}, {{4246, ""}}, "running");
  findings.groups.back().broken_end = "no rule to go on";
  findings.tasks.back().stack_end = findings.groups.back().broken_end;
  add_group(findings, {}, {{4247, "gone\x1b[31m\n"}});
  findings.groups.back().broken_end = "the stack's memory is not in the core";
  findings.tasks.back().stack_end = findings.groups.back().broken_end;

  ModuleRecord orders;
  orders.path = ORDERS;
  orders.is_main_program = true;
  orders.start = Address(0x5581c0000000);
  orders.end = Address(0x5581c0010000);
  orders.file_offset = 0x1000;
  orders.text_start = Address(0x5581c0001000);
  orders.text_end = Address(0x5581c0008000);
  orders.build_id = "3f2a000000000000000000000000000000000001";
  orders.status = "OK";
  orders.frames = 6;
  ModuleRecord libc;
  libc.path = LIBC;
  libc.start = Address(0x7f0000000000);
  libc.end = Address(0x7f00001d5000);
  libc.build_id = "81daba31ee66dbd63efdc4252a872949d874d136";
  libc.status = "OK";
  libc.debug_file = "/usr/lib/debug/.build-id/81/daba31ee66dbd63efdc4252a872949d874d136.debug";
  libc.frames = 5;
  ModuleRecord plugin;
  plugin.path = PLUGIN;
  plugin.start = Address(0x7f1100000000);
  plugin.end = Address(0x7f1100004000);
  plugin.build_id = "77777777777777777777777777777777777777aa";
  plugin.status = "NO_FILE";
  plugin.frames = 2;
  plugin.unnamed_frames = 2;
  plugin.advice = "put the file with build ID 77777777777777777777777777777777777777aa at " + PLUGIN +
                  " or name its place with --sysroot DIR";
  plugin.looked_for = {PLUGIN};
  findings.modules = {orders, libc, plugin};
  findings.notes = {{Severity::INFO, "the core has no thread names", ""},
                    {Severity::WARNING, "the stack's memory is not in the core", "thread 4247"}};
  findings.headline = headline_of_stacks(findings);
  return findings;
}

// `groups` times `tasks_per_group` threads in stacks of `depth` frames, to measure with.
inline Findings many_threads(std::size_t groups, std::size_t tasks_per_group, std::size_t depth) {
  Findings findings = sample_findings();
  findings.tasks.clear();
  findings.groups.clear();
  std::uint64_t tid = 10000;
  for (std::size_t g = 0; g < groups; ++g) {
    std::vector<FrameRecord> frames;
    for (std::size_t d = 0; d < depth; ++d) {
      const std::size_t function = g * depth + d;
      frames.push_back(frame(0x5581c0001000 + 16 * function, "function_" + std::to_string(function), 8,
                             "/build/orders/src/main.cc", static_cast<std::uint32_t>(function), ORDERS));
    }
    std::vector<std::pair<std::uint64_t, std::string>> threads;
    for (std::size_t t = 0; t < tasks_per_group; ++t) threads.emplace_back(tid++, "");
    add_group(findings, std::move(frames), std::move(threads));
  }
  findings.headline = headline_of_stacks(findings);
  return findings;
}

}  // namespace standstill

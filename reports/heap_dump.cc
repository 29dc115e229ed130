// gperftools 2.9 to 2.18: src/malloc_extension.cc (GetHeapSample, GetHeapGrowthStacks) and
// src/heap-profile-table.cc (GetHeapProfile):
//
//     heap profile:     11:    70240 [    11:    70240] @ heap_v2/524288
//          1:     5000 [     1:     5000] @ 0x401234 0x401300
//
// jemalloc 5.2 to 5.3: src/prof_data.c (prof_dump_header, prof_dump_gctx):
//
//     heap_v2/524288
//       t*: 12: 12345 [0: 0]
//       t0: 12: 12345 [0: 0] main
//     @ 0x401234 0x401300
//       t*: 12: 12345 [0: 0]
//       t0: 12: 12345 [0: 0]
//
// Both end with a list of mapped files.
//
// google/tcmalloc writes no text. Each of its samples knows how many allocations it stands for, so its counts
// are written in gperftools' form with a period of 1: readers then scale nothing.
#include "reports/heap_dump.h"

#include "reports/printable.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace standstill {

namespace {

using Sink = std::back_insert_iterator<std::string>;

Address address_of(const HeapRecord& heap, std::uint32_t location) {
  const std::vector<FrameRecord>& chain = heap.locations.at(location);
  return chain.empty() ? Address() : chain.back().pc;
}

void append_counts(std::string& out, const HeapCountsRecord& live, const HeapCountsRecord& total) {
  fmt::format_to(Sink(out), "{:6}: {:8} [{:6}: {:8}] @", live.objects, live.bytes, total.objects,
                 total.bytes);
}

std::string gperftools_dump(const HeapRecord& heap, const HeapTableRecord& table) {
  const bool is_exact = table.dump == "gperftools exact";
  std::string out = "heap profile: ";
  append_counts(out, table.live, table.total);
  if (is_exact)
    out += " heapprofile\n";
  else if (table.name == "growth")
    out += " growth\n";
  else
    fmt::format_to(Sink(out), " heap_v2/{}\n", table.dump == "weighted" ? 1 : table.period);
  for (const HeapSampleRecord& sample : table.samples) {
    append_counts(out, sample.live, sample.total);
    for (const std::uint32_t location : sample.locations) {
      const std::uint64_t pc = address_of(heap, location).value();
      out += is_exact ? fmt::format(" 0x{:08x}", pc) : fmt::format(" {:#x}", pc);
    }
    out += "\n";
  }
  return out;
}

void append_jemalloc_counts(std::string& out, const HeapCountsRecord& live, const HeapCountsRecord& total) {
  fmt::format_to(Sink(out), "{}: {} [{}: {}]", live.objects, live.bytes, total.objects, total.bytes);
}

std::string jemalloc_dump(const HeapRecord& heap, const HeapTableRecord& table) {
  std::string out = fmt::format("heap_v2/{}\n  t*: ", table.period);
  append_jemalloc_counts(out, table.live, table.total);
  out += "\n";
  for (const auto& thread : table.threads) {
    fmt::format_to(Sink(out), "  t{}: ", thread.thread_uid);
    append_jemalloc_counts(out, thread.live, thread.total);
    if (!thread.name.empty()) out.append(" ").append(printable(thread.name));
    out += "\n";
  }
  for (const HeapSampleRecord& sample : table.samples) {
    out += "@";
    for (const std::uint32_t location : sample.locations)
      fmt::format_to(Sink(out), " {:#x}", address_of(heap, location).value());
    out += "\n  t*: ";
    append_jemalloc_counts(out, sample.live, sample.total);
    out += "\n";
    for (const auto& share : sample.threads) {
      fmt::format_to(Sink(out), "  t{}: ", share.thread_uid);
      append_jemalloc_counts(out, share.live, share.total);
      out += "\n";
    }
  }
  return out;
}

}  // namespace

std::string to_mapped_libraries(const Findings& findings) {
  std::string out = "\nMAPPED_LIBRARIES:\n";
  for (const ModuleRecord& module : findings.modules) {
    const bool knows_text = module.text_start < module.text_end;
    fmt::format_to(Sink(out), "{:08x}-{:08x} r-xp {:08x} 00:00 0 {:>30}{}\n",
                   (knows_text ? module.text_start : module.start).value(),
                   (knows_text ? module.text_end : module.end).value(), knows_text ? module.file_offset : 0,
                   "", printable(module.path));
  }
  return out;
}

std::string to_heap_dump(const Findings& findings, const HeapRecord& heap, const HeapTableRecord& table) {
  if (table.dump == "jemalloc") return jemalloc_dump(heap, table) + to_mapped_libraries(findings);
  if (table.dump.starts_with("gperftools") || table.dump == "weighted")
    return gperftools_dump(heap, table) + to_mapped_libraries(findings);
  return {};
}

}  // namespace standstill

// One memory allocator. Each lives in its own file in allocators/ and defines `const Allocator X_allocator`;
// every one is asked, because a process may hold several (a preloaded one beside libc's, a Go heap beside
// both).
#pragma once

#include "coredump/snapshot.h"
#include "heapwalk/heap_profile.h"

#include <span>
#include <vector>

namespace standstill {

class GoRuntime;
class Symbolizer;

struct HeapQuestion {
  const Snapshot& snapshot;
  // Names of virtual tables, where a program keeps no type names; may be null.
  const Symbolizer* symbolizer = nullptr;
  // Read the tables of what was sampled.
  bool samples = true;
  // Look at every block. Otherwise only at what headers say at once: a report must not read gigabytes, and a
  // capture need not hold them.
  bool blocks = true;
  // The Go runtime that was found in the process; null where there is none.
  const GoRuntime* go = nullptr;
};

struct Allocator {
  const char* name;   // "glibc"
  const char* gives;  // for the help: "every block, by arena, size and C++ class"
  // One profile for each copy of the allocator that this process used; none where it did not. Damage and
  // unknown layouts become notes of the profile.
  std::vector<HeapProfile> (*read)(const HeapQuestion& question);
};

// Generated from allocators/.
std::span<const Allocator* const> all_allocators();

// The profiles of all allocators that are found in the process: the largest first.
std::vector<HeapProfile> read_heaps(const HeapQuestion& question);

}  // namespace standstill

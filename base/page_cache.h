// Advice to the kernel about mapped bytes that are going to be read. A core is mapped without readahead
// (MappedFile::Access::SPARSE), so on a cold file every page would be a disk access of its own: 10,000 stacks
// cost 1.2 s so, and 0.16 s when asked for beforehand.
#pragma once

#include "base/bytes.h"

#include <span>

namespace standstill {

// Has all of `wanted` read at once, unless a sample of it is in memory already. `wanted` must be mapped or be
// ordinary memory.
void prefetch(std::span<const Bytes> wanted);

// Has all pages of `bytes` read, in large pieces, unless a sample of them is in memory already: for readers
// that are going to touch every one of them. Only advice: nothing is wrong where it is not followed.
void read_at_once(Bytes bytes);

}  // namespace standstill

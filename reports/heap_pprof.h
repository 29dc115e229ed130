// `pprof --profile heap|allocs|growth`: what allocators recorded as a profile.proto file, gzip-compressed.
#pragma once

#include "base/error.h"
#include "reports/findings.h"

#include <string>
#include <string_view>

namespace standstill {

// `profile` is "heap", "allocs" (the same samples, shown by what was ever allocated) or "growth" (where the
// heap was made larger). The first allocator of `findings` that has such samples gives them; where none
// sampled, "heap" counts blocks by arena, size class and C++ class, in stacks made of those names. An error
// says why there is nothing, for each allocator.
Result<std::string> to_heap_profile(const Findings& findings, std::string_view profile);
Result<std::string> to_uncompressed_heap_profile(const Findings& findings, std::string_view profile);

}  // namespace standstill

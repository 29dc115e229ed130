// Small files of ours that several runs share: read whole, and only ever replaced as a whole, so that a
// reader meets the old contents or the new ones and never half of them.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

// The names of files that are being written begin so; one that is older than a moment was left behind by a
// run that died.
inline constexpr std::string_view UNFINISHED_FILE = ".new-";

// The bytes of a regular file of at most `limit` bytes, read rather than mapped: one that shrinks under a
// mapping would kill us. Empty where there is no such file, or it cannot be read.
std::vector<std::uint8_t> read_whole_file(const std::string& path, std::uint64_t limit);

// Makes `path` hold `bytes`, readable by its owner alone. False where that is not possible: the old file is
// there as before then, and nothing else is left behind. The folder must exist.
bool replace_file(const std::string& path, Bytes bytes);

}  // namespace standstill

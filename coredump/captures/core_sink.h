// Where the bytes of a core that is being written go, from its first to its last: a file that gets its name
// when it is whole, a compressed one, or standard output.
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <cstdint>
#include <memory>
#include <string>

namespace standstill {

class CoreSink {
 public:
  CoreSink() = default;
  CoreSink(const CoreSink&) = delete;
  CoreSink& operator=(const CoreSink&) = delete;
  // Without finish(), nothing of it is left behind.
  virtual ~CoreSink() = default;

  virtual Result<void> append(Bytes bytes) = 0;
  // So many bytes of zero.
  virtual Result<void> skip(std::uint64_t size) = 0;
  // All is there: the file gets its name. Called once, last.
  virtual Result<void> finish() = 0;
  // Bytes that the finished file takes up, holes left out; 0 where there is no file.
  virtual std::uint64_t stored_bytes() const = 0;
};

// `path` is a file, compressed where its name ends as such files do (".zst", ".gz", ".xz", ".lz4"), or "-"
// for standard output. Errors: the file cannot be made, or standard output is a terminal.
Result<std::unique_ptr<CoreSink>> open_core_sink(const std::string& path);

}  // namespace standstill

// Compressed cores are recognised by their first bytes, not by their name, and decompressed as a stream. Each
// format lives in its own file in compressions/ and defines `const Compression X_compression`.
#pragma once

#include "base/bytes.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

namespace standstill {

class Decompressor {
 public:
  struct Step {
    std::uint64_t consumed = 0;  // bytes of the input that are done with
    std::uint64_t produced = 0;  // bytes at the start of the output
    std::string problem;         // not empty: the stream is broken here, nothing more comes
  };

  virtual ~Decompressor() = default;
  // Goes on where the last step stopped. `is_last`: nothing follows `input`, which may be empty. A step that
  // neither consumes nor produces wants more input. Several streams one after another count as one.
  virtual Step step(Bytes input, std::span<std::uint8_t> output, bool is_last) = 0;
  // Whether the input may end here.
  virtual bool is_complete() const = 0;
};

struct Compression {
  const char* name;
  bool (*recognizes)(Bytes beginning);  // of at least 6 bytes, less where the input is shorter
  // Null when there is no memory for it.
  std::unique_ptr<Decompressor> (*make_decompressor)();
};

// Generated from compressions/.
std::span<const Compression* const> all_compressions();

// Null for what is not compressed.
const Compression* recognize_compression(Bytes beginning);

inline bool starts_with(Bytes bytes, std::initializer_list<std::uint8_t> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

}  // namespace standstill

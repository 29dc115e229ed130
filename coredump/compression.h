// Compressed cores are recognised by their first bytes, not by their name, and decompressed as a stream; a
// capture is compressed where its name asks for it. Each format lives in its own file in compressions/ and
// defines `const Compression X_compression`.
#pragma once

#include "base/bytes.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

class Compressor {
 public:
  Compressor() = default;
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  virtual ~Compressor() = default;
  // Takes all of `input` and adds what comes out of it to `output`. `is_last` ends the stream; `input` may be
  // empty then. False when that cannot be done (no memory); nothing is to be asked of it afterwards.
  virtual bool step(Bytes input, bool is_last, std::vector<std::uint8_t>& output) = 0;
};

struct Compression {
  const char* name;
  const char* suffix;                   // of file names: ".zst"
  bool (*recognizes)(Bytes beginning);  // of at least 6 bytes, less where the input is shorter
  // Null when there is no memory for it.
  std::unique_ptr<Decompressor> (*make_decompressor)();
  std::unique_ptr<Compressor> (*make_compressor)();
};

// Generated from compressions/.
std::span<const Compression* const> all_compressions();

// Null for what is not compressed.
const Compression* recognize_compression(Bytes beginning);

// What the name of a file that shall be written asks for; null for a plain one.
const Compression* find_compression_by_name(std::string_view path);

inline bool starts_with(Bytes bytes, std::initializer_list<std::uint8_t> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

}  // namespace standstill

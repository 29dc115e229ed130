#include "coredump/cores/command_line.h"

#include <algorithm>

#include <elf.h>

namespace standstill {
namespace {

// The psABI (figure 3.9, Initial Process Stack), from low to high addresses:
//
//     argc | argv[0] ... argv[argc-1] | 0 | envp[0] ... | 0 | auxiliary vector | ... | strings
//
// Nothing points at argc, but the auxiliary vector is known word for word from NT_AUXV, and AT_RANDOM points
// above it. So: find the vector below AT_RANDOM, then walk down over the environment and the arguments until
// a word says how many there were.
constexpr std::uint64_t LARGEST_DISTANCE = 16 << 20;  // the kernel allows arguments and environment of 6 MB
constexpr std::uint64_t LARGEST_COMMAND_LINE = 1 << 20;

class WordsBelow {
 public:
  explicit WordsBelow(Bytes bytes) : bytes_(bytes), offset_(bytes.size() & ~std::uint64_t{7}) {}
  // The word just below the last one; false at the start of the bytes.
  bool step_down(std::uint64_t& word) {
    if (offset_ < 8) return false;
    offset_ -= 8;
    std::memcpy(&word, bytes_.data() + offset_, 8);
    return true;
  }
  std::uint64_t offset() const { return offset_; }

 private:
  Bytes bytes_;
  std::uint64_t offset_;
};

// Offset of the auxiliary vector in `stack`, by its first two pairs; the highest match, since copies lie
// further down.
std::optional<std::uint64_t> find_vector(Bytes stack,
                                         const std::vector<std::pair<std::uint64_t, std::uint64_t>>& vector) {
  const std::uint64_t pattern[4] = {vector[0].first, vector[0].second, vector[1].first, vector[1].second};
  if (stack.size() < sizeof(pattern)) return std::nullopt;
  for (std::uint64_t offset = (stack.size() - sizeof(pattern)) & ~std::uint64_t{7};; offset -= 8) {
    if (std::memcmp(stack.data() + offset, pattern, sizeof(pattern)) == 0) return offset;
    if (offset == 0) return std::nullopt;
  }
}

}  // namespace

std::vector<std::string> read_command_line(
    const MemoryView& memory, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& auxiliary_vector) {
  const auto random = std::find_if(auxiliary_vector.begin(), auxiliary_vector.end(),
                                   [](const auto& pair) { return pair.first == AT_RANDOM; });
  if (random == auxiliary_vector.end() || auxiliary_vector.size() < 2) return {};
  const auto* piece = memory.pieces().find(Address(random->second));
  if (piece == nullptr) return {};
  // Offsets stay multiples of 8 from a page-aligned start, as pieces of a dump have.
  const std::uint64_t top = Address(random->second) - piece->start;
  const std::uint64_t bottom = top > LARGEST_DISTANCE ? (top - LARGEST_DISTANCE) & ~std::uint64_t{7} : 0;
  const Bytes stack = piece->value.bytes.subspan(bottom, top - bottom);
  const auto vector = find_vector(stack, auxiliary_vector);
  if (!vector) return {};

  WordsBelow words(stack.first(*vector));
  std::uint64_t word = 0;
  if (!words.step_down(word) || word != 0) return {};  // the end of envp
  do {
    if (!words.step_down(word)) return {};
  } while (word != 0);  // the end of argv
  std::vector<Address> arguments;
  while (words.step_down(word) && word != arguments.size()) arguments.emplace_back(word);
  if (word != arguments.size()) return {};

  std::vector<std::string> command_line;
  std::uint64_t total = 0;
  for (auto argument = arguments.rbegin(); argument != arguments.rend() && total < LARGEST_COMMAND_LINE;
       ++argument) {
    command_line.push_back(memory.read_c_string(*argument, LARGEST_COMMAND_LINE - total).value_or(""));
    total += command_line.back().size() + 1;
  }
  return command_line;
}

}  // namespace standstill

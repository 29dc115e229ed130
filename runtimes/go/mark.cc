#include "runtimes/go/mark.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace standstill {

namespace {

constexpr std::uint64_t PIECE = 128 * 1024;  // of a large object, looked at in one go
constexpr std::uint64_t GRANULE = 8;         // the smallest object
constexpr std::uint64_t WORDS_PER_ARENA = GoHeap::ARENA / GRANULE / 64;
constexpr std::uint64_t LARGEST_WITH_BITMAP = 512, LARGEST_WITH_HEADER = 32768;
constexpr std::uint64_t LARGEST_MASK = 1u << 20;  // words of a type
constexpr std::size_t MOST_MASKS = 100'000;
constexpr std::uint64_t MOST_SPECIALS = 100'000'000, SPECIAL_SIZE = 48;
// struct p: wbBuf {next, end uintptr; buf [512]uintptr}, what the write barrier noted long ago
constexpr std::uint64_t BARRIER_BUFFER = 512 * 8;

std::uint64_t word_at(const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

struct Bit {
  std::size_t word;
  std::uint64_t mask;
};
Bit bit_of(std::uint64_t object) {
  const std::uint64_t granule = object % GoHeap::ARENA / GRANULE;
  return {granule / 64, std::uint64_t{1} << (granule % 64)};
}

}  // namespace

GoMark::GoMark(const GoHeap& heap, std::size_t most_waiting)
    : heap_(heap),
      memory_(heap.runtime().memory()),
      low_(heap.low()),
      extent_(heap.extent()),
      most_waiting_(most_waiting),
      has_types_(heap.runtime().version().minor >= 22),
      bits_(heap.arenas()) {}

GoMark::Bits& GoMark::bits_of(std::uint64_t address) {
  std::unique_ptr<Bits>& bits = bits_[heap_.arena_of(address)];
  if (bits == nullptr) {
    bits = std::make_unique<Bits>();
    bits->marked.resize(WORDS_PER_ARENA);
    bits->watched.resize(WORDS_PER_ARENA);
  }
  return *bits;
}

// The hottest function: what is not an object's address must be told apart fast.
void GoMark::visit(std::uint64_t value) {
  const std::uint32_t index = heap_.span_at(value);
  if (index == GoHeap::NO_SPAN) return;
  if (index == GoHeap::DAMAGED) {
    ++unread_;
    return;
  }
  const GoSpan& span = heap_.spans()[index];
  const auto object = GoHeap::object_at(span, value);
  if (!object) return;
  Bits& bits = bits_of(*object);
  const Bit bit = bit_of(*object);
  if ((bits.marked[bit.word] & bit.mask) != 0) return;
  bits.marked[bit.word] |= bit.mask;
  ++reached_;
  if ((bits.watched[bit.word] & bit.mask) != 0) wake(*object);
  if (span.has_pointers) push({*object, index});
}

void GoMark::push(Item item) {
  if (waiting_.size() >= most_waiting_) {
    overflowed_ = true;
    return;
  }
  waiting_.push_back(item);
}

void GoMark::hide(Address address) {
  const std::uint32_t index = heap_.span_at(address.value());
  if (index == GoHeap::NO_SPAN || index == GoHeap::DAMAGED) return;
  const auto object = GoHeap::object_at(heap_.spans()[index], address.value());
  if (!object) return;
  const Bit bit = bit_of(*object);
  bits_of(*object).marked[bit.word] |= bit.mask;
  hidden_.push_back(*object);
}

GoMark::Watch GoMark::watch(Address address, std::uint32_t waiter) {
  const std::uint32_t index = heap_.span_at(address.value());
  if (index == GoHeap::NO_SPAN || index == GoHeap::DAMAGED) return Watch::OUTSIDE;
  const auto object = GoHeap::object_at(heap_.spans()[index], address.value());
  if (!object) return Watch::OUTSIDE;
  Bits& bits = bits_of(*object);
  const Bit bit = bit_of(*object);
  if ((bits.marked[bit.word] & bit.mask) != 0) return Watch::REACHED;
  bits.watched[bit.word] |= bit.mask;
  const auto [entry, is_new] = watchers_.try_emplace(*object, NOBODY);
  watcher_list_.push_back({waiter, entry->second});
  entry->second = static_cast<std::uint32_t>(watcher_list_.size() - 1);
  return Watch::WATCHED;
}

void GoMark::wake(std::uint64_t object) {
  const auto found = watchers_.find(object);
  if (found == watchers_.end()) return;
  for (std::uint32_t at = found->second; at != NOBODY; at = watcher_list_[at].next)
    woken_.push_back(watcher_list_[at].waiter);
}

bool GoMark::is_reached(Address address) const {
  const std::uint32_t index = heap_.span_at(address.value());
  if (index == GoHeap::NO_SPAN || index == GoHeap::DAMAGED) return false;
  const auto object = GoHeap::object_at(heap_.spans()[index], address.value());
  if (!object) return false;
  const Bits* bits = bits_[heap_.arena_of(*object)].get();
  const Bit bit = bit_of(*object);
  return bits != nullptr && (bits->marked[bit.word] & bit.mask) != 0;
}

void GoMark::add_words(Bytes words) {
  for (std::size_t at = 0; at + 8 <= words.size(); at += 8) add_word(word_at(words.data() + at));
}

void GoMark::add_memory(Address address, std::uint64_t size) {
  const Address start((address.value() + 7) / 8 * 8);
  if (start - address >= size) return;
  size = (size - (start - address)) / 8 * 8;
  for (std::uint64_t done = 0; done < size;) {
    const std::uint64_t piece = std::min(size - done, PIECE);
    const Bytes words = memory_.bytes_in(start + done, piece, scratch_);
    add_words(words);
    unread_ += words.size() < piece;
    done += piece;
  }
}

void GoMark::drain() {
  look_at_waiting();
  while (std::exchange(overflowed_, false)) look_again();
}

void GoMark::look_at_waiting() {
  std::array<Item, AHEAD> fetched{};
  std::size_t first = 0, count = 0;
  while (true) {
    while (count < AHEAD && !waiting_.empty()) {
      const Item item = waiting_.back();
      waiting_.pop_back();
      const GoSpan& span = heap_.spans()[item.span];
      if (span.contents != nullptr) __builtin_prefetch(span.contents + (item.at - span.start.value()));
      fetched[(first + count++) % AHEAD] = item;
    }
    if (count == 0) return;
    const Item item = fetched[first];
    first = (first + 1) % AHEAD;
    --count;
    look_at(item);
  }
}

void GoMark::look_at(const Item& item) {
  const GoSpan& span = heap_.spans()[item.span];
  const std::uint64_t start = span.start.value();
  const std::uint64_t base = span.elements == 1 ? start : item.at;
  const std::uint64_t rest = base + span.element_size - item.at;
  const std::uint64_t size = std::min(rest, PIECE);
  const Bytes words = span.contents != nullptr ? Bytes(span.contents + (item.at - start), size)
                                               : memory_.bytes_in(Address(item.at), size, scratch_);
  // Where one piece cannot be read nothing is certain any more: an object that claims a terabyte ends here.
  if (words.size() < size)
    ++unread_;
  else if (rest > size)
    waiting_.push_back({item.at + PIECE, item.span});
  scanned_ += words.size();
  if (has_types_ && span.element_size > LARGEST_WITH_BITMAP && span.element_size <= LARGEST_WITH_HEADER &&
      words.size() == size && look_at_typed(words.subspan(8), Address(word_at(words.data()))))
    return;
  look_at_words(words, item.at, span.element_size >= BARRIER_BUFFER);
}

void GoMark::look_at_words(Bytes words, std::uint64_t address, bool may_be_processor) {
  const std::uint8_t* const data = words.data();
  const std::size_t size = words.size() / 8 * 8;
  for (std::size_t at = 0; at < size; at += 8) {
    const std::uint64_t value = word_at(data + at);
    if (value - low_ >= extent_) continue;
    // The end of a write barrier's buffer, which begins behind that word: its addresses are old ones.
    if (may_be_processor && at >= 8 && value == address + at + 8 + BARRIER_BUFFER &&
        word_at(data + at - 8) - (address + at + 8) <= BARRIER_BUFFER) {
      at += BARRIER_BUFFER;
      continue;
    }
    if (heap_.may_be_pointer(address + at)) visit(value);
  }
}

// False where the type does not tell.
bool GoMark::look_at_typed(Bytes object, Address type) {
  const TypeMask& mask = mask_of(type);
  if (mask.words == 0 || mask.words * 8 > object.size()) return false;
  const std::uint64_t words = object.size() / 8;
  for (std::uint64_t first = 0; first + mask.pointer_words <= words; first += mask.words)
    for (std::uint64_t i = 0; i < mask.pointer_words; ++i)
      if ((mask.bits[i / 8] >> (i % 8) & 1) != 0) add_word(word_at(object.data() + (first + i) * 8));
  return true;
}

const GoMark::TypeMask& GoMark::mask_of(Address type) {
  static const TypeMask NONE;
  const auto found = masks_.find(type);
  if (found != masks_.end()) return found->second;
  if (masks_.size() == MOST_MASKS) return NONE;
  return masks_.emplace(type, read_mask(type)).first->second;
}

// Go 1.22 src/internal/abi/type.go, struct Type: Size_, PtrBytes, Hash u32, TFlag, ..., Kind_ at +23, GCData
// at +32. Types that a program makes while it runs lie in its heap, and are not asked.
GoMark::TypeMask GoMark::read_mask(Address type) const {
  constexpr std::uint8_t IS_PROGRAM = 1 << 6;      // in Kind_, until 1.23
  constexpr std::uint8_t MADE_ON_DEMAND = 1 << 4;  // in TFlag, since 1.24
  TypeMask mask;
  bool is_known = false;
  for (const auto& module : heap_.runtime().modules())
    is_known = is_known || (module->data.types <= type && type < module->data.etypes);
  std::uint8_t bytes[40];
  if (!is_known || type.value() % 8 != 0 || !memory_.copy(type, bytes)) return mask;
  const std::uint64_t size = word_at(bytes), pointers = word_at(bytes + 8);
  const int minor = heap_.runtime().version().minor;
  if (size == 0 || size % 8 != 0 || pointers == 0 || pointers % 8 != 0 || pointers > size ||
      size / 8 > LARGEST_MASK || (minor <= 23 && (bytes[23] & IS_PROGRAM) != 0))
    return mask;
  Address data(word_at(bytes + 32));
  if (minor >= 24 && (bytes[20] & MADE_ON_DEMAND) != 0) {
    // Made outside the program's own variables when it is first needed, which are what stands there before.
    const auto made = memory_.read_address(data);
    if (!made || !*made || is_variable(*made)) return mask;
    data = *made;
  }
  mask.bits.resize((pointers / 8 + 7) / 8);
  if (!memory_.copy(data, mask.bits)) return mask;
  mask.pointer_words = pointers / 8;
  mask.words = size / 8;
  return mask;
}

bool GoMark::is_variable(Address address) const {
  return std::ranges::any_of(heap_.runtime().modules(), [&](const auto& module) {
    return module->data.variables_start() <= address && address < module->data.variables_end();
  });
}

void GoMark::add_contents(Address address) {
  const std::uint32_t index = heap_.span_at(address.value());
  if (index == GoHeap::NO_SPAN) return;
  if (index == GoHeap::DAMAGED) {
    ++unread_;
    return;
  }
  const GoSpan& span = heap_.spans()[index];
  const auto object = GoHeap::object_at(span, address.value());
  if (object && span.has_pointers) waiting_.push_back({*object, index});
}

// struct special: next, offset in the span (u16, since 1.24 a word), kind, and what the kind needs behind it.
// (Go 1.18 to 1.27 src/runtime/mheap.go, _KindSpecialFinalizer and so on)
void GoMark::add_specials() {
  const int minor = heap_.runtime().version().minor;
  const bool is_short = minor <= 23;
  const std::uint8_t finalizer = minor <= 24 ? 1 : 2, weak_handle = finalizer + 1;
  const std::uint8_t cleanup = minor <= 24 ? 6 : 7;
  const std::size_t body = is_short ? 16 : 24;
  std::uint64_t seen = 0;
  for (const GoSpan& span : heap_.spans()) {
    const std::uint64_t most = std::uint64_t{span.elements} * 16 + 16;
    std::uint64_t count = 0;
    for (Address at = span.specials; at; ++count) {
      std::uint8_t bytes[SPECIAL_SIZE];
      if (count == most || ++seen > MOST_SPECIALS || !memory_.copy(at, bytes)) {
        ++unread_;
        break;
      }
      const std::uint64_t offset = is_short ? bytes[8] | bytes[9] << 8 : word_at(bytes + 8);
      const std::uint8_t kind = bytes[is_short ? 10 : 16];
      // The finalizer gets the object, and with it all that it leads to.
      if (kind == finalizer && offset < span.bytes) add_contents(span.start + offset);
      std::size_t words = kind == finalizer ? 1 : 0;                    // fn
      if (kind == weak_handle && minor >= 23) words = 1;                // handle
      if (kind == cleanup && minor >= 24) words = minor <= 25 ? 1 : 3;  // fn; call, fn, arg
      add_words(Bytes(bytes).subspan(body, words * 8));
      at = Address(word_at(bytes));
    }
  }
}

// Where too much was waiting, something marked was forgotten: all that is marked is looked at again.
void GoMark::look_again() {
  std::ranges::sort(hidden_);
  for (std::uint32_t index = 1; index < heap_.spans().size(); ++index) {
    const GoSpan& span = heap_.spans()[index];
    for (std::uint32_t i = 0; i < span.elements && span.has_pointers; ++i) {
      const std::uint64_t object = span.start.value() + i * span.element_size;
      const Bits* bits = bits_[heap_.arena_of(object)].get();
      const Bit bit = bit_of(object);
      if (bits == nullptr || (bits->marked[bit.word] & bit.mask) == 0 ||
          std::ranges::binary_search(hidden_, object))
        continue;
      look_at({object, index});
      if (waiting_.size() > most_waiting_ / 2) look_at_waiting();
    }
  }
  look_at_waiting();
}

}  // namespace standstill

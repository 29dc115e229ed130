#include "reports/goroutine_traceback.h"

#include "reports/printable.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::int64_t MINUTE = 60'000'000'000;
constexpr std::size_t INNER = 50, OUTER = 50;  // logical frames, since 1.21
constexpr std::size_t OLD_LIMIT = 100;         // physical frames, before
constexpr std::size_t LONGEST_NAME = 1 << 16;

// The text of one stack, cut open where the values of arguments go.
struct Piece {
  std::string text;
  bool is_value = false;  // after the text comes the next value, in hexadecimal; else it is passed over
  bool takes_value = false;
};
using StackForm = std::vector<Piece>;

class FormMaker {
 public:
  FormMaker(const GroupRecord& group, const GoRecord& go) : group_(group), go_(go) {}

  StackForm make() {
    const auto [first_left_out, first_again] = gap();
    std::size_t shown = 0, physical = 0;
    for (const FrameRecord& frame : group_.frames) {
      const bool is_counted = !frame.is_foreign && !frame.function.empty();
      const bool is_beyond_limit = elides_old() && physical >= OLD_LIMIT;
      if (is_counted && !frame.inlined) ++physical;
      const bool is_shown = !frame.skips_traceback && !is_beyond_limit;
      const bool is_in_gap = is_shown && shown >= first_left_out && shown < first_again;
      if (is_in_gap && shown == first_left_out)
        text() += fmt::format("...{} frames elided...\n", first_again - first_left_out);
      if (is_shown && !is_in_gap)
        add_frame(frame);
      else
        pass_over(frame);
      shown += is_shown;
    }
    if (elides_old() && shown == OLD_LIMIT) text() += "...additional frames elided...\n";
    return std::move(form_);
  }

 private:
  bool elides_old() const { return go_.elides_frames && go_.minor_version <= 20; }

  // Which of the frames shown are left out: [first, second).
  std::pair<std::size_t, std::size_t> gap() const {
    if (!go_.elides_frames || go_.minor_version <= 20) return {SIZE_MAX, SIZE_MAX};
    const auto shown = static_cast<std::size_t>(std::ranges::count_if(
        group_.frames, [](const FrameRecord& frame) { return !frame.skips_traceback; }));
    return shown > INNER + OUTER ? std::pair(INNER, shown - OUTER) : std::pair(SIZE_MAX, SIZE_MAX);
  }

  std::string& text() {
    if (form_.empty() || form_.back().takes_value) form_.emplace_back();
    return form_.back().text;
  }
  void add_value(bool is_shown) {
    text();
    form_.back().is_value = is_shown;
    form_.back().takes_value = true;
  }

  void pass_over(const FrameRecord& frame) {
    for (const ArgumentPiece& piece : frame.arguments)
      if (piece.kind == ArgumentPiece::Kind::VALUE || piece.kind == ArgumentPiece::Kind::STALE_VALUE)
        add_value(false);
  }

  void add_frame(const FrameRecord& frame) {
    text() += frame.function == "runtime.gopanic" ? "panic" : printable(frame.function, LONGEST_NAME);
    text() += '(';
    if (frame.inlined || !go_.has_arguments)
      text() += "...";
    else
      add_arguments(frame);
    text() +=
        fmt::format(")\n\t{}:{}", frame.file.empty() ? "?" : printable(frame.file, LONGEST_NAME), frame.line);
    if (!frame.inlined && frame.offset > 0) text() += fmt::format(" +{:#x}", frame.offset);
    text() += '\n';
  }

  void add_arguments(const FrameRecord& frame) {
    using Kind = ArgumentPiece::Kind;
    bool is_first = true;
    for (const ArgumentPiece& piece : frame.arguments) {
      if (piece.kind != Kind::CLOSE && !is_first) text() += ", ";
      is_first = piece.kind == Kind::OPEN;
      switch (piece.kind) {
        case Kind::OPEN:
          text() += '{';
          break;
        case Kind::CLOSE:
          text() += '}';
          break;
        case Kind::MORE:
          text() += "...";
          break;
        case Kind::OUT_OF_REACH:
          text() += '_';
          break;
        case Kind::VALUE:
        case Kind::STALE_VALUE:
          add_value(true);
          if (piece.kind == Kind::STALE_VALUE) text() += '?';
          break;
      }
    }
  }

  const GroupRecord& group_;
  const GoRecord& go_;
  StackForm form_;
};

std::string creator_text(const CreatedBy& creator) {
  // Between the two parts comes the number of the goroutine.
  return fmt::format("\n\t{}:{}{}\n", creator.file.empty() ? "?" : printable(creator.file, LONGEST_NAME),
                     creator.line, creator.offset > 0 ? fmt::format(" +{:#x}", creator.offset) : "");
}

class Values {
 public:
  Values(const std::vector<std::uint8_t>& bytes, std::size_t at) : bytes_(bytes), at_(at) {}
  std::uint64_t next() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at_ < bytes_.size() && shift < 64; shift += 7) {
      const std::uint8_t byte = bytes_[at_++];
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

 private:
  const std::vector<std::uint8_t>& bytes_;
  std::size_t at_;
};

template <class Number>
void append_number(std::string& out, Number value, int base = 10) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value, base);
  out.append(digits, end);
}

void append_header(std::string& out, const GoroutineRecord& goroutine, const GoRecord& go) {
  out += "goroutine ";
  append_number(out, goroutine.number);
  out += " [";
  const GoRecord::State* state = goroutine.state < go.states.size() ? &go.states[goroutine.state] : nullptr;
  if (state != nullptr) out.append(state->text).append(state->mark);
  if (state != nullptr && state->counts_minutes && goroutine.waited_ns >= MINUTE) {
    out += ", ";
    append_number(out, goroutine.waited_ns / MINUTE);
    out += " minutes";
  }
  if (goroutine.is_locked_to_thread) out += ", locked to thread";
  out += "]:\n";
}

}  // namespace

std::string to_goroutine_traceback(const Findings& findings) {
  const GoRecord& go = findings.go;
  std::vector<StackForm> forms(findings.groups.size());
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const GroupRecord& group = findings.groups[i];
    if (!group.tasks.empty() && group.tasks.front() >= findings.tasks.size())
      forms[i] = FormMaker(group, go).make();
  }
  std::vector<std::string> creators;
  for (const CreatedBy& creator : go.creators) creators.push_back(creator_text(creator));

  std::string out;
  for (const GoroutineRecord& goroutine : findings.goroutines) {
    append_header(out, goroutine, go);
    Values values(go.arguments, goroutine.arguments);
    if (goroutine.group < forms.size()) {
      for (const Piece& piece : forms[goroutine.group]) {
        out += piece.text;
        if (!piece.takes_value) continue;
        const std::uint64_t value = values.next();
        if (!piece.is_value) continue;
        out += "0x";
        append_number(out, value, 16);
      }
    }
    if (goroutine.creator < creators.size()) {
      out.append("created by ").append(go.creators[goroutine.creator].function);
      if (goroutine.parent != 0) {
        out += " in goroutine ";
        append_number(out, goroutine.parent);
      }
      out += creators[goroutine.creator];
    }
    out += '\n';
  }
  return out;
}

}  // namespace standstill

#include "reports/goroutine_traceback.h"

#include "base/quoted.h"
#include "reports/printable.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <tbb/parallel_pipeline.h>

namespace standstill {

namespace {

constexpr std::int64_t MINUTE = 60'000'000'000;
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
    for (const FrameRecord& frame : group_.frames) {
      if (frame.skips_traceback)
        pass_over(frame);
      else
        add_frame(frame);
    }
    // The runtime's own words, which readers of tracebacks know.
    if (group_.is_cut) text() += "...additional frames elided...\n";
    return std::move(form_);
  }

 private:
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

// Between the two parts comes the number of the goroutine that created it.
struct CreatorForm {
  std::string function, place;
};

CreatorForm creator_form(const CreatedBy& creator) {
  return {"created by " + creator.function,
          fmt::format("\n\t{}:{}{}\n", creator.file.empty() ? "?" : printable(creator.file, LONGEST_NAME),
                      creator.line, creator.offset > 0 ? fmt::format(" +{:#x}", creator.offset) : "")};
}

class Values {
 public:
  explicit Values(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
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
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

// Text in a piece of memory that is known to be large enough, and is used again and again.
class Paper {
 public:
  void start(std::size_t room) {
    if (room > room_) {
      bytes_ = std::make_unique_for_overwrite<char[]>(room);
      room_ = room;
    }
    end_ = bytes_.get();
  }
  void add(std::string_view text) {
    std::memcpy(end_, text.data(), text.size());
    end_ += text.size();
  }
  template <class Number>
  void add_number(Number value) {
    end_ = std::to_chars(end_, end_ + LONGEST_NUMBER, value).ptr;
  }
  void add_hexadecimal(std::uint64_t value) {
    add("0x");
    unsigned digits = 1 + (63 - static_cast<unsigned>(std::countl_zero(value | 1))) / 4;
    end_ += digits;
    for (char* at = end_; digits > 0; --digits, value >>= 4) *--at = "0123456789abcdef"[value & 15];
  }
  std::string_view text() const { return {bytes_.get(), end_}; }

  static constexpr std::size_t LONGEST_NUMBER = 20;  // of a u64, in either base with its mark

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t room_ = 0;
  char* end_ = nullptr;
};

// ` labels:{"key": "value"}` (1.26), ` {key: "a value"}`: with quotes only where they are needed (1.27).
std::string text_of_labels(const std::map<std::string, std::string>& labels, int minor) {
  constexpr std::string_view PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_";
  const auto shown = [&](const std::string& text) {
    const bool is_plain = minor >= 27 && text.find_first_not_of(PLAIN) == std::string::npos;
    return is_plain ? text : go_quoted_in_ascii(text);
  };
  std::string out;
  for (const auto& [key, value] : labels)
    out += fmt::format("{}{}: {}", out.empty() ? minor >= 27 ? " {" : " labels:{" : ", ", shown(key),
                       shown(value));
  return out.empty() ? out : out + "}";
}

class Writer {
 public:
  explicit Writer(const Findings& findings) : findings_(findings), go_(findings.go) {
    forms_.resize(findings.groups.size());
    for (std::size_t i = 0; i < forms_.size(); ++i) {
      const GroupRecord& group = findings.groups[i];
      if (group.tasks.empty() || group.tasks.front() < findings.tasks.size()) continue;
      forms_[i].pieces = FormMaker(group, go_).make();
      for (const Piece& piece : forms_[i].pieces)
        forms_[i].room += piece.text.size() + (piece.is_value ? Paper::LONGEST_NUMBER : 0);
    }
    for (const CreatedBy& creator : go_.creators) creators_.push_back(creator_form(creator));
    for (std::size_t i = 0; go_.prints_labels && i < go_.label_sets.size(); ++i)
      label_texts_.push_back(text_of_labels(go_.label_sets[i], go_.minor_version));
  }

  void write(const TextSink& sink) {
    // A token is some goroutines, and has the sheet that the token SHEETS before it is done with: tokens
    // leave in their order.
    std::array<Sheet, SHEETS> sheets;
    std::size_t next = 0, turn = 0;
    bool is_wanted = true;
    tbb::parallel_pipeline(
        SHEETS,
        tbb::make_filter<void,
                         Sheet*>(tbb::filter_mode::serial_in_order, [&](tbb::flow_control& flow) -> Sheet* {
          if (next == findings_.goroutines.size() || !is_wanted) {
            flow.stop();
            return nullptr;
          }
          Sheet& sheet = sheets[turn++ % SHEETS];
          sheet.first = next;
          sheet.room = 0;
          do sheet.room += room_for(findings_.goroutines[next++]);
          while (sheet.room < SHEET_BYTES && next < findings_.goroutines.size());
          sheet.end = next;
          return &sheet;
        }) & tbb::make_filter<Sheet*, Sheet*>(tbb::filter_mode::parallel, [&](Sheet* sheet) {
          sheet->paper.start(sheet->room);
          for (std::size_t i = sheet->first; i < sheet->end; ++i) add_goroutine(i, sheet->paper);
          return sheet;
        }) & tbb::make_filter<Sheet*, void>(tbb::filter_mode::serial_in_order, [&](const Sheet* sheet) {
          if (is_wanted) is_wanted = sink(sheet->paper.text());
        }));
  }

 private:
  static constexpr std::size_t SHEETS = 16, SHEET_BYTES = 1 << 18;
  static constexpr std::size_t FIXED_TEXT = 256;  // all words and numbers beside names and stacks

  struct Form {
    StackForm pieces;
    std::size_t room = 0;  // the longest text that it can give
  };
  struct Sheet {
    std::size_t first = 0, end = 0;  // of findings.goroutines
    std::size_t room = 0;
    Paper paper;
  };

  const GoRecord::State* state_of(const GoroutineRecord& goroutine) const {
    return goroutine.state < go_.states.size() ? &go_.states[goroutine.state] : nullptr;
  }

  std::size_t room_for(const GoroutineRecord& goroutine) const {
    std::size_t room = FIXED_TEXT;
    if (const GoRecord::State* const state = state_of(goroutine))
      room += state->text.size() + state->mark.size();
    if (goroutine.remark < go_.remarks.size()) room += go_.remarks[goroutine.remark].size();
    if (goroutine.labels < label_texts_.size()) room += label_texts_[goroutine.labels].size();
    if (goroutine.group < forms_.size()) room += forms_[goroutine.group].room;
    if (goroutine.creator < creators_.size())
      room += creators_[goroutine.creator].function.size() + creators_[goroutine.creator].place.size();
    return room;
  }

  std::span<const std::uint8_t> values_of(std::size_t index) const {
    const std::size_t block = index / GoRecord::ARGUMENT_BLOCK;
    if (block >= go_.arguments.size()) return {};
    const std::span<const std::uint8_t> bytes(go_.arguments[block]);
    return bytes.subspan(std::min(bytes.size(), findings_.goroutines[index].arguments));
  }

  void add_goroutine(std::size_t index, Paper& out) const {
    const GoroutineRecord& goroutine = findings_.goroutines[index];
    add_header(goroutine, out);
    Values values(values_of(index));
    if (goroutine.group < forms_.size()) {
      for (const Piece& piece : forms_[goroutine.group].pieces) {
        out.add(piece.text);
        if (!piece.takes_value) continue;
        const std::uint64_t value = values.next();
        if (piece.is_value) out.add_hexadecimal(value);
      }
    }
    if (goroutine.creator < creators_.size()) {
      out.add(creators_[goroutine.creator].function);
      if (goroutine.parent != 0) {
        out.add(" in goroutine ");
        out.add_number(goroutine.parent);
      }
      out.add(creators_[goroutine.creator].place);
    }
    out.add("\n");
  }

  void add_header(const GoroutineRecord& goroutine, Paper& out) const {
    out.add("goroutine ");
    out.add_number(goroutine.number);
    out.add(" [");
    const GoRecord::State* const state = state_of(goroutine);
    if (state != nullptr) {
      out.add(state->text);
      out.add(state->mark);
    }
    if (state != nullptr && state->counts_minutes && goroutine.waited_ns >= MINUTE) {
      out.add(", ");
      out.add_number(goroutine.waited_ns / MINUTE);
      out.add(" minutes");
    }
    if (goroutine.is_locked_to_thread) out.add(", locked to thread");
    if (goroutine.remark < go_.remarks.size()) out.add(go_.remarks[goroutine.remark]);
    const bool has_labels = goroutine.labels < label_texts_.size();
    if (has_labels && go_.minor_version == 26) out.add(label_texts_[goroutine.labels]);
    out.add("]");
    if (has_labels && go_.minor_version >= 27) out.add(label_texts_[goroutine.labels]);
    out.add(":\n");
  }

  const Findings& findings_;
  const GoRecord& go_;
  std::vector<Form> forms_;  // by group
  std::vector<CreatorForm> creators_;
  std::vector<std::string>
      label_texts_;  // by set of labels, as headers have them; empty where they have none
};

}  // namespace

void write_goroutine_traceback(const Findings& findings, const TextSink& sink) {
  Writer(findings).write(sink);
}

std::string to_goroutine_traceback(const Findings& findings) {
  std::string out;
  write_goroutine_traceback(findings, [&](std::string_view text) {
    out += text;
    return true;
  });
  return out;
}

}  // namespace standstill

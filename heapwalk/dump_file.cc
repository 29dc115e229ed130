// The two texts are shown in reports/heap_dump.cc, which writes them.
#include "heapwalk/dump_file.h"

#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t DEEPEST = 4096;

// Takes words and numbers from the front of a line.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool skip(std::string_view word) {
    skip_spaces();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  template <class T>
  bool number(T& value, int base = 10) {
    skip_spaces();
    if (base == 16 && rest_.starts_with("0x")) rest_.remove_prefix(2);
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value, base);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }
  // "11: 70240 [11: 70240]"
  bool counts(HeapCounts& live, HeapCounts& total) {
    return number(live.objects) && skip(":") && number(live.bytes) && skip("[") && number(total.objects) &&
           skip(":") && number(total.bytes) && skip("]");
  }
  bool stack(std::vector<Address>& frames) {
    for (std::uint64_t pc = 0; !at_end(); frames.emplace_back(pc))
      if (!number(pc, 16) || frames.size() == DEEPEST) return false;
    return true;
  }
  bool at_end() {
    skip_spaces();
    return rest_.empty();
  }
  std::string_view rest() {
    skip_spaces();
    return rest_;
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t' || rest_.front() == '\r'))
      rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  Result<HeapDumpFile> read() {
    std::string_view line;
    if (!next(line)) return failure("the file is empty");
    Scanner header(line);
    if (header.skip("heap profile:")) {
      if (!read_gperftools_header(header)) return wrong(line);
    } else if (header.skip("heap_v2/") && header.number(file_.table.period)) {
      file_.table.dump = HeapDump::JEMALLOC;
    } else {
      return failure("this is no heap dump of gperftools or jemalloc",
                     "their first lines are \"heap profile: ... @ heap_v2/524288\" and \"heap_v2/524288\"");
    }
    file_.table.name = file_.table.name.empty() ? "heap" : file_.table.name;
    while (next(line)) {
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      if (line.starts_with("MAPPED_LIBRARIES:")) {
        while (next(line)) read_mapping(line);
        break;
      }
      const bool done =
          file_.table.dump == HeapDump::JEMALLOC ? read_jemalloc_line(line) : read_gperftools_line(line);
      if (!done) return wrong(line);
    }
    finish();
    return std::move(file_);
  }

 private:
  bool next(std::string_view& line) {
    if (at_ >= text_.size()) return false;
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    line = std::string_view(text_).substr(at_, end - at_);
    at_ = end + 1;
    ++number_;
    return true;
  }

  std::unexpected<Error> wrong(std::string_view line) const {
    return failure(fmt::format("line {}: not understood: {}", number_, line.substr(0, 80)));
  }

  bool read_gperftools_header(Scanner& header) {
    HeapTable& table = file_.table;
    table.dump = HeapDump::GPERFTOOLS;
    if (!header.counts(table.live, table.total) || !header.skip("@")) return false;
    const std::string_view kind = header.rest();
    if (kind.starts_with("growth")) {
      table.name = "growth";
    } else if (kind.starts_with("heapprofile")) {
      table.dump = HeapDump::GPERFTOOLS_EXACT;
    } else if (!header.skip("heap_v2/") || !header.number(table.period)) {
      return false;
    }
    return true;
  }

  bool read_gperftools_line(std::string_view line) {
    Scanner scanner(line);
    HeapSample sample;
    if (!scanner.counts(sample.live, sample.total) || !scanner.skip("@") || !scanner.stack(sample.stack))
      return false;
    file_.table.samples.push_back(std::move(sample));
    return true;
  }

  // "@ 0x1 0x2", then "t*: counts" of that stack, then a line for each thread.
  bool read_jemalloc_line(std::string_view line) {
    Scanner scanner(line);
    if (scanner.skip("@")) {
      return scanner.stack(file_.table.samples.emplace_back().stack);
    }
    HeapCounts live, total;
    if (scanner.skip("t*:")) {
      if (!scanner.counts(live, total)) return false;
      if (file_.table.samples.empty()) {
        file_.table.live = live;
        file_.table.total = total;
      } else {
        file_.table.samples.back().live = live;
        file_.table.samples.back().total = total;
      }
      return true;
    }
    std::uint64_t uid = 0;
    if (!scanner.skip("t") || !scanner.number(uid) || !scanner.skip(":") || !scanner.counts(live, total))
      return false;
    if (file_.table.samples.empty())
      file_.table.threads.push_back({uid, std::string(scanner.rest()), live, total});
    else
      file_.table.samples.back().threads.push_back({uid, live, total});
    return true;
  }

  // As in /proc/PID/maps; what is no file is passed over.
  void read_mapping(std::string_view line) {
    Scanner scanner(line);
    std::uint64_t start = 0, end = 0;
    HeapDumpFile::Mapping mapping;
    if (!scanner.number(start, 16) || !scanner.skip("-") || !scanner.number(end, 16) || start >= end) return;
    const std::string_view rest = scanner.rest();
    const std::size_t path = rest.find('/');
    if (rest.size() < 5 || path == std::string_view::npos) return;
    mapping.is_executable = rest[2] == 'x';
    Scanner offset(rest.substr(4));
    if (!offset.number(mapping.file_offset, 16)) return;
    mapping.start = Address(start);
    mapping.end = Address(end);
    mapping.path = std::string(rest.substr(path));
    file_.mappings.push_back(std::move(mapping));
  }

  void finish() {
    HeapTable& table = file_.table;
    for (HeapSample& sample : table.samples) {
      table.counts_totals = table.counts_totals || (sample.total.objects != 0 && sample.total != sample.live);
      sample.estimated_live = unsampled(sample.live, table.period);
      sample.estimated_total = unsampled(sample.total, table.period);
    }
    if (!table.counts_totals)
      for (HeapSample& sample : table.samples) sample.estimated_total = sample.estimated_live;
  }

  const std::string& text_;
  std::size_t at_ = 0;
  std::size_t number_ = 0;
  HeapDumpFile file_;
};

}  // namespace

Result<HeapDumpFile> read_dump_file(const std::string& text) { return Reader(text).read(); }

}  // namespace standstill

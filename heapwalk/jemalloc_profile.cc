// The profiler of jemalloc keeps a table of backtraces; each has a tree of what single threads allocated
// there.
//
//     // include/jemalloc/internal/ckh.h, ckh_t: count +8, lg_curbuckets +20, hash +24, keycomp +32, tab +40;
//     //   tab: 4 << lg_curbuckets cells {key, data}
//     // include/jemalloc/internal/prof_structs.h                                 5.2     5.3
//     //   prof_gctx: tctxs (root) +16, bt {vec, len}                             +72     +104
//     //   prof_tctx: tdata +0, thr_uid +8, thr_discrim +16, cnts                 +24     +32
//     //     gctx, tctx_uid, tctx_link {left, right|red}, prepared, state         +56..   +96..
//     //   prof_cnt: 5.2 {curobjs, curbytes, accumobjs, accumbytes}; 5.3 has behind each its unbiased twin
//     //   prof_tdata: thr_uid +8, thr_discrim +16, thread_name +24, expired +33, tdata_link +40  (up
//     to 5.3.0)
//     //     5.3.1: tdata_link +24, thread_name[16] +96, expired +118
#include "heapwalk/environment.h"
#include "heapwalk/jemalloc_heap.h"
#include "heapwalk/jemalloc_period.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

namespace standstill::jemalloc {

namespace {

constexpr std::uint64_t MOST_BACKTRACES = 1 << 24;
constexpr std::size_t MOST_NODES = 1 << 24;
constexpr unsigned DEEPEST = 4096;  // prof_bt_max is 128 unless configured

struct Layout {
  std::uint64_t backtrace;  // in prof_gctx
  std::uint64_t counts;     // in prof_tctx
  std::uint64_t gctx;
  std::uint64_t link;
  std::uint64_t state;
  bool has_unbiased;
};
constexpr std::array<Layout, 2> LAYOUTS = {{{104, 32, 96, 112, 132, true}, {72, 24, 56, 72, 92, false}}};

struct ThreadLayout {
  std::uint64_t link;
  std::uint64_t expired;
  std::uint64_t name;
  bool name_is_inside;
};
constexpr std::array<ThreadLayout, 2> THREAD_LAYOUTS = {{{40, 33, 24, false}, {24, 118, 96, true}}};

constexpr unsigned INITIALIZING = 0;

struct Counts {
  std::uint64_t objects = 0, bytes = 0;           // as sampled
  std::uint64_t eighths = 0, unbiased_bytes = 0;  // 5.3: scaled up when sampled; objects times 8

  Counts& operator+=(const Counts& other) {
    objects += other.objects;
    bytes += other.bytes;
    eighths += other.eighths;
    unbiased_bytes += other.unbiased_bytes;
    return *this;
  }
};
struct Both {
  Counts live, total;
  Both& operator+=(const Both& other) {
    live += other.live;
    total += other.total;
    return *this;
  }
};

struct Share {  // prof_tctx
  Address thread;
  std::uint64_t uid = 0, discrim = 0, order = 0;
  Both counts;
};

struct Backtrace {  // prof_gctx
  std::vector<Address> stack;
  std::vector<Share> shares;
};

struct ThreadData {  // prof_tdata
  std::uint64_t uid = 0, discrim = 0;
  std::string name;
  bool is_expired = false;
};

class Reader {
 public:
  Reader(const Snapshot& snapshot, const std::vector<DataWords>& data, const std::vector<DataRange>& code,
         std::vector<Note>& notes)
      : snapshot_(snapshot), memory_(snapshot.memory), data_(data), code_(code), notes_(notes) {}

  std::optional<HeapTable> read() {
    if (!find_backtraces()) return std::nullopt;
    find_threads();
    find_period();
    return to_table();
  }

 private:
  void warn(Address where, std::string text) {
    notes_.push_back({Severity::WARNING, std::move(text), where ? to_string(where) : std::string()});
  }

  bool is_code(std::uint64_t word) const {
    return std::ranges::any_of(code_, [&](const DataRange& range) {
      return range.start.value() <= word && word < range.end.value();
    });
  }

  std::uint64_t word(Address address) const { return memory_.read<std::uint64_t>(address).value_or(0); }

  // bt2gctx: the only hash table whose every key lies inside what it leads to.
  bool find_backtraces() {
    for (const DataWords& segment : data_)
      for (std::size_t i = 0; i + 5 < segment.words.size(); ++i) {
        const std::uint64_t count = segment.words[i + 1], buckets = segment.words[i + 2] >> 32,
                            table = segment.words[i + 5];
        if (count == 0 || count > MOST_BACKTRACES || buckets > 22 || !is_code(segment.words[i + 3]) ||
            !is_code(segment.words[i + 4]) || table % 8 != 0)
          continue;
        if (read_cells(Address(table), std::uint64_t{4} << buckets, count)) return true;
      }
    return false;
  }

  bool read_cells(Address table, std::uint64_t cells, std::uint64_t count) {
    std::vector<std::uint8_t> scratch;
    const Bytes bytes = memory_.bytes_in(table, 16 * cells, scratch);
    if (bytes.size() < 16 * cells) return false;
    std::vector<std::pair<std::uint64_t, Address>> used;
    for (std::uint64_t i = 0; i < cells; ++i) {
      std::array<std::uint64_t, 2> cell;
      std::memcpy(cell.data(), bytes.data() + 16 * i, 16);
      if (cell[0] != 0) used.emplace_back(cell[0], Address(cell[1]));
    }
    if (used.size() != count) return false;
    for (const Layout& layout : LAYOUTS) {
      const bool fits = std::ranges::all_of(
          used, [&](const auto& cell) { return cell.first == (cell.second + layout.backtrace).value(); });
      if (!fits) continue;
      layout_ = &layout;
      for (const auto& [key, gctx] : used) read_backtrace(gctx);
      return true;
    }
    return false;
  }

  void read_backtrace(Address gctx) {
    const Address frames(word(gctx + layout_->backtrace));
    const auto length = memory_.read<std::uint32_t>(gctx + layout_->backtrace + 8);
    if (!length || *length > DEEPEST) {
      warn(gctx, fmt::format("the backtrace at {} has an impossible length", to_string(gctx)));
      return;
    }
    Backtrace& found = backtraces_.emplace_back();
    for (std::uint32_t i = 0; i < *length; ++i) found.stack.emplace_back(word(frames + 8 * i));
    for (const Address tctx : nodes(Address(word(gctx + 16)), layout_->link, "counts of threads")) {
      if (word(tctx + layout_->gctx) != gctx.value()) {
        warn(tctx, fmt::format("the counts at {} belong to another backtrace", to_string(tctx)));
        continue;
      }
      if (memory_.read<std::uint32_t>(tctx + layout_->state).value_or(INITIALIZING) == INITIALIZING) continue;
      found.shares.push_back({Address(word(tctx)), word(tctx + 8), word(tctx + 16),
                              word(tctx + layout_->gctx + 8), read_counts(tctx + layout_->counts)});
    }
  }

  Both read_counts(Address at) const {
    std::array<std::uint64_t, 8> words{};
    for (std::size_t i = 0; i < (layout_->has_unbiased ? 8u : 4u); ++i) words[i] = word(at + 8 * i);
    if (!layout_->has_unbiased) return {{words[0], words[1], 0, 0}, {words[2], words[3], 0, 0}};
    return {{words[0], words[2], words[1], words[3]}, {words[4], words[6], words[5], words[7]}};
  }

  // All nodes of a red-black tree in order. A node's colour is the lowest bit of its right link.
  std::vector<Address> nodes(Address root, std::uint64_t link, const char* what) {
    std::vector<Address> found, above;
    std::unordered_set<Address> seen;
    Address at = root;
    while (at || !above.empty()) {
      while (at) {
        if (!seen.insert(at).second || seen.size() > MOST_NODES || !memory_.read_address(at + link)) {
          if (what != nullptr)
            warn(at, fmt::format("the tree of {} leads to {}, which is no node of it", what, to_string(at)));
          return found;
        }
        above.push_back(at);
        at = Address(word(at + link));
      }
      at = above.back();
      above.pop_back();
      found.push_back(at);
      at = Address(word(at + link + 8) & ~std::uint64_t{1});
    }
    return found;
  }

  // The tree of all threads' data, whose root is a variable: the tree that has everybody who was seen.
  void find_threads() {
    std::set<Address> known;
    for (const Backtrace& backtrace : backtraces_)
      for (const Share& share : backtrace.shares) known.insert(share.thread);
    if (known.empty()) return;
    for (const DataWords& segment : data_)
      for (const std::uint64_t root : segment.words) {
        // The root is one of those who were seen, or its links lead to others of its kind.
        if (root < 4096 || root % 16 != 0 || root >> 47 != 0) continue;
        for (const ThreadLayout& layout : THREAD_LAYOUTS) {
          if (!known.contains(Address(root)) && !leads_to(Address(root), layout.link, known)) continue;
          const std::vector<Address> all = nodes(Address(root), layout.link, nullptr);
          const std::set<Address> as_set(all.begin(), all.end());
          if (!std::ranges::includes(as_set, known)) continue;
          for (const Address thread : all) read_thread(thread, layout);
          return;
        }
      }
    warn({}, "jemalloc's tree of threads was not found: threads without samples are missing, and names");
    for (const Address thread : known) threads_[thread] = {word(thread + 8), word(thread + 16), {}, false};
  }

  bool leads_to(Address node, std::uint64_t link, const std::set<Address>& known) const {
    for (const std::uint64_t side : {0, 8})
      if (const auto next = memory_.read<std::uint64_t>(node + link + side);
          next && known.contains(Address(*next & ~std::uint64_t{1})))
        return true;
    return false;
  }

  void read_thread(Address thread, const ThreadLayout& layout) {
    ThreadData& data = threads_[thread];
    data.uid = word(thread + 8);
    data.discrim = word(thread + 16);
    data.is_expired = memory_.read<std::uint8_t>(thread + layout.expired).value_or(0) == 1;
    if (layout.name_is_inside)
      data.name = memory_.read_c_string(thread + layout.name, 16).value_or("");
    else if (const Address name(word(thread + layout.name)); name)
      data.name = memory_.read_c_string(name, 256).value_or("");
  }

  // 5.3 keeps a table of what one sample of each size class stands for: round(size / (1 - exp(-size / R))).
  void find_period() {
    if (!layout_->has_unbiased) return find_configured_period();
    using SizeTable = std::array<std::uint64_t, 30>;  // its beginning
    constexpr unsigned POWERS = 40;
    std::array<SizeTable, POWERS> expected;
    for (unsigned power = 0; power < POWERS; ++power)
      for (unsigned i = 0; i < expected[power].size(); ++i) {
        const auto size = static_cast<double>(size_of_class(i));
        const double period = std::ldexp(1.0, static_cast<int>(power));
        expected[power][i] = static_cast<std::uint64_t>(std::round(size / (1 - std::exp(-size / period))));
      }
    // The longest that is found: of the shortest periods the table is that of the sizes, which stands
    // elsewhere, too.
    std::optional<unsigned> longest;
    for (const DataWords& segment : data_)
      for (std::size_t i = 0; i + expected[0].size() <= segment.words.size(); ++i) {
        const std::uint64_t first = segment.words[i];
        if (first == 0 || first > expected[POWERS - 1][0]) continue;
        for (unsigned power = longest.value_or(0); power < POWERS; ++power)
          if (expected[power][0] == first &&
              std::ranges::equal(expected[power],
                                 std::span(segment.words).subspan(i, expected[power].size())))
            longest = power;
      }
    if (!longest) return warn({}, "how often jemalloc sampled is not known: counts are not scaled up");
    period_ = static_cast<std::int64_t>(1) << *longest;
  }

  // 5.2 has no such table, but a variable; where that is not found, what set it at the start.
  void find_configured_period() {
    constexpr unsigned BY_DEFAULT = 19;  // LG_PROF_SAMPLE_DEFAULT
    constexpr std::string_view OPTION = "lg_prof_sample:";
    if (const auto period = find_period_variable(snapshot_, data_, code_)) {
      period_ = *period;
      return;
    }
    // Builds with a prefix have it in the name, too.
    std::string settings;
    for (const char* name : {"MALLOC_CONF", "JE_MALLOC_CONF", "_RJEM_MALLOC_CONF"})
      if (settings.empty()) settings = find_in_environment(snapshot_, name).value_or("");
    // The last one counts.
    const std::size_t found = settings.rfind(OPTION);
    unsigned power = BY_DEFAULT;
    if (found != std::string::npos)
      power = static_cast<unsigned>(std::strtoul(settings.c_str() + found + OPTION.size(), nullptr, 10));
    if (power >= 63) return warn({}, "how often jemalloc sampled is not known: counts are not scaled up");
    period_ = std::int64_t{1} << power;
    notes_.push_back(
        {Severity::INFO,
         fmt::format("jemalloc sampled each {} bytes, as {}; what the program may have set itself "
                     "is not known",
                     period_, found == std::string::npos ? "it does by default" : "its environment says"),
         {}});
  }

  // As prof_do_unbias(): the counts for which the reader's scaling gives the unbiased ones.
  HeapCounts dumped(const Counts& counts) const {
    if (!layout_->has_unbiased || period_ == 0)
      return {static_cast<std::int64_t>(counts.objects), static_cast<std::int64_t>(counts.bytes)};
    if (counts.eighths == 0 || counts.unbiased_bytes == 0) return {};
    const double objects = static_cast<double>(counts.eighths) / 8.0;
    const auto bytes = static_cast<double>(counts.unbiased_bytes);
    const double mean = bytes / objects;
    const double sampled = bytes * (1.0 - std::exp(-mean / static_cast<double>(period_)));
    const auto rounded = [](double value) {
      return value < 9e18 ? static_cast<std::int64_t>(std::round(value)) : std::int64_t{0};
    };
    return {rounded(sampled / mean), rounded(sampled)};
  }

  HeapTable to_table() {
    const bool accumulates = std::ranges::any_of(backtraces_, [](const Backtrace& backtrace) {
      return std::ranges::any_of(backtrace.shares,
                                 [](const Share& share) { return share.counts.total.objects != 0; });
    });
    sort_backtraces();
    HeapTable table;
    table.name = "heap";
    table.dump = HeapDump::JEMALLOC;
    table.period = period_;
    table.counts_totals = accumulates;
    std::map<Address, Both> by_thread;
    Both all;
    for (Backtrace& backtrace : backtraces_) {
      HeapSample sample;
      Both sum;
      for (const Share& share : backtrace.shares) {
        const auto thread = threads_.find(share.thread);
        if (thread == threads_.end() || thread->second.is_expired) continue;
        sum += share.counts;
        by_thread[share.thread] += share.counts;
        sample.threads.push_back({share.uid, dumped(share.counts.live), dumped(share.counts.total)});
      }
      all += sum;
      if ((accumulates ? sum.total.objects : sum.live.objects) == 0) continue;
      sample.stack = std::move(backtrace.stack);
      sample.live = dumped(sum.live);
      sample.total = dumped(sum.total);
      sample.estimated_live = unsampled(sample.live, period_);
      sample.estimated_total = accumulates ? unsampled(sample.total, period_) : sample.estimated_live;
      table.samples.push_back(std::move(sample));
    }
    table.live = dumped(all.live);
    table.total = dumped(all.total);
    std::vector<std::pair<Address, const ThreadData*>> order;
    for (const auto& [address, thread] : threads_)
      if (!thread.is_expired) order.emplace_back(address, &thread);
    std::ranges::sort(order, {},
                      [](const auto& one) { return std::pair(one.second->uid, one.second->discrim); });
    for (const auto& [address, thread] : order)
      table.threads.push_back(
          {thread->uid, thread->name, dumped(by_thread[address].live), dumped(by_thread[address].total)});
    return table;
  }

  // prof_gctx_comp(): by the bytes of the addresses, then by length; prof_tctx_comp().
  void sort_backtraces() {
    std::ranges::sort(backtraces_, [](const Backtrace& a, const Backtrace& b) {
      const std::size_t common = std::min(a.stack.size(), b.stack.size());
      const int order = common == 0 ? 0 : std::memcmp(a.stack.data(), b.stack.data(), 8 * common);
      return order != 0 ? order < 0 : a.stack.size() < b.stack.size();
    });
    for (Backtrace& backtrace : backtraces_)
      std::ranges::sort(backtrace.shares, {},
                        [](const Share& share) { return std::tuple(share.uid, share.discrim, share.order); });
  }

  const Snapshot& snapshot_;
  const MemoryView& memory_;
  const std::vector<DataWords>& data_;
  const std::vector<DataRange>& code_;
  std::vector<Note>& notes_;
  const Layout* layout_ = nullptr;
  std::vector<Backtrace> backtraces_;
  std::map<Address, ThreadData> threads_;
  std::int64_t period_ = 0;
};

}  // namespace

std::uint64_t size_of_class(unsigned index) {
  if (index == 0) return 8;
  if (index <= 8) return 16 * index;  // 16, 32, ..., 128
  if (index >= CLASS_COUNT) return 0;
  const unsigned group = (index - 9) / 4, step = (index - 9) % 4 + 1;
  const std::uint64_t base = std::uint64_t{128} << group;
  return base + base / 4 * step;
}

std::optional<HeapTable> read_profile(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                      const std::vector<DataRange>& code, std::vector<Note>& notes) {
  return Reader(snapshot, data, code, notes).read();
}

}  // namespace standstill::jemalloc

#include "symbolize/enclosing_object.h"

#include "symbolize/dwarf_types.h"
#include "symbolize/frame_variables.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace standstill {

namespace {

namespace dwarf = llvm::dwarf;
using llvm::DWARFDie;

constexpr int DEEPEST_MEMBER = 24;       // of members, base classes and arrays
constexpr unsigned MOST_MEMBERS = 8192;  // looked at in one go

std::string_view name_of(const DWARFDie& die) {
  const char* name = die.getShortName();
  return name == nullptr ? std::string_view() : name;
}

// Locks, and what holds things for others: std::array, Arc, absl::Mutex, pthread_mutex_t.
bool is_library_type(const DWARFDie& type) {
  constexpr std::string_view LIBRARIES[] = {"std",  "core",     "alloc",       "__gnu_cxx",
                                            "absl", "lock_api", "parking_lot", "parking_lot_core"};
  constexpr std::string_view PREFIXES[] = {"pthread_", "__", "_IO_", "sem_t"};
  const std::string_view name = name_of(type);
  if (std::ranges::any_of(PREFIXES, [&](std::string_view prefix) { return name.starts_with(prefix); }))
    return true;
  std::string_view outermost;
  for (DWARFDie parent = type.getParent(); parent; parent = parent.getParent())
    if (parent.getTag() == dwarf::DW_TAG_namespace) outermost = name_of(parent);
  return std::ranges::find(LIBRARIES, outermost) != std::end(LIBRARIES);
}

// With the namespaces and types around it: "shop::Ledger".
std::string qualified_name(const DWARFDie& type) {
  std::string name(name_of(type));
  for (DWARFDie parent = type.getParent(); parent; parent = parent.getParent()) {
    if (parent.getTag() != dwarf::DW_TAG_namespace && !is_structure(parent)) break;
    const std::string_view outer = name_of(parent);
    if (!outer.empty())
      name = fmt::format("{}::{}", outer, name);
    else if (!is_structure(parent))
      name = "(anonymous namespace)::" + name;
  }
  return name;
}

// Mutexes and their like, of which the C library, libstdc++, libc++, Rust and abseil make up the inside.
bool is_lock_type(const DWARFDie& type) {
  constexpr std::string_view LOCKS[] = {"pthread_",
                                        "sem_t",
                                        "mutex",
                                        "recursive_mutex",
                                        "timed_mutex",
                                        "recursive_timed_mutex",
                                        "shared_",
                                        "latch",
                                        "atomic",
                                        "barrier",
                                        "condition_variable",
                                        "counting_semaphore",
                                        "once",
                                        "Mutex",
                                        "RwLock",
                                        "Condvar",
                                        "Once",
                                        "Reentrant",
                                        "Atomic",
                                        "Raw",
                                        "__mutex"};
  const std::string_view name = name_of(type);
  return std::ranges::any_of(LOCKS, [&](std::string_view lock) { return name.starts_with(lock); });
}

// struct SpinLock { std::atomic<int> taken; }: another name for what is in it.
bool is_wrapper(const DWARFDie& structure) {
  unsigned parts = 0;
  for (const DWARFDie child : structure.children()) {
    const bool is_part =
        child.getTag() == dwarf::DW_TAG_member || child.getTag() == dwarf::DW_TAG_inheritance;
    if (is_part && !child.find(dwarf::DW_AT_external) && ++parts > 1) return false;
  }
  return true;
}

// From a structure inwards to what lies at one address. All ways in are tried, as an empty base class and the
// first member share their address, and members of a union do.
class Descent {
 public:
  Descent(Address wanted, std::vector<EnclosingObject>& found) : wanted_(wanted), found_(found) {}

  void enter(const PlainType& structure, Address start) {
    if (wanted_ < start || wanted_ - start >= size_of_type(structure.type)) return;
    go(structure, start, {}, 0);
  }

 private:
  struct Way {
    DWARFDie owner;  // what names the innermost structure of the program's own
    Address start;   // of `owner`
    bool owner_is_wrapper = false;
    std::string member;  // from `owner`
    bool in_library = false;
    bool in_lock = false;
  };

  void go(const PlainType& plain, Address start, Way way, int depth) {
    if (depth > DEEPEST_MEMBER) return;
    const DWARFDie& type = plain.type;
    if (is_structure(type)) {
      pass(plain, start, way);
      for (const DWARFDie child : type.children()) go_into(child, start, way, depth);
    } else if (type.getTag() == dwarf::DW_TAG_array_type) {
      go_into_array(type, start, std::move(way), depth);
    } else if (type.getTag() == dwarf::DW_TAG_base_type) {
      // An integer may be a lock of the program's own; one in a std::pair or std::string is none.
      if (way.in_lock || (!way.in_library && size_of_type(type) >= 4)) accept(way, start);
    } else if (way.in_lock) {
      accept(way, start);  // the queue in a word, as Rust has it
    }
  }

  static void pass(const PlainType& plain, Address start, Way& way) {
    const auto& [type, named] = plain;
    const std::string_view name = name_of(named);
    if (is_library_type(named)) {
      way.in_library = true;
      way.in_lock = way.in_lock || is_lock_type(named);
    } else if (name.empty() || name.front() == '<') {
      return;  // part of what it stands in; a lambda
    } else if (way.owner && !way.owner_is_wrapper && is_wrapper(type)) {
      way.in_library = way.in_lock = true;
    } else {
      way = {named, start, is_wrapper(type), {}, false, false};
    }
  }

  void go_into(const DWARFDie& child, Address start, Way way, int depth) {
    const bool is_base = child.getTag() == dwarf::DW_TAG_inheritance;
    if ((!is_base && child.getTag() != dwarf::DW_TAG_member) || ++members_ > MOST_MEMBERS) return;
    if (child.find(dwarf::DW_AT_external) || child.find(dwarf::DW_AT_bit_size)) return;
    std::uint64_t offset = 0;
    if (const auto location = child.find(dwarf::DW_AT_data_member_location)) {
      const auto constant = dwarf::toUnsigned(location);
      if (!constant) return;  // a virtual base: where it lies is in the object's table
      offset = *constant;
    }
    const PlainType plain = find_type_of(child);
    const Address place = start + offset;
    if (!plain.type || wanted_ < place || wanted_ - place >= size_of_type(plain.type)) return;
    if (!is_base && !way.in_library && !name_of(child).empty()) {
      if (!way.member.empty()) way.member += '.';
      way.member += name_of(child);
    }
    go(plain, place, std::move(way), depth + 1);
  }

  void go_into_array(const DWARFDie& array, Address start, Way way, int depth) {
    const PlainType element = find_type_of(array);
    const std::uint64_t size = element.type ? size_of_type(element.type) : 0;
    if (size < 4) return;  // bytes: whatever has been built in there is unknown
    const std::uint64_t index = (wanted_ - start) / size;
    if (!way.in_library) way.member += fmt::format("[{}]", index);
    go(element, start + index * size, std::move(way), depth + 1);
  }

  void accept(const Way& way, Address start) {
    if (!way.owner || wanted_ != start) return;
    EnclosingObject object{way.start, qualified_name(way.owner), way.member, way.owner_is_wrapper};
    if (std::ranges::find(found_, object) == found_.end()) found_.push_back(std::move(object));
  }

  const Address wanted_;
  std::vector<EnclosingObject>& found_;
  unsigned members_ = 0;
};

}  // namespace

struct EnclosingObjects::State {
  std::shared_ptr<const ElfImage> image;
  std::uint64_t bias = 0;
  std::optional<OpenedDwarf> dwarf;
  std::unordered_map<std::uint64_t, FrameScope> scopes;  // by vaddr
};

EnclosingObjects::EnclosingObjects(std::shared_ptr<const ElfImage> image, std::uint64_t bias)
    : state_(std::make_unique<State>()) {
  state_->image = std::move(image);
  state_->bias = bias;
  if (state_->image) state_->dwarf = open_dwarf(*state_->image);
}

EnclosingObjects::~EnclosingObjects() = default;

void EnclosingObjects::find(const FrameValues& frame, const MemoryView& memory, Address wanted,
                            std::vector<EnclosingObject>& found) {
  if (!state_->dwarf) return;
  const auto [entry, is_new] = state_->scopes.try_emplace(frame.vaddr);
  if (is_new) entry->second = find_scope_at(*state_->dwarf->context, frame.vaddr, frame.line);
  for (const FrameVariable& variable : entry->second.variables)
    if (const auto start = find_structure(variable, entry->second, frame, state_->bias, memory))
      Descent(wanted, found).enter(variable.structure, *start);
}

}  // namespace standstill

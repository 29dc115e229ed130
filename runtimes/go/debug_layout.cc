#include "runtimes/go/debug_layout.h"

#include <initializer_list>

namespace standstill {

namespace {

constexpr std::string_view STRUCTS[] = {"runtime.g",         "runtime.gobuf",     "runtime.stack",
                                        "runtime.m",         "runtime.sudog",     "runtime.hchan",
                                        "runtime.waitq",     "runtime.pollDesc",  "runtime.mspan",
                                        "runtime.heapArena", "runtime.moduledata"};
constexpr std::uint64_t LARGEST = std::uint64_t{1}
                                  << 24;  // of these structures; heapArena has 1 MiB and more
constexpr std::uint64_t LARGEST_G = 1024;

// Reads members and remembers whether all were there.
class Reader {
 public:
  explicit Reader(const GoStructs& structs) : structs_(structs) {}
  bool ok() const { return is_ok_; }
  void refuse() { is_ok_ = false; }

  // Of several names, which versions call it by, the first that is there.
  std::optional<unsigned> find(std::string_view structure,
                               std::initializer_list<std::string_view> names) const {
    const auto found = structs_.find(structure);
    if (found == structs_.end()) return std::nullopt;
    for (const std::string_view name : names) {
      const auto member = found->second.members.find(name);
      if (member != found->second.members.end() && member->second < LARGEST)
        return static_cast<unsigned>(member->second);
    }
    return std::nullopt;
  }
  unsigned at(std::string_view structure, std::string_view member) {
    const auto offset = find(structure, {member});
    if (!offset) refuse();
    return offset.value_or(0);
  }
  unsigned size(std::string_view structure) {
    const auto found = structs_.find(structure);
    if (found == structs_.end() || found->second.size == 0 || found->second.size > LARGEST) refuse();
    return is_ok_ ? static_cast<unsigned>(found->second.size) : 0;
  }
  // What code takes for granted.
  void expect(std::string_view structure, std::string_view member, unsigned offset) {
    if (at(structure, member) != offset) refuse();
  }

 private:
  const GoStructs& structs_;
  bool is_ok_ = true;
};

GoroutineLayout goroutine_layout(Reader& read) {
  const unsigned stack = read.at("runtime.g", "stack"), sched = read.at("runtime.g", "sched");
  read.expect("runtime.stack", "lo", GoroutineLayout::STACK_LO - stack);
  read.expect("runtime.stack", "hi", GoroutineLayout::STACK_HI - stack);
  read.expect("runtime.g", "m", GoroutineLayout::M);
  read.expect("runtime.gobuf", "sp", GoroutineLayout::SCHED_SP - sched);
  read.expect("runtime.gobuf", "pc", GoroutineLayout::SCHED_PC - sched);
  read.expect("runtime.gobuf", "g", GoroutineLayout::SCHED_G - sched);
  GoroutineLayout g;
  g.syscallsp = read.at("runtime.g", "syscallsp");
  g.syscallpc = read.at("runtime.g", "syscallpc");
  g.atomicstatus = read.at("runtime.g", "atomicstatus");
  g.goid = read.at("runtime.g", "goid");
  g.waitsince = read.at("runtime.g", "waitsince");
  g.waitreason = read.at("runtime.g", "waitreason");
  g.lockedm = read.at("runtime.g", "lockedm");
  g.parent_goid = read.find("runtime.g", {"parentGoid"}).value_or(0);
  g.gopc = read.at("runtime.g", "gopc");
  g.ancestors = read.at("runtime.g", "ancestors");
  g.startpc = read.at("runtime.g", "startpc");
  g.waiting = read.at("runtime.g", "waiting");
  g.cgo_context = read.at("runtime.g", "cgoCtxt");
  g.labels = read.at("runtime.g", "labels");
  g.bubble = read.find("runtime.g", {"bubble", "syncGroup"}).value_or(0);
  g.size = read.size("runtime.g");
  if (g.size > LARGEST_G) read.refuse();
  return g;
}

MachineLayout machine_layout(Reader& read) {
  read.expect("runtime.m", "g0", MachineLayout::G0);
  MachineLayout m;
  m.procid = read.at("runtime.m", "procid");
  m.gsignal = read.at("runtime.m", "gsignal");
  m.curg = read.at("runtime.m", "curg");
  m.p = read.at("runtime.m", "p");
  m.id = read.at("runtime.m", "id");
  m.locks = read.at("runtime.m", "locks");
  m.incgo = read.at("runtime.m", "incgo");
  m.ncgo = read.at("runtime.m", "ncgo");
  m.alllink = read.at("runtime.m", "alllink");
  m.lockedg = read.at("runtime.m", "lockedg");
  m.createstack = read.at("runtime.m", "createstack");
  return m;
}

SudogLayout sudog_layout(Reader& read) {
  read.expect("runtime.sudog", "g", SudogLayout::G);
  read.expect("runtime.sudog", "next", SudogLayout::NEXT);
  read.expect("runtime.sudog", "prev", SudogLayout::PREV);
  read.expect("runtime.sudog", "elem", SudogLayout::ELEM);
  SudogLayout sudog;
  sudog.is_select = read.at("runtime.sudog", "isSelect");
  sudog.waitlink = read.at("runtime.sudog", "waitlink");
  sudog.channel = read.at("runtime.sudog", "c");
  return sudog;
}

ChannelLayout channel_layout(Reader& read) {
  read.expect("runtime.hchan", "qcount", ChannelLayout::COUNT);
  read.expect("runtime.hchan", "dataqsiz", ChannelLayout::CAPACITY);
  read.expect("runtime.hchan", "buf", ChannelLayout::BUFFER);
  read.expect("runtime.hchan", "elemsize", ChannelLayout::ELEMENT_SIZE);
  read.expect("runtime.hchan", "closed", ChannelLayout::CLOSED);
  read.expect("runtime.waitq", "first", 0);
  read.expect("runtime.waitq", "last", 8);
  ChannelLayout channel;
  channel.element_type = read.at("runtime.hchan", "elemtype");
  channel.receivers = read.at("runtime.hchan", "recvq");
  channel.senders = read.at("runtime.hchan", "sendq");
  channel.size = read.size("runtime.hchan");
  return channel;
}

PollLayout poll_layout(Reader& read) {
  read.expect("runtime.pollDesc", "fd", PollLayout::FD);
  return {.reader = read.at("runtime.pollDesc", "rg"), .writer = read.at("runtime.pollDesc", "wg")};
}

SpanLayout span_layout(Reader& read) {
  read.expect("runtime.mspan", "startAddr", SpanLayout::START);
  read.expect("runtime.mspan", "npages", SpanLayout::PAGES);
  read.expect("runtime.mspan", "freeindex", SpanLayout::FREE_INDEX);
  SpanLayout span;
  span.nelems = read.at("runtime.mspan", "nelems");
  span.alloc_bits = read.at("runtime.mspan", "allocBits");
  span.spanclass = read.at("runtime.mspan", "spanclass");
  span.state = read.at("runtime.mspan", "state");
  span.elemsize = read.at("runtime.mspan", "elemsize");
  span.specials = read.at("runtime.mspan", "specials");
  span.arena_spans = read.at("runtime.heapArena", "spans");
  return span;
}

ModuleLayout module_layout(Reader& read) {
  ModuleLayout module;
  module.gcdata = read.at("runtime.moduledata", "gcdata");
  module.gcbss = read.at("runtime.moduledata", "gcbss");
  module.types = read.at("runtime.moduledata", "types");
  module.etypes = read.at("runtime.moduledata", "etypes");
  module.rodata = read.at("runtime.moduledata", "rodata");
  module.gofunc = read.at("runtime.moduledata", "gofunc");
  module.next = read.at("runtime.moduledata", "next");
  return module;
}

}  // namespace

std::span<const std::string_view> structs_of_layout() { return STRUCTS; }

std::optional<GoLayout> layout_out_of(const GoStructs& structs, int minor) {
  Reader read(structs);
  const GoLayout layout{minor,
                        true,
                        goroutine_layout(read),
                        machine_layout(read),
                        sudog_layout(read),
                        channel_layout(read),
                        poll_layout(read),
                        span_layout(read),
                        module_layout(read)};
  return read.ok() ? std::optional(layout) : std::nullopt;
}

}  // namespace standstill

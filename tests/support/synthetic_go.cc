#include "tests/support/synthetic_go.h"

#include "runtimes/go/pclntab.h"
#include "tests/support/core_builder.h"

#include <cstring>
#include <memory>
#include <stdexcept>

namespace standstill::synth {

namespace {

void put_varint(ByteWriter& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.add(static_cast<std::uint8_t>(value | 0x80));
  out.add(static_cast<std::uint8_t>(value));
}

// One value for the whole function.
void put_constant(ByteWriter& out, std::uint32_t value, std::uint32_t length) {
  put_varint(out, (value + 1) << 1);  // from -1, zigzag
  put_varint(out, length);
  out.add(std::uint8_t{0});
}

}  // namespace

SyntheticGo::SyntheticGo(int minor)
    : minor_(minor), layout_(layout_of(minor)), data_(DATA_SIZE), heap_(HEAP_SIZE) {
  function("runtime.goexit", 0, GoFunction::TOP_FRAME | GoFunction::ASSEMBLY);
  function("runtime.gopark", 0x28);
  function("runtime.main", 0x48);
  for (const char* name : {"runtime.allgadd", "runtime.schedinit", "runtime.mcommoninit",
                           "runtime.goroutineheader", "runtime.semacquire1", "runtime.mstart"})
    function(name, 0x18, std::string_view(name) == "runtime.mstart" ? GoFunction::TOP_FRAME : 0);
  refer("runtime.allgadd", ALLGS);
  refer("runtime.mcommoninit", ALLM);
  refer("runtime.schedinit", VERSION);
  refer("runtime.semacquire1", SEMAPHORES);
  refer("runtime.goroutineheader", REASONS);
  refer("runtime.goroutineheader", STATUSES);
  const std::string version = "go1." + std::to_string(minor) + ".1";
  put(VERSION, put_text(version));
  put(VERSION + 8, version.size());
  put_texts(STATUSES,
            {"idle", "runnable", "running", "syscall", "waiting", "", "dead", "", "copystack", "preempted"});
  std::vector<std::string> reasons = {"", "GC assist marking", "IO wait"};
  while (reasons.size() < 14) reasons.push_back("reason " + std::to_string(reasons.size()));
  reasons.insert(reasons.end(),
                 {"chan receive", "chan send", "finalizer wait", "force gc (idle)", "semacquire", "sleep"});
  put_texts(REASONS, reasons);
}

std::uint64_t SyntheticGo::function(std::string_view name, std::uint32_t frame, std::uint8_t flags) {
  const std::uint64_t entry = CODE + code_.size();
  code_.resize(code_.size() + FUNCTION_SIZE, 0x90);
  functions_[std::string(name)] = {entry, frame, flags};
  order_.emplace_back(name);
  return entry;
}

// lea variable(%rip), %rax, behind those that are there.
void SyntheticGo::refer(std::string_view function, std::uint64_t variable) {
  std::size_t place = address_of(function) - CODE;
  while (code_[place] != 0x90) place += 7;
  const auto displacement = static_cast<std::int32_t>(variable - (CODE + place + 7));
  code_[place] = 0x48;
  code_[place + 1] = 0x8d;
  code_[place + 2] = 0x05;
  std::memcpy(&code_[place + 3], &displacement, 4);
}

void SyntheticGo::call(std::string_view caller, std::string_view callee, std::uint64_t distance) {
  const std::uint64_t place = address_of(caller) + distance;
  const auto displacement = static_cast<std::int32_t>(address_of(callee) - (place + 5));
  code_[place - CODE] = 0xe8;
  std::memcpy(&code_[place - CODE + 1], &displacement, 4);
}

std::uint64_t SyntheticGo::put_text(std::string_view text) {
  const std::uint64_t address = next_text_;
  std::memcpy(at(address), text.data(), text.size());
  next_text_ += text.size();
  return address;
}

void SyntheticGo::put_texts(std::uint64_t table, const std::vector<std::string>& texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    put(table + i * 16, texts[i].empty() ? 0 : put_text(texts[i]));
    put(table + i * 16 + 8, texts[i].size());
  }
  put(table + texts.size() * 16, 1);
  put(table + texts.size() * 16 + 8, 1u << 20);  // no string: the table ends
}

std::uint8_t* SyntheticGo::at(std::uint64_t address) {
  if (address >= DATA && address < DATA + data_.size()) return &data_[address - DATA];
  if (address >= HEAP && address < HEAP + heap_.size()) return &heap_[address - HEAP];
  throw std::out_of_range("no such memory in the synthetic process");
}

void SyntheticGo::put(std::uint64_t address, std::uint64_t value) { std::memcpy(at(address), &value, 8); }

std::uint64_t SyntheticGo::get(std::uint64_t address) const {
  std::uint64_t value = 0;
  std::memcpy(&value, const_cast<SyntheticGo*>(this)->at(address), 8);
  return value;
}

std::uint64_t SyntheticGo::allocate(std::uint64_t size) {
  const std::uint64_t address = next_heap_;
  next_heap_ += (size + 15) / 16 * 16;
  return address;
}

std::uint64_t SyntheticGo::add(const Goroutine& goroutine) {
  constexpr std::uint64_t STACK = 2048;
  const std::uint64_t g = allocate(512), low = allocate(STACK), high = low + STACK;
  std::vector<std::string> calls = goroutine.calls;
  calls.emplace_back("runtime.goexit");
  std::uint64_t size = 0;
  for (const std::string& call : calls) size += functions_.at(call).frame + 8;
  std::uint64_t sp = high - size;
  put(g + GoroutineLayout::STACK_LO, low);
  put(g + GoroutineLayout::STACK_HI, high);
  put(g + GoroutineLayout::SCHED_SP, sp);
  put(g + GoroutineLayout::SCHED_PC, functions_.at(calls.front()).entry + 0x20);
  put(g + GoroutineLayout::SCHED_G, g);
  for (std::size_t i = 0; i + 1 < calls.size(); ++i) {
    sp += functions_.at(calls[i]).frame;
    const bool is_last = i + 2 == calls.size();
    put(sp, functions_.at(calls[i + 1]).entry + (is_last ? 1 : 0x20));
    sp += 8;
  }
  const std::uint32_t status = goroutine.status;
  std::memcpy(at(g + layout_.g.atomicstatus), &status, 4);
  put(g + layout_.g.goid, goroutine.id);
  *at(g + layout_.g.waitreason) = goroutine.reason;
  put(g + layout_.g.waitsince, goroutine.waiting_since);
  if (!goroutine.start.empty()) put(g + layout_.g.startpc, address_of(goroutine.start));
  if (!goroutine.created_by.empty()) put(g + layout_.g.gopc, address_of(goroutine.created_by) + 0x30);
  goroutines_.push_back(g);
  return g;
}

std::uint64_t SyntheticGo::add_machine(int thread_id) {
  const std::uint64_t m = allocate(1024), g0 = allocate(512);
  put(m + MachineLayout::G0, g0);
  put(m + layout_.m.procid, static_cast<std::uint64_t>(thread_id));
  put(m + layout_.m.alllink, last_machine_);
  put(g0 + GoroutineLayout::M, m);
  last_machine_ = m;
  threads_.push_back(thread_id);
  return m;
}

void SyntheticGo::add_profiles() {
  constexpr std::uint64_t SPAN_SYSTEM = 8, PROFILE_SYSTEM = 24;
  for (const char* name : {"runtime.stkbucket", "runtime.mProf_Malloc", "runtime.mProf_Free",
                           "runtime.mProf_Flush", "runtime.profilealloc", "runtime.allocmcache",
                           minor_ >= 23 ? "runtime.memProfileInternal" : "runtime.MemProfile"})
    function(name, 0x18);
  for (std::uint64_t list = 0; list < 3; ++list) refer("runtime.stkbucket", BUCKETS + list * BUCKET_LISTS);
  refer("runtime.stkbucket", FIGURES + PROFILE_SYSTEM);
  for (const char* name : {"runtime.mProf_Malloc", "runtime.mProf_Free", "runtime.mProf_Flush"})
    refer(name, CYCLE);
  for (const char* name : {"runtime.profilealloc", "runtime.allocmcache"}) refer(name, RATE);
  put(RATE, 512 * 1024);
  put(FIGURES + SPAN_SYSTEM, 64 * 1024);
  put(FIGURES + PROFILE_SYSTEM, 1'440'000);
}

std::uint64_t SyntheticGo::add_bucket(const Bucket& bucket) {
  const std::uint64_t head = BUCKETS + (bucket.kind - 1) * BUCKET_LISTS;
  const std::uint64_t address = allocate((6 + bucket.stack.size() + bucket.record.size()) * 8);
  std::uint64_t at = address;
  for (const std::uint64_t word : {std::uint64_t{0}, get(head), bucket.kind, std::uint64_t{0},
                                   bucket.object_bytes, std::uint64_t{bucket.stack.size()}}) {
    put(at, word);
    at += 8;
  }
  for (const auto* words : {&bucket.stack, &bucket.record})
    for (const std::uint64_t word : *words) {
      put(at, word);
      at += 8;
    }
  put(head, address);
  return address;
}

void SyntheticGo::finish() {
  const bool is_new = minor_ >= 20;
  // Names, files, one compilation unit, values, functions.
  ByteWriter names, files, values, functions, ftab;
  values.add(std::uint8_t{0});  // offset 0 means none
  std::vector<std::uint32_t> units;
  const auto ftab_size = static_cast<std::uint32_t>((order_.size() + 1) * 8);
  for (const std::string& name : order_) {
    const Function& function = functions_.at(name);
    const auto offset = static_cast<std::uint32_t>(function.entry - CODE);
    ftab.add(offset).add(static_cast<std::uint32_t>(ftab_size + functions.size()));
    functions.add(offset).add(static_cast<std::uint32_t>(names.size()));
    names.add_text(name).add(std::uint8_t{0});
    functions.add(std::uint32_t{0}).add(std::uint32_t{0});
    for (const std::uint32_t value : {function.frame, static_cast<std::uint32_t>(units.size()), 7u}) {
      functions.add(static_cast<std::uint32_t>(values.size()));
      put_constant(values, value, FUNCTION_SIZE);
    }
    units.push_back(static_cast<std::uint32_t>(files.size()));
    files.add_text("/src/" + name + ".go").add(std::uint8_t{0});
    functions.add(std::uint32_t{0}).add(std::uint32_t{0});  // npcdata, cuOffset
    if (is_new) functions.add(std::uint32_t{1});            // startLine
    functions.add(std::uint8_t{0}).add(function.flags).add(std::uint8_t{0}).add(std::uint8_t{0});
  }
  ftab.add(static_cast<std::uint32_t>(code_.size())).add(std::uint32_t{0});

  ByteWriter out;
  out.add(is_new ? 0xfffffff1u : 0xfffffff0u).add(std::uint16_t{0}).add(std::uint8_t{1}).add(std::uint8_t{8});
  out.pad_to(72);
  std::uint64_t offsets[5];
  std::uint64_t sizes[5];
  const ByteVector unit_bytes = [&] {
    ByteWriter writer;
    for (const std::uint32_t unit : units) writer.add(unit);
    return writer.take();
  }();
  ByteVector function_bytes = ftab.take();
  const ByteVector records = functions.take();
  function_bytes.insert(function_bytes.end(), records.begin(), records.end());
  const ByteVector parts[5] = {names.take(), unit_bytes, files.take(), values.take(), function_bytes};
  for (std::size_t i = 0; i < 5; ++i) {
    out.align(8);
    offsets[i] = out.size();
    sizes[i] = parts[i].size();
    out.add_bytes(parts[i]);
  }
  tables_ = out.take();
  const std::uint64_t header[] = {order_.size(), 1,          CODE,       offsets[0],
                                  offsets[1],    offsets[2], offsets[3], offsets[4]};
  std::memcpy(&tables_[8], header, sizeof header);

  const std::uint64_t m = DATA + 0x100;
  put(m, TABLES);
  for (std::size_t i = 0; i < 5; ++i) {
    const std::uint64_t elements = i == 1 ? sizes[i] / 4 : sizes[i];
    put(m + 8 + i * 24, TABLES + offsets[i]);
    put(m + 16 + i * 24, elements);
    put(m + 24 + i * 24, elements);
  }
  put(m + 128, TABLES + offsets[4]);  // ftab stands at the start of pclntable
  put(m + 136, order_.size() + 1);
  put(m + 144, order_.size() + 1);
  put(m + 160, CODE);
  put(m + 168, CODE + code_.size());
  put(m + 176, CODE);
  put(m + 184, CODE + code_.size());
  for (const std::uint64_t area : {0, 16, 32, 48}) {
    put(m + 192 + area, DATA);
    put(m + 200 + area, DATA + DATA_SIZE);
  }
  const std::uint64_t list = allocate(goroutines_.size() * 8);
  for (std::size_t i = 0; i < goroutines_.size(); ++i) put(list + i * 8, goroutines_[i]);
  put(ALLGS, list);
  put(ALLGS + 8, goroutines_.size());
  put(ALLGS + 16, goroutines_.size());
  put(ALLM, last_machine_);
}

Snapshot SyntheticGo::take() {
  finish();
  return snapshot();
}

Snapshot SyntheticGo::snapshot() const {
  struct Memory {
    std::vector<std::uint8_t> code, tables, data, heap;
  };
  const auto memory = std::make_shared<const Memory>(Memory{code_, tables_, data_, heap_});
  Snapshot snapshot;
  std::vector<IntervalMap<MemoryView::Piece>::Interval> pieces;
  std::vector<IntervalMap<std::uint32_t>::Interval> ranges;
  const auto add = [&](std::uint64_t start, const std::vector<std::uint8_t>& bytes, std::uint32_t flags) {
    pieces.push_back({Address(start), Address(start + bytes.size()), {bytes, MemoryView::Source::DUMP}});
    ranges.push_back({Address(start), Address(start + bytes.size()), flags});
  };
  add(CODE, memory->code, PF_R | PF_X);
  add(TABLES, memory->tables, PF_R);
  add(DATA, memory->data, PF_R | PF_W);
  add(HEAP, memory->heap, PF_R | PF_W);
  snapshot.memory = MemoryView(std::move(pieces), {memory});
  snapshot.ranges = IntervalMap<std::uint32_t>(std::move(ranges));
  Module module;
  module.path = "/synthetic/go";
  module.start = Address(CODE);
  module.end = Address(DATA + data_.size());
  module.is_main_program = true;
  snapshot.modules.push_back(std::move(module));
  for (const int id : threads_) {
    Thread thread;
    thread.tid = id;
    snapshot.threads.push_back(std::move(thread));
  }
  return snapshot;
}

}  // namespace standstill::synth

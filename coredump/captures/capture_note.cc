#include "coredump/captures/capture_note.h"

#include "coredump/captures/capture.pb.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace standstill {
namespace {

constexpr std::uint32_t SCHEMA_VERSION = 1;

// Enums of ours and of the schema have the same values, in the same order; a value that this version does not
// know becomes `otherwise`.
template <class Ours>
Ours known(int value, Ours last, Ours otherwise) {
  return value >= 0 && value <= static_cast<int>(last) ? static_cast<Ours>(value) : otherwise;
}

// An optional field, each way.
void put(const auto& value, auto set) {
  if (value) set(*value);
}
template <class T>
void take(std::optional<T>& value, bool has, T field) {
  if (has) value = field;
}

void write_clocks(const ClockFacts& clocks, capture::Clocks& out) {
  out.set_monotonic(clocks.monotonic_ns);
  out.set_realtime(clocks.realtime_ns);
  out.set_boottime(clocks.boottime_ns);
}

ClockFacts read_clocks(const capture::Clocks& in) { return {in.monotonic(), in.realtime(), in.boottime()}; }

void write_namespaces(const NamespaceFacts& namespaces, capture::Namespaces& out) {
  out.set_pid(namespaces.pid);
  out.set_network(namespaces.network);
  out.set_mount(namespaces.mount);
  out.set_ipc(namespaces.ipc);
  out.set_user(namespaces.user);
}

NamespaceFacts read_namespaces(const capture::Namespaces& in) {
  return {in.pid(), in.network(), in.mount(), in.ipc(), in.user()};
}

void write_socket(const SocketFacts& socket, capture::Socket& out) {
  out.set_protocol(socket.protocol);
  out.set_local(socket.local);
  out.set_remote(socket.remote);
  out.set_state(socket.state);
  put(socket.receive_queue, [&](auto v) { out.set_receive_queue(v); });
  put(socket.send_queue, [&](auto v) { out.set_send_queue(v); });
  out.set_peer_inode(socket.peer_inode);
}

SocketFacts read_socket(const capture::Socket& in) {
  SocketFacts socket;
  socket.protocol = in.protocol();
  socket.local = in.local();
  socket.remote = in.remote();
  socket.state = in.state();
  take(socket.receive_queue, in.has_receive_queue(), in.receive_queue());
  take(socket.send_queue, in.has_send_queue(), in.send_queue());
  socket.peer_inode = in.peer_inode();
  return socket;
}

void write_open_file(const OpenFile& file, capture::OpenFile& out) {
  out.set_fd(file.fd);
  out.set_kind(static_cast<capture::OpenFile::Kind>(file.kind));
  out.set_path(file.path);
  out.set_device(file.device);
  out.set_inode(file.inode);
  put(file.flags, [&](auto v) { out.set_flags(v); });
  if (file.socket) write_socket(*file.socket, *out.mutable_socket());
  for (const EpollMember& member : file.members) {
    capture::EpollMember& one = *out.add_members();
    one.set_fd(member.fd);
    one.set_events(member.events);
  }
  for (const DescriptorHolder& peer : file.peers) {
    capture::DescriptorHolder& one = *out.add_peers();
    one.set_pid(peer.pid);
    one.set_fd(peer.fd);
    one.set_process(peer.process);
  }
  out.set_peers_known(file.peers_known);
  out.set_detail(file.detail);
}

OpenFile read_open_file(const capture::OpenFile& in) {
  OpenFile file;
  file.fd = in.fd();
  file.kind = known(in.kind(), OpenFileKind::EPOLL, OpenFileKind::OTHER);
  file.path = in.path();
  file.device = in.device();
  file.inode = in.inode();
  take(file.flags, in.has_flags(), in.flags());
  if (in.has_socket()) file.socket = read_socket(in.socket());
  for (const capture::EpollMember& member : in.members())
    file.members.push_back({member.fd(), member.events()});
  for (const capture::DescriptorHolder& peer : in.peers())
    file.peers.push_back({peer.pid(), peer.fd(), peer.process()});
  file.peers_known = in.peers_known();
  file.detail = in.detail();
  return file;
}

void write_lock(const FileLock& lock, capture::FileLock& out) {
  out.set_kind(static_cast<capture::FileLock::Kind>(lock.kind));
  out.set_is_waiting(lock.is_waiting);
  out.set_is_write(lock.is_write);
  out.set_pid(lock.pid);
  out.set_device(lock.device);
  out.set_inode(lock.inode);
  out.set_start(lock.start);
  out.set_end(lock.end);
  out.set_process(lock.process);
  out.set_number(lock.number);
}

FileLock read_lock(const capture::FileLock& in) {
  FileLock lock;
  lock.kind = known(in.kind(), FileLock::Kind::OFD, FileLock::Kind::OTHER);
  lock.is_waiting = in.is_waiting();
  lock.is_write = in.is_write();
  lock.pid = in.pid();
  lock.device = in.device();
  lock.inode = in.inode();
  lock.start = in.start();
  lock.end = in.end();
  lock.process = in.process();
  lock.number = in.number();
  return lock;
}

void write_process_facts(const ProcessFacts& facts, capture::LiveFacts& out) {
  write_clocks(facts.clocks, *out.mutable_clocks());
  put(facts.pause_ms, [&](auto v) { out.set_pause_ms(v); });
  put(facts.uid, [&](auto v) { out.set_uid(v); });
  write_namespaces(facts.namespaces, *out.mutable_namespaces());
  for (const OpenFile& file : facts.open_files) write_open_file(file, *out.add_open_files());
  for (const FileLock& lock : facts.locks) write_lock(lock, *out.add_locks());
  for (const SharedMapping& mapping : facts.shared_mappings) {
    capture::SharedMapping& one = *out.add_shared_mappings();
    one.set_start(mapping.start.value());
    one.set_end(mapping.end.value());
    one.set_file_offset(mapping.file_offset);
    one.set_device(mapping.device);
    one.set_inode(mapping.inode);
  }
}

ProcessFacts read_process_facts(const capture::LiveFacts& in) {
  ProcessFacts facts;
  facts.clocks = read_clocks(in.clocks());
  take(facts.pause_ms, in.has_pause_ms(), in.pause_ms());
  take(facts.uid, in.has_uid(), in.uid());
  facts.namespaces = read_namespaces(in.namespaces());
  for (const capture::OpenFile& file : in.open_files()) facts.open_files.push_back(read_open_file(file));
  for (const capture::FileLock& lock : in.locks()) facts.locks.push_back(read_lock(lock));
  for (const capture::SharedMapping& mapping : in.shared_mappings()) {
    facts.shared_mappings.push_back({Address(mapping.start()), Address(mapping.end()), mapping.file_offset(),
                                     mapping.device(), mapping.inode()});
  }
  // Who reads the list searches it.
  std::ranges::stable_sort(facts.open_files, {}, &OpenFile::fd);
  return facts;
}

void write_system_call(const SystemCallFacts& call, capture::SystemCall& out) {
  out.set_is_running(call.is_running);
  out.set_number(call.number);
  for (const std::uint64_t argument : call.arguments) out.add_arguments(argument);
  out.set_stack_pointer(call.stack_pointer.value());
  out.set_pc(call.pc.value());
}

SystemCallFacts read_system_call(const capture::SystemCall& in) {
  SystemCallFacts call;
  call.is_running = in.is_running();
  call.number = in.number();
  const std::size_t count =
      std::min<std::size_t>(call.arguments.size(), static_cast<std::size_t>(in.arguments_size()));
  std::copy_n(in.arguments().begin(), count, call.arguments.begin());
  call.stack_pointer = Address(in.stack_pointer());
  call.pc = Address(in.pc());
  return call;
}

void write_thread_facts(const ThreadFacts& facts, capture::ThreadFacts& out) {
  out.set_state(std::string(1, facts.state));
  out.set_wait_channel(facts.wait_channel);
  if (facts.system_call) write_system_call(*facts.system_call, *out.mutable_system_call());
  put(facts.blocked_since_ns, [&](auto v) { out.set_blocked_since(v); });
  out.set_blocked_bound(static_cast<capture::ThreadFacts::Bound>(facts.blocked_bound));
  put(facts.run_time_ns, [&](auto v) { out.set_run_time(v); });
  put(facts.voluntary_switches, [&](auto v) { out.set_voluntary_switches(v); });
  put(facts.involuntary_switches, [&](auto v) { out.set_involuntary_switches(v); });
  out.set_last_cpu(facts.last_cpu);
}

ThreadFacts read_thread_facts(const capture::ThreadFacts& in) {
  ThreadFacts facts;
  if (in.state().size() == 1) facts.state = in.state().front();
  facts.wait_channel = in.wait_channel();
  if (in.has_system_call()) facts.system_call = read_system_call(in.system_call());
  take(facts.blocked_since_ns, in.has_blocked_since(), in.blocked_since());
  facts.blocked_bound = known(in.blocked_bound(), Bound::AT_LEAST, Bound::UNKNOWN);
  take(facts.run_time_ns, in.has_run_time(), in.run_time());
  take(facts.voluntary_switches, in.has_voluntary_switches(), in.voluntary_switches());
  take(facts.involuntary_switches, in.has_involuntary_switches(), in.involuntary_switches());
  if (in.has_last_cpu()) facts.last_cpu = in.last_cpu();
  return facts;
}

void write_ranges(const IntervalMap<std::uint32_t>& ranges, capture::Capture& out) {
  Address end;
  for (const auto& range : ranges.intervals()) {
    capture::Range& one = *out.add_ranges();
    one.set_gap(range.start - end);
    one.set_size(range.end - range.start);
    one.set_flags(range.value);
    end = range.end;
  }
}

std::vector<IntervalMap<std::uint32_t>::Interval> read_ranges(const capture::Capture& in) {
  std::vector<IntervalMap<std::uint32_t>::Interval> ranges;
  Address end;
  for (const capture::Range& range : in.ranges()) {
    const Address start = end + range.gap();
    if (start < end || start + range.size() <= start) break;  // wraps around: damaged from here on
    end = start + range.size();
    ranges.push_back({start, end, range.flags()});
  }
  return ranges;
}

void write_process(const Snapshot& snapshot, capture::Process& out) {
  const ProcessInfo& process = snapshot.process;
  out.set_pid(process.pid);
  out.set_parent_pid(process.parent_pid);
  out.set_name(process.name);
  out.set_executable(process.executable);
  for (const std::string& word : process.command_line) out.add_command_line(word);
  if (snapshot.facts) write_process_facts(*snapshot.facts, *out.mutable_live());
}

void write_note(const Note& note, capture::Note& out) {
  out.set_severity(static_cast<capture::Note::Severity>(note.severity));
  out.set_text(note.text);
  out.set_where(note.where);
}

template <class Notes>
std::vector<Note> read_notes(const Notes& in) {
  std::vector<Note> notes;
  for (const capture::Note& one : in)
    notes.push_back({known(one.severity(), Severity::ERROR, Severity::WARNING), one.text(), one.where()});
  return notes;
}

capture::Capture to_message(const Snapshot& snapshot, CaptureMemory memory, std::string_view tool_version) {
  capture::Capture out;
  out.set_schema_version(SCHEMA_VERSION);
  out.mutable_tool()->set_name("standstill");
  out.mutable_tool()->set_version(std::string(tool_version));
  out.set_memory(static_cast<capture::Capture::Memory>(memory));
  write_process(snapshot, *out.mutable_process());
  // A full one is written while the process stands; how long it will have stood is not known yet.
  if (memory == CaptureMemory::FULL && out.process().has_live())
    out.mutable_process()->mutable_live()->clear_pause_ms();
  for (const Thread& thread : snapshot.threads) {
    capture::Thread& one = *out.add_threads();
    one.set_tid(thread.tid);
    one.set_name(thread.name);
    if (thread.facts) write_thread_facts(*thread.facts, *one.mutable_live());
    if (thread.namespace_tid != 0) one.set_namespace_tid(thread.namespace_tid);
    if (thread.registers.unknown != 0) one.set_unknown_registers(thread.registers.unknown);
  }
  write_ranges(snapshot.ranges, out);
  for (const Module& module : snapshot.modules) {
    capture::Module& one = *out.add_modules();
    one.set_path(module.path);
    one.set_start(module.start.value());
    one.set_end(module.end.value());
    one.set_build_id(std::string(as_text(module.build_id.bytes)));
  }
  for (std::size_t i = 0; i < std::min(snapshot.notes_of_picture, snapshot.notes.size()); ++i)
    write_note(snapshot.notes[i], *out.add_notes());
  if (const auto& search = snapshot.leak_search) {
    capture::LeakSearch& one = *out.mutable_leak_search();
    one.set_is_complete(search->is_complete);
    one.mutable_goroutines()->Add(search->goroutines.begin(), search->goroutines.end());
    for (const Note& note : search->notes) write_note(note, *one.add_notes());
  }
  return out;
}

}  // namespace

std::string make_capture_note(const Snapshot& snapshot, CaptureMemory memory, std::string_view tool_version) {
  return to_message(snapshot, memory, tool_version).SerializeAsString();
}

Result<CaptureNote> read_capture_note(Bytes contents) {
  capture::Capture in;
  if (contents.size() > INT32_MAX || !in.ParseFromArray(contents.data(), static_cast<int>(contents.size())))
    return failure("the capture's own note is damaged");
  if (in.schema_version() > SCHEMA_VERSION)
    return failure(fmt::format("the capture's own note has schema version {}, this program reads up to {}",
                               in.schema_version(), SCHEMA_VERSION),
                   "use the version of standstill that wrote it");
  CaptureNote note;
  note.memory = known(in.memory(), CaptureMemory::FULL, CaptureMemory::UNKNOWN);
  note.tool_version = in.tool().version();
  const capture::Process& process = in.process();
  note.pid = process.pid();
  note.name = process.name();
  note.executable = process.executable();
  note.command_line.assign(process.command_line().begin(), process.command_line().end());
  if (process.has_live()) note.facts = read_process_facts(process.live());
  for (const capture::Thread& thread : in.threads()) {
    note.threads.push_back(
        {thread.tid(), thread.namespace_tid(), thread.name(), {}, thread.unknown_registers()});
    if (thread.has_live()) note.threads.back().facts = read_thread_facts(thread.live());
  }
  note.ranges = read_ranges(in);
  note.notes = read_notes(in.notes());
  if (in.has_leak_search()) {
    const capture::LeakSearch& search = in.leak_search();
    note.leak_search = {.is_complete = search.is_complete(),
                        .goroutines = {search.goroutines().begin(), search.goroutines().end()},
                        .notes = read_notes(search.notes())};
    // Ours are ascending; what a damaged one says is looked up all the same.
    std::ranges::sort(note.leak_search->goroutines);
  }
  return note;
}

void apply_capture_note(CaptureNote note, Snapshot& snapshot) {
  snapshot.source = SnapshotSource::CAPTURE;
  snapshot.facts = std::move(note.facts);
  if (!note.name.empty()) snapshot.process.name = std::move(note.name);
  if (!note.executable.empty()) snapshot.process.executable = std::move(note.executable);
  if (!note.command_line.empty()) snapshot.process.command_line = std::move(note.command_line);
  std::unordered_map<int, CaptureNote::NamedThread*> by_tid;
  for (CaptureNote::NamedThread& thread : note.threads) by_tid.emplace(thread.tid, &thread);
  for (Thread& thread : snapshot.threads) {
    const auto found = by_tid.find(thread.tid);
    if (found == by_tid.end()) continue;
    thread.namespace_tid = found->second->namespace_tid;
    thread.name = found->second->name;
    thread.facts = found->second->facts;
    thread.registers.unknown = found->second->unknown_registers;
  }
  snapshot.notes_of_picture = note.notes.size();
  snapshot.notes.insert(snapshot.notes.begin(), std::make_move_iterator(note.notes.begin()),
                        std::make_move_iterator(note.notes.end()));
  snapshot.leak_search = std::move(note.leak_search);
  snapshot.completeness.is_selection = note.memory != CaptureMemory::FULL;
  if (note.memory == CaptureMemory::STACKS) {
    snapshot.notes.push_back(
        {Severity::WARNING,
         "this capture was taken with --memory stacks: locks and heaps cannot be seen in it", ""});
  }
}

}  // namespace standstill

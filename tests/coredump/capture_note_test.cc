// What a capture's own note holds comes back as it went in.
#include "coredump/captures/capture_note.h"

#include "coredump/captures/capture_memory.h"
#include "coredump/captures/core_note_writer.h"
#include "coredump/captures/core_writer.h"
#include "coredump/cores/open_core.h"
#include "tests/support/core_builder.h"
#include "tests/support/run_program.h"

#include <algorithm>

#include <catch2/catch_test_macros.hpp>
#include <elf.h>

using namespace standstill;

namespace {

ProcessFacts sample_process_facts() {
  ProcessFacts facts;
  facts.clocks = {-5, 1'795'000'000'123'456'789, 77};
  facts.pause_ms = 1.75;
  facts.uid = 1000;
  facts.namespaces = {1, 2, 3, 4, 5};
  OpenFile socket;
  socket.fd = 7;
  socket.kind = OpenFileKind::SOCKET;
  socket.path = "socket:[815]";
  socket.device = 9;
  socket.inode = 815;
  socket.flags = 02004002;
  socket.socket = SocketFacts{"tcp", "10.0.0.5:41872", "10.0.0.6:80", "ESTABLISHED", 3, std::nullopt, 816};
  socket.peers = {{4711, 12, "nginx"}};
  socket.peers_known = true;
  OpenFile epoll;
  epoll.fd = 9;
  epoll.kind = OpenFileKind::EPOLL;
  epoll.members = {{7, 0x19}, {8, 1}};
  epoll.detail = "two of them";
  facts.open_files = {socket, epoll};
  facts.locks = {{FileLock::Kind::OFD, true, true, -1, 66, 67, 100, UINT64_MAX, "postgres", 5}};
  facts.shared_mappings = {{Address(0x7f0000000000), Address(0x7f0000002000), 4096, 21, 22}};
  return facts;
}

ThreadFacts sample_thread_facts() {
  ThreadFacts facts;
  facts.state = 'D';
  facts.wait_channel = "futex_wait_queue";
  facts.system_call =
      SystemCallFacts{false, 202, {1, 2, 3, 4, 5, UINT64_MAX}, Address(0x7fff00001000), Address(0x401000)};
  facts.blocked_since_ns = -42;
  facts.blocked_bound = Bound::AT_LEAST;
  facts.run_time_ns = 12'345;
  facts.voluntary_switches = 0;
  facts.last_cpu = 31;
  return facts;
}

Snapshot sample_snapshot() {
  Snapshot snapshot;
  snapshot.source = SnapshotSource::LIVE;
  snapshot.process.pid = 4242;
  snapshot.process.parent_pid = 7;
  snapshot.process.name = "worker \xff";  // a name may be any bytes
  snapshot.process.executable = "/srv/bin/worker with a long name";
  snapshot.process.command_line = {"worker", "", "--name=\xc3\x28"};
  snapshot.process.auxiliary_vector = {{AT_PAGESZ, 4096}, {AT_ENTRY, 0x401000}};
  snapshot.facts = sample_process_facts();
  for (int i = 0; i < 3; ++i) {
    Thread thread;
    thread.tid = 4242 + i;
    thread.namespace_tid = i;
    thread.name = i == 0 ? "worker \xff" : "pool-" + std::to_string(i);
    for (unsigned j = 0; j < Registers::COUNT; ++j)
      thread.registers.by_dwarf_number[j] = 0x1111111111111111 * static_cast<unsigned>(i) + j;
    thread.registers.by_dwarf_number[Registers::RSP] = 0x7fff00001000;
    thread.registers.system_call = i == 1 ? -1 : 202;
    thread.registers.thread_pointer = 0x7f0000001000;
    thread.registers.gs_base = 0x55;
    thread.registers.flags = 0x246;
    thread.signal = i == 2 ? 19 : 0;
    thread.registers.unknown = i == 2 ? 0x18 : 0;
    if (i != 2) thread.facts = sample_thread_facts();
    snapshot.threads.push_back(thread);
  }
  snapshot.file_mappings = {{Address(0x400000), Address(0x402000), 8192, "/srv/bin/worker (deleted)"}};
  snapshot.ranges =
      IntervalMap<std::uint32_t>({{Address(0x400000), Address(0x402000), PF_R | PF_X},
                                  {Address(0x402000), Address(0x403000), PF_R},
                                  {Address(0x7fff00000000), Address(0x7fff00002000), PF_R | PF_W}});
  snapshot.notes = {{Severity::WARNING, "thread 4246 ended while we looked", ""},
                    {Severity::WARNING, "a file is another build", "/lib/x.so"}};
  snapshot.notes_of_picture = 1;
  return snapshot;
}

// Written as a core whose stack lies in one page that is held, and read back.
Snapshot written_and_read(const Snapshot& snapshot, CaptureMemory memory) {
  const TemporaryFolder folder;
  CoreContents contents;
  contents.machine = EM_X86_64;
  contents.notes =
      make_core_notes(snapshot, *find_architecture(EM_X86_64), make_capture_note(snapshot, memory, "1.2.3"));
  contents.segments = make_segments(snapshot.ranges, {{Address(0x7fff00001000), Address(0x7fff00002000)}});
  contents.read = [](Address, std::uint64_t most) { return CorePart{{}, most}; };
  auto sink = open_core_sink(folder.file("capture"));
  REQUIRE(sink);
  REQUIRE(write_core(**sink, contents));
  REQUIRE((*sink)->finish());
  auto read = open_core(folder.file("capture"), {});
  REQUIRE(read);
  return std::move(*read);
}

}  // namespace

TEST_CASE("A capture brings back threads, names, ranges and the process as they were") {
  const Snapshot before = sample_snapshot();
  const Snapshot after = written_and_read(before, CaptureMemory::ANALYSIS);
  CHECK(after.source == SnapshotSource::CAPTURE);
  CHECK(after.architecture == "x86_64");
  CHECK(after.process.pid == 4242);
  CHECK(after.process.parent_pid == 7);
  CHECK(after.process.name == before.process.name);
  CHECK(after.process.executable == before.process.executable);
  CHECK(after.process.command_line == before.process.command_line);
  CHECK(after.process.auxiliary_vector == before.process.auxiliary_vector);
  CHECK_FALSE(after.process.signal);
  REQUIRE(after.threads.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(after.threads[i].tid == before.threads[i].tid);
    CHECK(after.threads[i].namespace_tid == static_cast<int>(i));
    CHECK(after.threads[i].name == before.threads[i].name);
    CHECK(after.threads[i].registers == before.threads[i].registers);
    CHECK(after.threads[i].signal == before.threads[i].signal);
    CHECK(after.threads[i].facts.has_value() == before.threads[i].facts.has_value());
  }
  REQUIRE(after.ranges.intervals().size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(after.ranges.intervals()[i].start == before.ranges.intervals()[i].start);
    CHECK(after.ranges.intervals()[i].end == before.ranges.intervals()[i].end);
    CHECK(after.ranges.intervals()[i].value == before.ranges.intervals()[i].value);
  }
  REQUIRE(after.file_mappings.size() == 1);
  CHECK(after.file_mappings[0].path == "/srv/bin/worker (deleted)");
  CHECK(after.file_mappings[0].file_offset == 8192);
  REQUIRE(after.notes_of_picture == 1);
  CHECK(after.notes.at(0) == before.notes[0]);
  CHECK(std::ranges::count(after.notes, before.notes[1]) == 0);
}

TEST_CASE("A capture brings back what only the live process knew") {
  const Snapshot after = written_and_read(sample_snapshot(), CaptureMemory::ANALYSIS);
  const ProcessFacts expected = sample_process_facts();
  REQUIRE(after.facts);
  CHECK(after.facts->clocks.monotonic_ns == expected.clocks.monotonic_ns);
  CHECK(after.facts->clocks.realtime_ns == expected.clocks.realtime_ns);
  CHECK(after.facts->clocks.boottime_ns == expected.clocks.boottime_ns);
  CHECK(after.facts->pause_ms == 1.75);
  CHECK(after.facts->uid == 1000U);
  CHECK(after.facts->namespaces.pid == 1);
  CHECK(after.facts->namespaces.network == 2);
  CHECK(after.facts->namespaces.mount == 3);
  CHECK(after.facts->namespaces.ipc == 4);
  CHECK(after.facts->namespaces.user == 5);

  REQUIRE(after.facts->open_files.size() == 2);
  const OpenFile& socket = after.facts->open_files[0];
  CHECK(socket.fd == 7);
  CHECK(socket.kind == OpenFileKind::SOCKET);
  CHECK(socket.path == "socket:[815]");
  CHECK(socket.device == 9);
  CHECK(socket.inode == 815);
  CHECK(socket.flags == 02004002U);
  REQUIRE(socket.socket);
  CHECK(socket.socket->protocol == "tcp");
  CHECK(socket.socket->local == "10.0.0.5:41872");
  CHECK(socket.socket->remote == "10.0.0.6:80");
  CHECK(socket.socket->state == "ESTABLISHED");
  CHECK(socket.socket->receive_queue == 3U);
  CHECK_FALSE(socket.socket->send_queue);
  CHECK(socket.socket->peer_inode == 816);
  REQUIRE(socket.peers.size() == 1);
  CHECK(socket.peers[0].pid == 4711);
  CHECK(socket.peers[0].fd == 12);
  CHECK(socket.peers[0].process == "nginx");
  CHECK(socket.peers_known);
  const OpenFile& epoll = after.facts->open_files[1];
  CHECK(epoll.kind == OpenFileKind::EPOLL);
  CHECK_FALSE(epoll.flags);
  CHECK_FALSE(epoll.socket);
  REQUIRE(epoll.members.size() == 2);
  CHECK(epoll.members[0].fd == 7);
  CHECK(epoll.members[0].events == 0x19);
  CHECK_FALSE(epoll.peers_known);
  CHECK(epoll.detail == "two of them");

  REQUIRE(after.facts->locks.size() == 1);
  const FileLock& lock = after.facts->locks[0];
  CHECK(lock.kind == FileLock::Kind::OFD);
  CHECK(lock.is_waiting);
  CHECK(lock.is_write);
  CHECK(lock.pid == -1);
  CHECK(lock.device == 66);
  CHECK(lock.inode == 67);
  CHECK(lock.start == 100);
  CHECK(lock.end == UINT64_MAX);
  CHECK(lock.process == "postgres");
  REQUIRE(after.facts->shared_mappings.size() == 1);
  CHECK(after.facts->shared_mappings[0].start == Address(0x7f0000000000));
  CHECK(after.facts->shared_mappings[0].end == Address(0x7f0000002000));
  CHECK(after.facts->shared_mappings[0].file_offset == 4096);
  CHECK(after.facts->shared_mappings[0].device == 21);
  CHECK(after.facts->shared_mappings[0].inode == 22);

  REQUIRE(after.threads.at(0).facts);
  const ThreadFacts& thread = *after.threads[0].facts;
  CHECK(thread.state == 'D');
  CHECK(thread.wait_channel == "futex_wait_queue");
  REQUIRE(thread.system_call);
  CHECK_FALSE(thread.system_call->is_running);
  CHECK(thread.system_call->number == 202);
  CHECK(thread.system_call->arguments == std::array<std::uint64_t, 6>{1, 2, 3, 4, 5, UINT64_MAX});
  CHECK(thread.system_call->stack_pointer == Address(0x7fff00001000));
  CHECK(thread.system_call->pc == Address(0x401000));
  CHECK(thread.blocked_since_ns == -42);
  CHECK(thread.blocked_bound == Bound::AT_LEAST);
  CHECK(thread.run_time_ns == 12'345U);
  CHECK(thread.voluntary_switches == 0U);
  CHECK_FALSE(thread.involuntary_switches);
  CHECK(thread.last_cpu == 31);
}

TEST_CASE("A capture brings back which goroutines were found to be leaked") {
  Snapshot before = sample_snapshot();
  CHECK_FALSE(written_and_read(before, CaptureMemory::ANALYSIS).leak_search);
  before.leak_search = LeakSearch{
      .is_complete = true, .goroutines = {7, 18, UINT64_MAX}, .notes = {{Severity::INFO, "why", "where"}}};
  const auto after = written_and_read(before, CaptureMemory::ANALYSIS).leak_search;
  REQUIRE(after);
  CHECK(after->is_complete);
  CHECK(after->goroutines == before.leak_search->goroutines);
  CHECK(after->notes == before.leak_search->notes);
}

TEST_CASE("A capture of the stacks alone says what cannot be seen in it") {
  const Snapshot after = written_and_read(sample_snapshot(), CaptureMemory::STACKS);
  CHECK(std::ranges::any_of(after.notes, [](const Note& note) {
    return note.severity == Severity::WARNING && note.text.find("--memory stacks") != std::string::npos;
  }));
}

TEST_CASE("A damaged note of a capture is told, and the rest of the core is read") {
  synth::CoreBuilder core;
  const std::vector<std::uint8_t> nonsense = {0xff, 0xff, 0xff, 0xff};
  core.thread(1, {}).process(1, "x", "x").raw_note("standstill", 1, nonsense);
  const auto snapshot = read_core(MappedFile::from_memory(core.build(), "test.core"), {});
  REQUIRE(snapshot);
  CHECK(snapshot->source == SnapshotSource::CORE);
  CHECK(snapshot->threads.size() == 1);
  CHECK(std::ranges::any_of(snapshot->notes, [](const Note& note) {
    return note.text.find("own note is damaged") != std::string::npos;
  }));
}

TEST_CASE("A note of a later schema is told by its version") {
  // Field 1, a varint: 99.
  const std::vector<std::uint8_t> later = {0x08, 99};
  const auto note = read_capture_note(later);
  REQUIRE_FALSE(note);
  CHECK(note.error().message == "the capture's own note has schema version 99, this program reads up to 1");
}

// Synthetic cores: what each note and segment becomes in the snapshot.
#include "coredump/cores/open_core.h"

#include "tests/support/core_builder.h"
#include "tests/support/run_program.h"

#include <algorithm>
#include <csignal>
#include <cstring>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;
using synth::ByteVector;
using synth::CoreBuilder;
using synth::ElfBuilder;

namespace {

class Case {
 public:
  std::string write(const std::string& name, const ByteVector& bytes) const {
    write_whole_file(folder_.file(name), std::string(bytes.begin(), bytes.end()));
    return folder_.file(name);
  }
  Snapshot open(const CoreBuilder& core, const OpenOptions& options = {}) const {
    auto snapshot = open_core(write("core", core.build()), options);
    REQUIRE(snapshot);
    return std::move(*snapshot);
  }
  std::string path(const std::string& name) const { return folder_.file(name); }
  const std::string& folder() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

Registers registers_at(std::uint64_t pc, std::uint64_t sp) {
  Registers registers;
  for (unsigned i = 0; i < Registers::COUNT; ++i) registers.by_dwarf_number[i] = 0x100 + i;
  registers.by_dwarf_number[Registers::RIP] = pc;
  registers.by_dwarf_number[Registers::RSP] = sp;
  registers.system_call = 202;
  registers.thread_pointer = 0x7000;
  registers.flags = 0x246;
  return registers;
}

bool has_note(const Snapshot& snapshot, const std::string& part) {
  for (const Note& note : snapshot.notes) {
    if (note.text.find(part) != std::string::npos) return true;
  }
  return false;
}

constexpr std::uint64_t BIAS = 0x7f0000000000;

// A thread in the text of a module, with its stack dumped.
CoreBuilder core_of(const ElfBuilder& elf, const std::string& path, bool dump_header = true) {
  CoreBuilder core;
  core.process(10, "prog", "prog -x").thread(10, registers_at(BIAS + 0x1010, 0x10000));
  core.files(synth::mappings_of(elf, BIAS, path)).loaded_module(elf, BIAS, dump_header);
  core.memory(0x10000, ByteVector(0x1000, 0x55));
  return core;
}

}  // namespace

TEST_CASE("Bytes copied from the core file are those of its mapping, and end where the segment ends") {
  const Case here;
  ByteVector stack(10'000);
  for (std::size_t i = 0; i < stack.size(); ++i) stack[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  CoreBuilder core;
  core.thread(10, registers_at(0x1000, 0x20000)).memory(0x20000, stack);
  const Snapshot snapshot = here.open(core);
  std::vector<std::uint8_t> copy(4096);
  for (const std::uint64_t offset : {0, 1, 4095, 5000, 9990}) {
    const std::size_t size = std::min<std::size_t>(copy.size(), stack.size() - offset);
    REQUIRE(snapshot.memory.copy_unmapped(Address(0x20000 + offset), copy) == size);
    CHECK(std::equal(copy.begin(), copy.begin() + static_cast<std::ptrdiff_t>(size),
                     stack.begin() + static_cast<std::ptrdiff_t>(offset)));
  }
  CHECK(snapshot.memory.copy_unmapped(Address(0x20000 + 10'000), copy) == 0);
  CHECK(snapshot.memory.copy_unmapped(Address(0x1ffff), copy) == 0);
}

TEST_CASE("Memory that is in no file offers nothing to copy, only bytes") {
  const ByteVector bytes(64, 1);
  const MemoryView memory({{Address(0x1000), Address(0x1040), {Bytes(bytes), MemoryView::Source::DUMP}}}, {});
  std::vector<std::uint8_t> copy(16);
  CHECK(memory.copy_unmapped(Address(0x1000), copy) == 0);
  CHECK(memory.bytes_at(Address(0x1000)).size() == 64);
}

TEST_CASE("Each thread has the registers of its status note") {
  const Registers first = registers_at(0x1000, 0x2000);
  Registers second = registers_at(0x1100, 0x2100);
  second.system_call = -1;
  const Case test;
  const Snapshot snapshot =
      test.open(CoreBuilder().process(7, "server", "server --fast  now").thread(7, first).thread(9, second));
  REQUIRE(snapshot.threads.size() == 2);
  CHECK(snapshot.threads[0].tid == 7);
  CHECK(snapshot.threads[0].name == "server");
  CHECK(snapshot.threads[0].registers == first);
  CHECK(snapshot.threads[1].tid == 9);
  CHECK(snapshot.threads[1].name.empty());
  CHECK(snapshot.threads[1].registers == second);
  CHECK_FALSE(snapshot.threads[1].registers.in_system_call());
  CHECK(snapshot.process.pid == 7);
  CHECK(snapshot.process.command_line == std::vector<std::string>{"server", "--fast", "now"});
  CHECK_FALSE(snapshot.process.signal);
  CHECK(snapshot.notes.empty());
}

TEST_CASE("The thread that died comes first, and only a deadly signal counts as a death") {
  const Case test;
  const Registers registers = registers_at(1, 2);
  CoreBuilder died;
  died.process(7, "p", "p")
      .thread(7, registers)
      .thread(8, registers, SIGSEGV)
      .signal_info(SIGSEGV)
      .thread(9, registers);
  const Snapshot snapshot = test.open(died);
  REQUIRE(snapshot.process.signal);
  CHECK(snapshot.process.signal->number == SIGSEGV);
  CHECK(snapshot.process.signal->tid == 8);
  CHECK(snapshot.threads[0].tid == 8);
  CHECK(snapshot.threads[1].tid == 7);
  CHECK(snapshot.threads[2].tid == 9);

  CoreBuilder stopped;  // as gcore writes it: each thread with the signal that stopped it for gdb
  stopped.thread(7, registers, SIGSTOP).signal_info(SIGSTOP).thread(8, registers, 0).signal_info(SIGINT);
  CHECK_FALSE(test.open(stopped).process.signal);
}

TEST_CASE("Memory is what the dump holds; what it left out cannot be read but is known") {
  const Case test;
  CoreBuilder core;
  core.thread(1, registers_at(0x5000, 0x8000));
  core.memory(0x5000, ByteVector(0x1000, 1), PF_R | PF_X)
      .memory(0x8000, ByteVector(0x1000, 2), PF_R | PF_W, 0x3000);
  core.memory(0x6000, ByteVector(0x1000, 3));
  const Snapshot snapshot = test.open(core);
  CHECK(snapshot.memory.read<std::uint8_t>(Address(0x5fff)) == 1);
  CHECK(snapshot.memory.read<std::uint32_t>(Address(0x5ffe)) == 0x03030101);  // across two pieces
  CHECK(snapshot.memory.read<std::uint8_t>(Address(0x8fff)) == 2);
  CHECK_FALSE(snapshot.memory.read<std::uint8_t>(Address(0x9000)));
  CHECK_FALSE(snapshot.memory.read<std::uint64_t>(Address(0x8ffc)));
  CHECK(snapshot.ranges.find(Address(0xbfff)) != nullptr);
  CHECK(snapshot.ranges.find(Address(0xc000)) == nullptr);
  CHECK(snapshot.is_executable(Address(0x5000)));
  CHECK_FALSE(snapshot.is_executable(Address(0x6000)));
  CHECK_FALSE(snapshot.is_executable(Address(0x4fff)));
}

TEST_CASE("A core of 70,000 mappings has its count of segments in section 0") {
  const Case test;
  CoreBuilder core;
  core.thread(1, registers_at(0, 0));
  constexpr std::uint64_t count = 70'000;
  for (std::uint64_t i = 0; i < count; ++i)
    core.memory(0x10000 + i * 0x2000, {static_cast<std::uint8_t>(i)}, PF_R, 0xfff);
  const ByteVector bytes = core.build();
  const auto whole = open_core(test.write("core", bytes), {});
  REQUIRE(whole);
  CHECK(whole->ranges.intervals().size() == count);
  CHECK(whole->memory.read<std::uint8_t>(Address(0x10000 + 69'999 * 0x2000)) ==
        static_cast<std::uint8_t>(69'999));
  CHECK(whole->notes.empty());

  // The kernel writes section 0 at the very end. Where that is lost, the place of the first contents tells
  // the count.
  const auto cut = open_core(test.write("cut", {bytes.begin(), bytes.end() - 100}), {});
  REQUIRE(cut);
  CHECK(cut->ranges.intervals().size() == count);
  CHECK(cut->completeness.missing_segments == 36);  // one byte each
}

TEST_CASE("Text that the dump left out comes from the module's file") {
  const Case test;
  const ElfBuilder elf;
  const std::string path = test.write("libx.so", elf.build());
  const Snapshot snapshot = test.open(core_of(elf, path));
  REQUIRE(snapshot.modules.size() == 1);
  const Module& module = snapshot.modules[0];
  CHECK(module.path == path);
  CHECK(module.start == Address(BIAS));
  CHECK(module.end == Address(BIAS + ElfBuilder::END));
  CHECK(module.load_bias == BIAS);
  CHECK(module.build_id.hex() == "aabbccdd01020304");
  CHECK(module.file_status == Module::FileStatus::OK);
  CHECK(snapshot.memory.read<std::uint8_t>(Address(BIAS + 0x1010)) == 0x90);
  CHECK(snapshot.memory.pieces().find(Address(BIAS + 0x1010))->value.source ==
        MemoryView::Source::MODULE_FILE);
  CHECK(snapshot.memory.read<std::uint8_t>(Address(BIAS + 0x3000)) == 0xed);  // the dump's own bytes win
  CHECK(snapshot.is_executable(Address(BIAS + 0x1010)));
  CHECK(snapshot.find_module(Address(BIAS + 0x4fff)) == ModuleIndex{0});
  CHECK_FALSE(snapshot.find_module(Address(BIAS + 0x5000)));
  CHECK(snapshot.notes.empty());
}

TEST_CASE("A file of another build is refused, with both IDs in the note") {
  const Case test;
  const ElfBuilder mapped;
  ElfBuilder on_disk = mapped;
  on_disk.build_id = {9, 9, 9, 9, 9, 9, 9, 9};
  const std::string path = test.write("libx.so", on_disk.build());
  const Snapshot snapshot = test.open(core_of(mapped, path));
  REQUIRE(snapshot.modules.size() == 1);
  CHECK(snapshot.modules[0].file_status == Module::FileStatus::BUILD_ID_MISMATCH);
  CHECK(snapshot.modules[0].image == nullptr);
  CHECK(snapshot.modules[0].file_path == path);
  CHECK(snapshot.modules[0].file_build_id.hex() == "0909090909090909");
  CHECK(snapshot.modules[0].build_id.hex() == "aabbccdd01020304");
  CHECK_FALSE(snapshot.memory.read<std::uint8_t>(Address(BIAS + 0x1010)));
  REQUIRE(snapshot.notes.size() == 1);
  CHECK(snapshot.notes[0].text ==
        path + " has build ID 0909090909090909, but the process had aabbccdd01020304 mapped; not used");
}

TEST_CASE("A refused file does not hide the right one in a build ID directory") {
  const Case test;
  const ElfBuilder mapped;
  ElfBuilder on_disk = mapped;
  on_disk.build_id = {9, 9, 9, 9};
  const std::string path = test.write("libx.so", on_disk.build());
  run_program({"mkdir", "-p", test.path("debug/.build-id/aa")});
  const std::string right = test.write("debug/.build-id/aa/bbccdd01020304", mapped.build());
  OpenOptions options;
  options.debug_dirs = {test.path("debug")};
  const Snapshot snapshot = test.open(core_of(mapped, path), options);
  CHECK(snapshot.modules[0].file_status == Module::FileStatus::OK);
  CHECK(snapshot.modules[0].file_path == right);
}

TEST_CASE("Without any build ID the program headers must agree") {
  const Case test;
  ElfBuilder elf;
  elf.build_id.clear();
  const std::string path = test.write("libx.so", elf.build());
  const Snapshot same = test.open(core_of(elf, path));
  CHECK(same.modules[0].file_status == Module::FileStatus::OK);
  CHECK(has_note(same, "no build ID proves it"));

  ByteVector other = elf.build();
  other[sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_memsz)] ^= 1;
  test.write("libx.so", other);
  const Snapshot different = test.open(core_of(elf, path));
  CHECK(different.modules[0].file_status == Module::FileStatus::BUILD_ID_MISMATCH);
  CHECK(has_note(different, "its segments differ"));
}

TEST_CASE("A dump without ELF headers takes the file whose segments lie where the mappings are") {
  const Case test;
  const ElfBuilder elf;
  const std::string path = test.write("libx.so", elf.build());
  const Snapshot snapshot = test.open(core_of(elf, path, false));
  REQUIRE(snapshot.modules.size() == 1);
  CHECK(snapshot.modules[0].file_status == Module::FileStatus::OK);
  CHECK(snapshot.modules[0].load_bias == BIAS);
  CHECK(has_note(snapshot, "no build ID proves it"));
  CHECK(snapshot.memory.read<std::uint8_t>(Address(BIAS + 0x1010)) == 0x90);

  test.write("libx.so",
             ElfBuilder{.base = 0x10000}.build());  // the same mappings: bases do not show in file offsets
  CHECK(test.open(core_of(elf, path, false)).modules[0].load_bias == BIAS - 0x10000);
  test.write("libx.so", ByteVector(100, 'x'));
  CHECK(test.open(core_of(elf, path, false)).modules[0].file_status == Module::FileStatus::NO_FILE);
}

TEST_CASE("The program may lie elsewhere: --exe and --sysroot") {
  const Case test;
  const ElfBuilder elf{.type = ET_EXEC, .base = 0x400000};
  const auto core_with = [&](const std::string& path) {
    CoreBuilder core;
    core.process(1, "prog", "prog")
        .thread(1, registers_at(0x401000, 0x10000))
        .auxiliary({{AT_PHDR, 0x400040}, {AT_ENTRY, 0x401000}});
    core.files(synth::mappings_of(elf, 0, path)).loaded_module(elf, 0).memory(0x10000, ByteVector(8));
    return core;
  };
  OpenOptions by_name;
  by_name.executable = test.write("copy", elf.build());
  const Snapshot named = test.open(core_with("/gone/prog"), by_name);
  REQUIRE(named.modules.size() == 1);
  CHECK(named.modules[0].is_main_program);
  CHECK(named.modules[0].load_bias == 0);
  CHECK(named.modules[0].file_path == by_name.executable);
  CHECK(named.process.executable == "/gone/prog");
  CHECK(named.memory.read<std::uint8_t>(Address(0x401000)) == 0x90);

  run_program({"mkdir", "-p", test.path("root/gone")});
  test.write("root/gone/prog", elf.build());
  OpenOptions by_root;
  by_root.sysroot = test.path("root");
  CHECK(test.open(core_with("/gone/prog"), by_root).modules[0].file_path == test.path("root/gone/prog"));

  const Snapshot gone = test.open(core_with("/gone/prog (deleted)"));
  CHECK(gone.modules[0].is_deleted);
  CHECK(gone.modules[0].path == "/gone/prog");
  CHECK(gone.modules[0].file_status == Module::FileStatus::NO_FILE);
  CHECK(gone.modules[0].file_path == "/gone/prog");
}

TEST_CASE("What no folder has is fetched by its build ID") {
  const Case test;
  const ElfBuilder elf;
  const std::string elsewhere = test.write("fetched", elf.build());
  OpenOptions options;
  std::string asked;
  options.fetch_executable = [&](const BuildId& id) {
    asked = id.hex();
    return elsewhere;
  };
  const Snapshot snapshot = test.open(core_of(elf, "/gone/libx.so"), options);
  CHECK(asked == "aabbccdd01020304");
  CHECK(snapshot.modules[0].file_path == elsewhere);
  options.fetch_executable = [](const BuildId&) { return std::string(); };
  CHECK(test.open(core_of(elf, "/gone/libx.so"), options).modules[0].file_status ==
        Module::FileStatus::NO_FILE);
}

TEST_CASE("Where nothing else can be read, another dynamic section tells another build") {
  const Case test;
  // The program's data segment is its dynamic section; the fourth header, PT_NOTE, becomes PT_DYNAMIC.
  ByteVector file = ElfBuilder{}.build();
  const Elf64_Phdr dynamic{PT_DYNAMIC, PF_R | PF_W, 0x2000, ElfBuilder::DATA, 0, 0x40, 0x40, 8};
  std::memcpy(file.data() + sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr), &dynamic, sizeof(dynamic));
  const auto with_entries = [&](std::uint64_t table, std::uint64_t debug) {
    synth::ByteWriter entries;
    entries.add(std::uint64_t{DT_STRTAB}).add(table).add(std::uint64_t{DT_STRSZ}).add(std::uint64_t{77});
    entries.add(std::uint64_t{DT_DEBUG}).add(debug).add(std::uint64_t{DT_NULL}).add(std::uint64_t{0});
    return entries.take();
  };
  const ByteVector on_disk = with_entries(0x500, 0);
  std::copy(on_disk.begin(), on_disk.end(), file.begin() + 0x2000);
  const std::string path = test.write("libx.so", file);
  const auto core_with = [&](ByteVector data) {
    CoreBuilder core;
    core.thread(1, registers_at(BIAS + 0x1010, 0x10000)).files(synth::mappings_of(ElfBuilder{}, BIAS, path));
    core.memory(BIAS, {}, PF_R, 0x1000).memory(BIAS + ElfBuilder::TEXT, {}, PF_R | PF_X, 0x1000);
    data.resize(0x1000);
    core.memory(BIAS + ElfBuilder::DATA, data);
    return core;
  };
  const Snapshot same = test.open(core_with(with_entries(BIAS + 0x500, 0x1234)));
  CHECK(same.modules[0].file_status == Module::FileStatus::OK);
  CHECK(has_note(same, "its headers are the same; no build ID proves it"));
  const Snapshot moved = test.open(core_with(with_entries(BIAS + 0x510, 0x1234)));
  CHECK(moved.modules[0].file_status == Module::FileStatus::BUILD_ID_MISMATCH);
  CHECK(has_note(moved, "its segments differ"));
}

TEST_CASE("A file that is mapped as data is no module") {
  const Case test;
  const ElfBuilder elf;
  CoreBuilder core;
  core.thread(1, registers_at(1, 2));
  core.files({{Address(0x10000), Address(0x14000), 0, "/usr/lib/looked-at.so"},
              {Address(0x20000), Address(0x21000), 0, "/data/table"}});
  core.memory(0x10000, elf.build(), PF_R).memory(0x20000, ByteVector(0x1000, 'x'), PF_R);
  const Snapshot snapshot = test.open(core);
  CHECK(snapshot.modules.empty());
  CHECK(snapshot.file_mappings.size() == 2);
  CHECK(snapshot.notes.empty());
}

TEST_CASE("A data file that gcore left out is no module, whether its file is there or not") {
  const Case test;
  const ElfBuilder elf;
  const std::string library = test.write("libx.so", elf.build());
  const std::string data = test.write("LC_COLLATE", ByteVector(0x1000, 'c'));
  auto mappings = synth::mappings_of(elf, BIAS, library);
  mappings.push_back({Address(0x7f1000000000), Address(0x7f1000001000), 0, data});
  mappings.push_back({Address(0x7f2000000000), Address(0x7f2000001000), 0, "/gone/LC_CTYPE"});
  CoreBuilder core;
  core.thread(1, registers_at(BIAS + 0x1010, 0x10000)).files(mappings).loaded_module(elf, BIAS);
  const Snapshot snapshot = test.open(core);
  CHECK(snapshot.modules.size() == 1);
  CHECK(snapshot.notes.empty());

  CoreBuilder without_headers;  // here nothing tells data from code but the files themselves
  without_headers.thread(1, registers_at(BIAS + 0x1010, 0x10000)).files(mappings);
  const Snapshot guessed = test.open(without_headers);
  REQUIRE(guessed.modules.size() == 1);
  CHECK(guessed.modules[0].path == library);
}

TEST_CASE("The vDSO's image comes from the dump") {
  const Case test;
  const ElfBuilder vdso{.build_id = {1, 2, 3, 4, 5}};
  CoreBuilder core;
  core.thread(1, registers_at(1, 2)).auxiliary({{AT_SYSINFO_EHDR, 0x7fff0000}});
  core.memory(0x7fff0000, vdso.build(), PF_R | PF_X);
  const Snapshot snapshot = test.open(core);
  REQUIRE(snapshot.modules.size() == 1);
  CHECK(snapshot.modules[0].path == "[vdso]");
  REQUIRE(snapshot.modules[0].image != nullptr);
  CHECK(snapshot.modules[0].image->find_section(".text") != nullptr);
  CHECK(snapshot.modules[0].build_id.hex() == "0102030405");
}

TEST_CASE("The dynamic linker's list names what NT_FILE lacks") {
  const Case test;
  // The program's data segment holds its dynamic section, r_debug and two link_map entries; it has been
  // written by the builder as plain bytes at the addresses below.
  constexpr std::uint64_t program = 0x400000, library = 0x7f1000000000, dynamic = 0x600000, debug = 0x600100,
                          map_one = 0x600200, map_two = 0x600300, name_one = 0x600400, name_two = 0x600410;
  const ElfBuilder plain{.build_id = {}};
  ElfBuilder exe{.type = ET_EXEC, .base = program, .build_id = {5, 5, 5, 5}};
  ByteVector image = exe.build();
  // The fourth header becomes PT_DYNAMIC.
  Elf64_Phdr header{PT_DYNAMIC, PF_R | PF_W, 0x2000, dynamic, 0, 0x100, 0x100, 8};
  std::memcpy(image.data() + sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr), &header, sizeof(header));
  image.resize(0x1000);
  synth::ByteWriter data;
  data.add(std::uint64_t{DT_NEEDED})
      .add(std::uint64_t{1})
      .add(std::uint64_t{DT_DEBUG})
      .add(debug)
      .add(std::uint64_t{DT_NULL});
  data.pad_to(0x100).add(std::uint64_t{1}).add(map_one);
  data.pad_to(0x200).add(std::uint64_t{0}).add(name_one).add(dynamic).add(map_two).add(std::uint64_t{0});
  // A cycle: the second entry points back at the first one.
  data.pad_to(0x300).add(library).add(name_two).add(library + ElfBuilder::DATA).add(map_one).add(map_one);
  data.pad_to(0x400)
      .add(std::uint64_t{0})
      .pad_to(0x410)
      .add_text("/lib/libhidden.so")
      .add('\0')
      .pad_to(0x1000);

  CoreBuilder core;
  core.process(1, "prog", "prog").thread(1, registers_at(program + 0x1000, 0x10000));
  core.auxiliary({{AT_PHDR, program + 64}, {AT_ENTRY, program + 0x1000}});
  core.memory(program, image, PF_R)
      .memory(dynamic, data.take())
      .loaded_module(ElfBuilder{.build_id = {6, 6, 6, 6}}, library);
  const Snapshot snapshot = test.open(core);
  REQUIRE(snapshot.modules.size() == 2);
  CHECK(snapshot.modules[0].is_main_program);
  CHECK(snapshot.modules[0].start == Address(program));
  CHECK(snapshot.modules[1].path == "/lib/libhidden.so");
  CHECK(snapshot.modules[1].load_bias == library);
  CHECK(snapshot.modules[1].build_id.hex() == "06060606");
}

TEST_CASE("The command line is read from the initial stack, spaces and all") {
  const Case test;
  constexpr std::uint64_t stack = 0x7ffc00000000;
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> vector = {
      {AT_SYSINFO_EHDR, 0x123000}, {AT_HWCAP, 0xbfebfbff}, {AT_RANDOM, stack + 0x400}};
  synth::ByteWriter bytes;
  bytes.pad_to(0x100);
  bytes.add(std::uint64_t{3}).add(stack + 0x500).add(stack + 0x510).add(stack + 0x520).add(std::uint64_t{0});
  bytes.add(stack + 0x530).add(stack + 0x540).add(std::uint64_t{0});
  for (const auto& [type, value] : vector) bytes.add(type).add(value);
  bytes.add(std::uint64_t{0}).add(std::uint64_t{0});
  bytes.pad_to(0x500)
      .add_text("/bin/a tool")
      .pad_to(0x510)
      .add_text("--name=x y")
      .pad_to(0x520)
      .add_text("")
      .pad_to(0x530);
  bytes.add_text("HOME=/").pad_to(0x540).add_text("A=B").pad_to(0x1000);
  CoreBuilder core;
  core.process(1, "a tool", "/bin/a tool --name=x y ")
      .thread(1, registers_at(1, stack))
      .auxiliary(vector)
      .memory(stack, bytes.take());
  CHECK(test.open(core).process.command_line == std::vector<std::string>{"/bin/a tool", "--name=x y", ""});
}

// Cores that gdb and the kernel wrote, held against readelf, /proc and the programs' own account.
#include "coredump/cores/open_core.h"
#include "tests/support/live_program.h"
#include "tests/support/run_program.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <elf.h>

using namespace standstill;

namespace {

std::set<int> tasks_of(pid_t pid) {
  std::set<int> tids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    tids.insert(std::stoi(entry.path().filename().string()));
  }
  return tids;
}

// Files of /proc/PID/maps that have an executable mapping: the modules, by another road.
std::set<std::string> code_files_of(pid_t pid) {
  std::set<std::string> files;
  std::istringstream lines(read_whole_file("/proc/" + std::to_string(pid) + "/maps"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string range, permissions, offset, device, inode, path;
    fields >> range >> permissions >> offset >> device >> inode;
    std::getline(fields >> std::ws, path);
    if (permissions.find('x') != std::string::npos && !path.empty() && path != "[vsyscall]")
      files.insert(path);
  }
  return files;
}

std::string build_id_by_readelf(const std::string& path) {
  const std::string notes = run_program({"readelf", "-nW", path}).out;
  const std::string label = "Build ID: ";
  const std::size_t at = notes.find(label);
  return at == std::string::npos ? ""
                                 : notes.substr(at + label.size(), notes.find('\n', at) - at - label.size());
}

std::set<std::string> paths_of(const Snapshot& snapshot) {
  std::set<std::string> paths;
  for (const Module& module : snapshot.modules) paths.insert(module.path);
  return paths;
}

void check_memory(const Snapshot& snapshot) {
  for (const Thread& thread : snapshot.threads) {
    CHECK_FALSE(snapshot.memory.bytes_at(thread.registers.pc()).empty());
    CHECK_FALSE(snapshot.memory.bytes_at(thread.registers.stack_pointer()).empty());
    CHECK(snapshot.is_executable(thread.registers.pc()));
    CHECK(snapshot.find_module(thread.registers.pc()));
    // glibc's thread control block begins with a pointer to itself.
    CHECK(snapshot.memory.read<std::uint64_t>(Address(thread.registers.thread_pointer)) ==
          thread.registers.thread_pointer);
  }
}

}  // namespace

TEST_CASE("A core of gcore has the threads, modules and files of the process, for every link kind") {
  const std::string name = GENERATE("workers_pie", "workers_no_pie", "workers_static", "workers_static_pie",
                                    "workers_stripped", "workers_no_build_id");
  INFO(name);
  const TemporaryFolder folder;
  const std::string program = std::string(FIXTURE_DIR "/") + name;
  const LiveProgram live({program, "one argument", "", "two"}, folder.path());
  const auto tasks = tasks_of(live.pid());
  const auto files = code_files_of(live.pid());
  const auto snapshot = open_core(live.gcore(), {});
  REQUIRE(snapshot);

  std::set<int> tids;
  for (const Thread& thread : snapshot->threads) tids.insert(thread.tid);
  CHECK(tids == tasks);
  CHECK(snapshot->process.pid == live.pid());
  CHECK(snapshot->process.executable == program);
  CHECK(snapshot->process.command_line == std::vector<std::string>{program, "one argument", "", "two"});
  CHECK_FALSE(snapshot->process.signal);
  CHECK(paths_of(*snapshot) == files);
  for (const Module& module : snapshot->modules) {
    INFO(module.path);
    CHECK(module.file_status == Module::FileStatus::OK);
    CHECK(module.is_main_program == (module.path == program));
    if (module.path != "[vdso]") CHECK(module.build_id.hex() == build_id_by_readelf(module.path));
  }
  check_memory(*snapshot);
  CHECK(snapshot->completeness.missing_bytes == 0);
}

TEST_CASE("All memory of a gcore core is read as it stands in the core, and text as the process has it") {
  const TemporaryFolder folder;
  const LiveProgram live({FIXTURE_DIR "/workers_pie"}, folder.path());
  const std::string core = live.gcore();
  const auto snapshot = open_core(core, {});
  REQUIRE(snapshot);
  // Every LOAD segment where readelf sees it in the file.
  const std::string file = read_whole_file(core);
  std::istringstream lines(run_program({"readelf", "-lW", core}).out);
  std::size_t compared = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string type;
    std::uint64_t offset = 0, vaddr = 0, paddr = 0, in_file = 0;
    fields >> type >> std::hex >> offset >> vaddr >> paddr >> in_file;
    if (type != "LOAD") continue;
    std::string ours(in_file, '\0');
    INFO(line);
    REQUIRE(
        snapshot->memory.copy(Address(vaddr), {reinterpret_cast<std::uint8_t*>(ours.data()), ours.size()}));
    const bool is_same = file.compare(offset, in_file, ours) == 0;
    CHECK(is_same);
    ++compared;
  }
  CHECK(compared > 10);
  std::ifstream memory("/proc/" + std::to_string(live.pid()) + "/mem", std::ios::binary);
  // Text is not in the dump: it comes from the files, and is what the process has mapped.
  for (const Module& module : snapshot->modules) {
    for (const Elf64_Phdr& segment : module.image->program_headers()) {
      if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
      std::vector<std::uint8_t> ours(segment.p_filesz), theirs(segment.p_filesz);
      REQUIRE(snapshot->memory.copy(module.from_vaddr(segment.p_vaddr), ours));
      memory.clear();
      memory.seekg(static_cast<std::streamoff>(module.from_vaddr(segment.p_vaddr).value()));
      memory.read(reinterpret_cast<char*>(theirs.data()), static_cast<std::streamsize>(theirs.size()));
      const bool is_same = ours == theirs;
      CHECK(is_same);
    }
  }
}

TEST_CASE("A core of the kernel knows its signal and the thread that got it") {
  const TemporaryFolder folder;
  LiveProgram live({FIXTURE_DIR "/workers_pie"}, folder.path());
  const pid_t pid = live.pid();
  const auto tasks = tasks_of(pid);
  const auto files = code_files_of(pid);
  const std::string core = live.kernel_core(SIGQUIT);
  if (core.empty()) SKIP("this machine sends cores elsewhere (core_pattern) or forbids them");
  const auto snapshot = open_core(core, {});
  REQUIRE(snapshot);
  CHECK(snapshot->threads.size() == tasks.size());
  REQUIRE(snapshot->process.signal);
  CHECK(snapshot->process.signal->number == SIGQUIT);
  CHECK(snapshot->threads[0].tid == snapshot->process.signal->tid);
  CHECK(paths_of(*snapshot) == files);
  check_memory(*snapshot);
  CHECK(snapshot->notes.empty());
}

TEST_CASE("A program deleted and replaced while it ran is refused by build ID") {
  const TemporaryFolder folder;
  const std::string program = folder.file("prog");
  std::filesystem::copy_file(FIXTURE_DIR "/workers_pie", program);
  const LiveProgram live({program}, folder.path());
  std::filesystem::remove(program);
  const std::string core = live.gcore();
  const auto find_main = [](const Snapshot& snapshot) {
    return *std::find_if(snapshot.modules.begin(), snapshot.modules.end(),
                         [](const Module& m) { return m.is_main_program; });
  };
  {
    const auto snapshot = open_core(core, {});
    REQUIRE(snapshot);
    const Module module = find_main(*snapshot);
    CHECK(module.path == program);
    CHECK(module.is_deleted);
    CHECK(module.file_status == Module::FileStatus::NO_FILE);
  }
  std::filesystem::copy_file(FIXTURE_DIR "/workers_unoptimised", program);  // another build in its place
  {
    const auto snapshot = open_core(core, {});
    REQUIRE(snapshot);
    const Module module = find_main(*snapshot);
    CHECK(module.file_status == Module::FileStatus::BUILD_ID_MISMATCH);
    CHECK(module.file_build_id.hex() == build_id_by_readelf(FIXTURE_DIR "/workers_unoptimised"));
    CHECK(module.build_id.hex() == build_id_by_readelf(FIXTURE_DIR "/workers_pie"));
  }
  OpenOptions options;
  options.executable = FIXTURE_DIR "/workers_pie";
  const auto snapshot = open_core(core, options);
  REQUIRE(snapshot);
  CHECK(find_main(*snapshot).file_status == Module::FileStatus::OK);
}

TEST_CASE("The dynamic linker's list finds the modules of a core whose mapping table is gone") {
  const TemporaryFolder folder;
  const LiveProgram live({FIXTURE_DIR "/workers_pie"}, folder.path());
  const auto files = code_files_of(live.pid());
  std::string core = read_whole_file(live.gcore());
  // NT_FILE is "FILE" in little-endian; another number makes it a note that nobody knows.
  const std::string table = {'E', 'L', 'I', 'F', 'C', 'O', 'R', 'E', '\0'};
  const std::size_t at = core.find(table);
  REQUIRE(at != std::string::npos);
  core[at] = 'X';
  write_whole_file(folder.file("without"), core);
  OpenOptions options;
  options.executable = FIXTURE_DIR "/workers_pie";
  const auto snapshot = open_core(folder.file("without"), options);
  REQUIRE(snapshot);
  CHECK(snapshot->file_mappings.empty());
  // The same files, though by the names that the linker knows them by.
  std::set<std::string> found;
  for (const Module& module : snapshot->modules) {
    INFO(module.path);
    CHECK(module.file_status == Module::FileStatus::OK);
    found.insert(module.path == "[vdso]" ? module.path : std::filesystem::canonical(module.path).string());
  }
  CHECK(found == files);
  check_memory(*snapshot);
}

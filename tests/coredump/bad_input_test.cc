// What is not a core at all: one line that says what was found and where, and what to try.
#include "coredump/cores/open_core.h"
#include "tests/support/core_builder.h"
#include "tests/support/run_program.h"

#include <cstring>

#include <catch2/catch_test_macros.hpp>
#include <sys/stat.h>
#include <unistd.h>

using namespace standstill;

namespace {

Error error_of(const std::string& path) {
  const auto snapshot = open_core(path, {});
  REQUIRE_FALSE(snapshot);
  CHECK(snapshot.error().message.find('\n') == std::string::npos);
  return snapshot.error();
}

// The error for a file with these contents, without the path in front.
Error error_of_contents(const synth::ByteVector& bytes) {
  const TemporaryFolder folder;
  const std::string path = folder.file("input");
  write_whole_file(path, std::string(bytes.begin(), bytes.end()));
  Error error = error_of(path);
  REQUIRE(error.message.starts_with(path + ": "));
  error.message.erase(0, path.size() + 2);
  return error;
}

synth::ByteVector with(synth::ByteVector bytes, std::size_t offset, std::uint8_t value) {
  bytes.at(offset) = value;
  return bytes;
}

const synth::ByteVector sound = synth::CoreBuilder().thread(1, {}).build();

}  // namespace

TEST_CASE("A text given as a core is named as text") {
  const std::string text = "#!/bin/sh\necho hello\n";
  const Error error = error_of_contents({text.begin(), text.end()});
  CHECK(error.message ==
        "not an ELF file: it starts with the text \"#!/bin/sh echo h\" at offset 0, expected 7f 45 4c 46");
  CHECK_FALSE(error.hint.empty());
}

TEST_CASE("Binary that is no ELF file is shown by its first bytes") {
  CHECK(error_of_contents({0x89, 'P', 'N', 'G', 13, 10}).message ==
        "not an ELF file: it starts with 89 50 4e 47 at offset 0, expected 7f 45 4c 46");
}

TEST_CASE("An empty file is called empty") { CHECK(error_of_contents({}).message == "the file is empty"); }

TEST_CASE("An ELF header that is cut off says how much is there") {
  CHECK(error_of_contents({sound.begin(), sound.begin() + 40}).message ==
        "ELF header at offset 0: expected 64 bytes, have 40");
}

TEST_CASE("A program given as a core leads to its pid and to --exe") {
  const Error error = error_of(FIXTURE_DIR "/workers_pie");
  CHECK(error.message == FIXTURE_DIR "/workers_pie: is an executable, not a core");
  CHECK(error.hint.find("--exe") != std::string::npos);
  CHECK(error_of(FIXTURE_DIR "/workers_static").message.ends_with("is an executable, not a core"));
}

TEST_CASE("A shared library is told from a program") {
  const std::string list = run_program({"ldd", FIXTURE_DIR "/workers_pie"}).out;
  const std::size_t start = list.find('/', list.find("libc.so.6"));
  const std::string library = list.substr(start, list.find(' ', start) - start);
  CHECK(error_of(library).message == library + ": is a shared library, not a core");
}

TEST_CASE("Cores of other machines are refused by name") {
  CHECK(error_of_contents(with(sound, EI_CLASS, ELFCLASS32)).message.starts_with("a 32-bit ELF file"));
  CHECK(error_of_contents(with(sound, EI_DATA, ELFDATA2MSB)).message.starts_with("a big-endian ELF file"));
  CHECK(error_of_contents(with(sound, 18, EM_AARCH64)).message ==
        "made on AArch64 (e_machine at offset 18); only x86-64 is understood");
  CHECK(
      error_of_contents(with(with(sound, 18, 0xfe), 19, 0xca)).message.starts_with("made on machine 0xcafe"));
}

TEST_CASE("Damaged headers are named by offset") {
  CHECK(error_of_contents(with(sound, EI_CLASS, 9)).message ==
        "damaged ELF header: EI_CLASS at offset 4 is 9, expected 2");
  CHECK(error_of_contents(with(sound, 54, 1)).message ==
        "damaged ELF header: e_phentsize at offset 54 is 1, expected 56");
  CHECK(error_of_contents(with(sound, 16, ET_REL)).message ==
        "is an ELF file of type 1 (e_type at offset 16), not a core (4)");
}

TEST_CASE("A folder, a missing file and a device are no cores") {
  const TemporaryFolder folder;
  CHECK(error_of(folder.path()).message == folder.path() + ": is a directory, not a core");
  CHECK(error_of(folder.file("none")).message == folder.file("none") + ": No such file or directory");
  CHECK(error_of("/dev/null").message == "/dev/null: is neither a file nor a pipe");
}

TEST_CASE("A core that one may not read says as whom to run") {
  if (::geteuid() == 0) SKIP("root may read everything");
  const TemporaryFolder folder;
  write_whole_file(folder.file("core"), std::string(sound.begin(), sound.end()));
  ::chmod(folder.file("core").c_str(), 0);
  const Error error = error_of(folder.file("core"));
  CHECK(error.message.ends_with("Permission denied"));
  CHECK(error.hint.find("root") != std::string::npos);
}

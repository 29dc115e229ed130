// Compressed cores and standard input. The compressed bytes come from the compressors' own programs.
// (lz4 with small blocks: what a stream that breaks inside its only block held is lost.)
#include "coredump/cores/core_input.h"

#include "base/descriptor.h"
#include "tests/support/core_builder.h"
#include "tests/support/run_program.h"

#include <csignal>
#include <random>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace standstill;

namespace {

struct Format {
  std::string name;
  std::vector<std::string> command;
};

const Format formats[] = {{"zstd", {"zstd", "-q", "-c"}},
                          {"lz4", {"lz4", "-q", "-c", "-B4"}},
                          {"gzip", {"gzip", "-c"}},
                          {"xz", {"xz", "-c"}}};

// A megabyte and a half, partly zeros, partly noise.
std::string sample() {
  std::mt19937 random(5);
  std::string text(1'500'000, '\0');
  for (std::size_t i = 300'000; i < 900'000; ++i) text[i] = static_cast<char>(random() % 64);
  text.back() = 'z';
  return text;
}

std::string compress(const Format& format, const std::string& text) {
  return run_program(format.command, {.input = text, .environment = {}, .folder = {}}).out;
}

struct Unpacked {
  Result<std::shared_ptr<const MappedFile>> file;
  std::vector<Note> notes;
  std::string text() const {
    const Bytes bytes = (*file)->bytes();
    return std::string(as_text(bytes));
  }
};

Unpacked unpack(const std::string& contents) {
  const TemporaryFolder folder;
  write_whole_file(folder.file("input"), contents);
  std::vector<Note> notes;
  auto file = open_core_input(folder.file("input"), {}, notes);
  return {std::move(file), std::move(notes)};
}

// Puts another file in the place of standard input for a while.
class StandardInput {
 public:
  explicit StandardInput(int descriptor) : saved_(::dup(STDIN_FILENO)) { ::dup2(descriptor, STDIN_FILENO); }
  ~StandardInput() { ::dup2(saved_.get(), STDIN_FILENO); }

 private:
  Descriptor saved_;
};

}  // namespace

TEST_CASE("Every compression is recognised by its bytes and unpacked whole") {
  const Format& format = formats[GENERATE(0, 1, 2, 3)];
  const std::string text = sample();
  const Unpacked unpacked = unpack(compress(format, text));
  REQUIRE(unpacked.file);
  CHECK(unpacked.text() == text);
  CHECK(unpacked.notes.empty());
}

TEST_CASE("Streams one after another count as one") {
  const Format& format = formats[GENERATE(0, 1, 2, 3)];
  const Unpacked unpacked =
      unpack(compress(format, "first ") + compress(format, "second ") + compress(format, "third"));
  REQUIRE(unpacked.file);
  CHECK(unpacked.text() == "first second third");
  CHECK(unpacked.notes.empty());
}

TEST_CASE("A stream that breaks off gives its beginning and a note") {
  const Format& format = formats[GENERATE(0, 1, 2, 3)];
  const std::string text = sample();
  const std::string packed = compress(format, text);
  const Unpacked unpacked = unpack(packed.substr(0, packed.size() * 3 / 4));
  INFO(format.name);
  REQUIRE(unpacked.file);
  CHECK(unpacked.text().size() > 300'000);
  CHECK(text.starts_with(unpacked.text()));
  REQUIRE(unpacked.notes.size() == 1);
  CHECK(unpacked.notes[0].text.starts_with("the " + format.name + " stream is broken at offset "));
}

TEST_CASE("A damaged stream gives what came before the damage and a note") {
  const Format& format = formats[GENERATE(0, 1, 2, 3)];
  const std::string text = sample();
  std::string packed = compress(format, text);
  for (std::size_t i = 0; i < 64; ++i)
    packed[packed.size() * 3 / 4 + i] = static_cast<char>(~packed[packed.size() * 3 / 4 + i]);
  const Unpacked unpacked = unpack(packed);
  INFO(format.name);
  REQUIRE(unpacked.file);
  CHECK(unpacked.notes.size() == 1);
  CHECK(unpacked.text().substr(0, 300'000) == text.substr(0, 300'000));
}

TEST_CASE("A stream that breaks at once is an error") {
  const Format& format = formats[GENERATE(0, 1, 2, 3)];
  const Unpacked unpacked = unpack(compress(format, sample()).substr(0, 9));
  REQUIRE_FALSE(unpacked.file);
  CHECK(unpacked.file.error().message.find("the " + format.name + " stream is broken at offset 9") !=
        std::string::npos);
  CHECK_FALSE(unpacked.file.error().hint.empty());
}

TEST_CASE("Something behind a stream is said") {
  const Unpacked unpacked = unpack(compress(formats[3], "core") + "tail");
  REQUIRE(unpacked.file);
  CHECK(unpacked.text() == "core");
  CHECK(unpacked.notes.size() == 1);
  const Unpacked padded = unpack(compress(formats[2], "core") + std::string(1000, '\0'));
  CHECK(padded.text() == "core");
  CHECK(padded.notes.empty());
}

TEST_CASE("Standard input is read whether it is a file or a pipe, packed or not") {
  const std::string text = sample();
  const TemporaryFolder folder;
  for (const std::string& contents : {text, compress(formats[0], text)}) {
    write_whole_file(folder.file("input"), contents);
    {
      const Descriptor file(::open(folder.file("input").c_str(), O_RDONLY));
      const StandardInput input(file.get());
      std::vector<Note> notes;
      const auto mapped = open_core_input("-", {}, notes);
      REQUIRE(mapped);
      CHECK(as_text((*mapped)->bytes()) == text);
      CHECK((*mapped)->path() == "standard input");
    }
    {
      const std::string command = "cat " + folder.file("input");
      FILE* pipe = ::popen(command.c_str(), "r");
      const StandardInput input(::fileno(pipe));
      std::vector<Note> notes;
      const auto mapped = open_core_input("-", {}, notes);
      REQUIRE(mapped);
      CHECK(as_text((*mapped)->bytes()) == text);
      ::pclose(pipe);
    }
  }
}

TEST_CASE("Zeros in a packed core take no room on disk") {
  std::string text(50 << 20, '\0');
  text.back() = 'x';
  const Unpacked unpacked = unpack(compress(formats[0], text));
  REQUIRE(unpacked.file);
  CHECK((*unpacked.file)->bytes().size() == text.size());
  CHECK((*unpacked.file)->bytes().back() == 'x');
}

TEST_CASE("A full disk is one clear error") {
  const std::string packed = compress(formats[0], sample());
  // A limit on the size of files stands in for the disk: writing fails in the same place.
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1'000'000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const Unpacked unpacked = unpack(packed);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  REQUIRE_FALSE(unpacked.file);
  CHECK(unpacked.file.error().message.find("File too large after ") != std::string::npos);
  CHECK(unpacked.file.error().hint == "set TMPDIR to a folder with more room");
}

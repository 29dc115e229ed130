#include "runtimes/go/go_version.h"

#include "tests/support/core_builder.h"

#include <catch2/catch_test_macros.hpp>

namespace standstill {
namespace {

synth::ByteVector build_info(std::string_view version, std::uint8_t flags = 2) {
  synth::ByteWriter writer;
  writer.add_text("\xff Go buildinf:").add(std::uint8_t{8}).add(flags).pad_to(32);
  writer.add(static_cast<std::uint8_t>(version.size())).add_text(version).align(16);
  return writer.take();
}

}  // namespace

TEST_CASE("a released, a candidate and a development version of Go are told") {
  CHECK(parse_go_version("go1.22.12")->minor == 22);
  CHECK(parse_go_version("go1.26rc1 X:arenas")->minor == 26);
  CHECK(parse_go_version("devel go1.25-0d7abcd Mon Mar 3")->minor == 25);
}

TEST_CASE("what is no version of Go 1 is none") {
  for (const char* text :
       {"", "go1.", "go2.1", "go1.x", "unknown", "xgo1.22", "go1.22\n", "go1.99999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_go_version(text));
  }
}

TEST_CASE("the build information is found at its alignment and tells the version") {
  synth::ByteVector data(64, 0xda);
  const synth::ByteVector info = build_info("go1.19.8");
  data.insert(data.end(), info.begin(), info.end());
  CHECK(find_build_version(data)->text == "go1.19.8");
  data.insert(data.begin(), 1, 0);
  CHECK_FALSE(find_build_version(data));
}

TEST_CASE("build information that is cut off or of the older form tells nothing") {
  CHECK_FALSE(find_build_version(build_info("go1.17.1", 0)));
  synth::ByteVector cut = build_info("go1.19.8");
  cut.resize(36);
  CHECK_FALSE(find_build_version(cut));
  CHECK_FALSE(find_build_version({}));
}

}  // namespace standstill

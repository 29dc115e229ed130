#include "reports/profile.pb.h"
#include "reports/runtime_pprof.h"
#include "reports/runtime_profile_text.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

namespace standstill {
namespace {

// Two functions of the runtime on top of two of the program, the inner one of which is inlined into the outer
// one.
RuntimeProfileRecord heap_record() {
  RuntimeProfileRecord profile;
  profile.name = "heap";
  profile.types = {{"alloc_objects", "count"},
                   {"alloc_space", "bytes"},
                   {"inuse_objects", "count"},
                   {"inuse_space", "bytes"}};
  profile.period_type = {"space", "bytes"};
  profile.period = 512;
  profile.hides_internal = true;
  profile.keeps_totals_apart = true;
  profile.frames = {{Address(0x1003), "runtime.mallocgc", Address(0x1000), "/go/malloc.go", 10, 5},
                    {Address(0x1103), "internal/runtime/maps.grow", Address(0x1100), "/go/maps.go", 20, 15},
                    {Address(0x2003), "main.(*box[go.shape.int]).add", Address(0x2000), "/p/box.go", 30, 29},
                    {Address(0x2001), "main.fill", Address(0x2000), "/p/fill.go", 40, 38}};
  profile.locations = {{Address(0x2003), {2, 3}}};
  RuntimeSampleRecord sample;
  sample.locations = {0};
  sample.values = {4, 64, 2, 32};
  sample.stack = {Address(0x1004), Address(0x1104), Address(0x2004), Address(0x2002)};
  sample.frames = {0, 1, 2, 3};
  sample.recorded = {2, 32, 2, 32};
  sample.object_bytes = 16;
  profile.samples = {sample};
  profile.text_order = {0};
  profile.figures = {{"Alloc", "32"}};
  return profile;
}

}  // namespace

TEST_CASE("a heap text hides the runtime where a stack begins and shortens type arguments") {
  CHECK(to_runtime_profile_text(heap_record()) ==
        "heap profile: 2: 32 [2: 33] @ heap/1024\n"
        "2: 32 [2: 32] @ 0x1004 0x1104 0x2004 0x2002\n"
        "#\t0x2003\tmain.(*box[...]).add+0x3\t/p/box.go:30\n"
        "#\t0x2001\tmain.fill+0x1\t\t\t/p/fill.go:40\n"
        "\n"
        "\n"
        "# runtime.MemStats\n"
        "# Alloc = 32\n");
}

TEST_CASE("a stack of nothing but the runtime is shown whole") {
  RuntimeProfileRecord profile = heap_record();
  profile.samples[0].frames = {0, 1};
  const std::string text = to_runtime_profile_text(profile);
  CHECK(text.find("runtime.mallocgc+0x3") != std::string::npos);
  CHECK(text.find("internal/runtime/maps.grow+0x3") != std::string::npos);
}

TEST_CASE("a stack outside the program's code has one line without a name") {
  RuntimeProfileRecord profile = heap_record();
  profile.name = "threadcreate";
  profile.types = {{"threadcreate", "count"}};
  profile.samples[0].recorded = {7};
  profile.samples[0].stack = {Address()};
  profile.samples[0].frames = {};
  CHECK(to_runtime_profile_text(profile) == "threadcreate profile: total 7\n7 @ 0x0\n#\t0x0\n\n");
}

TEST_CASE("contention is written with its clock and all its frames") {
  RuntimeProfileRecord profile = heap_record();
  profile.name = "mutex";
  profile.cycles_per_second = 2'000'000'000;
  profile.mutex_fraction = 5;
  profile.samples[0].recorded = {900, 3};
  profile.samples[0].frames = {0};
  CHECK(to_runtime_profile_text(profile) ==
        "--- mutex:\ncycles/second=2000000000\nsampling period=5\n"
        "900 3 @ 0x1004 0x1104 0x2004 0x2002\n#\t0x1003\truntime.mallocgc+0x3\t/go/malloc.go:10\n\n");
  profile.name = "block";
  CHECK(to_runtime_profile_text(profile).starts_with("--- contention:\ncycles/second=2000000000\n900 3 @"));
}

TEST_CASE("the binary form has the samples, one location for inlined functions, and full names") {
  pprof::Profile profile;
  REQUIRE(profile.ParseFromString(to_uncompressed_runtime_pprof(Findings{}, heap_record())));
  const auto text = [&](std::int64_t index) { return profile.string_table(static_cast<int>(index)); };
  REQUIRE(profile.sample_size() == 1);
  CHECK(profile.sample(0).value_size() == 4);
  CHECK(profile.sample(0).value(3) == 32);
  REQUIRE(profile.sample(0).label_size() == 1);
  CHECK(text(profile.sample(0).label(0).key()) == "bytes");
  CHECK(profile.sample(0).label(0).num() == 16);
  REQUIRE(profile.location_size() == 1);
  REQUIRE(profile.location(0).line_size() == 2);
  REQUIRE(profile.function_size() == 2);
  CHECK(text(profile.function(0).name()) == "main.(*box[go.shape.int]).add");
  CHECK(profile.function(0).start_line() == 29);
  CHECK(text(profile.period_type().type()) == "space");
  CHECK(profile.period() == 512);
}

TEST_CASE("labels keep characters that a terminal must not see") {
  RuntimeProfileRecord record = heap_record();
  record.samples[0].labels = {{"line", "one\ntwo"}};
  pprof::Profile profile;
  REQUIRE(profile.ParseFromString(to_uncompressed_runtime_pprof(Findings{}, record)));
  const auto& label = profile.sample(0).label(0);
  CHECK(profile.string_table(static_cast<int>(label.str())) == "one\ntwo");
}

}  // namespace standstill

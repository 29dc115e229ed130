#include "base/quoted.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

namespace standstill {

// The expected texts are what fmt.Printf("%q", ...) of Go 1.27 prints.
TEST_CASE("text is quoted as Go's %q quotes it") {
  CHECK(go_quoted("") == R"("")");
  CHECK(go_quoted("handler /x") == R"("handler /x")");
  CHECK(go_quoted("say \"no\" \\ yes") == R"("say \"no\" \\ yes")");
  CHECK(go_quoted("a\nb\tc\rd\ae\bf\fg\vh") == R"("a\nb\tc\rd\ae\bf\fg\vh")");
  CHECK(go_quoted(std::string("\0\x1b\x7f", 3)) == R"("\x00\x1b\x7f")");
  CHECK(go_quoted("\u00c4\u20ac\U0001f600") == "\"\u00c4\u20ac\U0001f600\"");
  CHECK(go_quoted("\u00a0\u200b\u00ad\ufeff\U000e0001") == R"("\u00a0\u200b\u00ad\ufeff\U000e0001")");
}

TEST_CASE("bytes that are no UTF-8 are quoted one by one") {
  CHECK(go_quoted("\xff\xc3") == R"("\xff\xc3")");
  CHECK(go_quoted("\xc0\x80") == R"("\xc0\x80")");          // two bytes for what takes one
  CHECK(go_quoted("\xed\xa0\x80") == R"("\xed\xa0\x80")");  // half of a surrogate pair
  CHECK(go_quoted("\xf4\x90\x80\x80") == R"("\xf4\x90\x80\x80")");
  CHECK(go_quoted("a\xe2\x82") == R"("a\xe2\x82")");
}

// As runtime/print.go of Go 1.27 has it: newline, return and tab by name, ASCII as it is, all else escaped.
TEST_CASE("text is quoted as Go's runtime quotes labels in tracebacks") {
  CHECK(go_quoted_in_ascii("foobar") == R"("foobar")");
  CHECK(go_quoted_in_ascii("foo\nbar\t\r") == R"("foo\nbar\t\r")");
  CHECK(go_quoted_in_ascii("a\\b\"c") == R"("a\\b\"c")");
  CHECK(go_quoted_in_ascii("\x01") == R"("\x01")");
  CHECK(go_quoted_in_ascii("\xff") == R"("\xff")");
  CHECK(go_quoted_in_ascii("\u00e4") == R"("\u00e4")");
  CHECK(go_quoted_in_ascii("\U0001f601") == R"("\U0001f601")");
}

}  // namespace standstill

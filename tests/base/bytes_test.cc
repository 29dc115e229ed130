#include "base/bytes.h"

#include <array>

#include <catch2/catch_test_macros.hpp>

using standstill::Bytes;
using standstill::Cursor;

TEST_CASE("A cursor reads DWARF's examples of LEB128 numbers") {
  // DWARF 5, figures 7.? "Examples of unsigned/signed LEB128 encodings".
  const std::array<std::uint8_t, 4> unsigned_examples = {0x7f, 0x80, 0x01, 0x02};
  Cursor u{Bytes(unsigned_examples)};
  CHECK(u.read_uleb() == 127);
  CHECK(u.read_uleb() == 128);
  CHECK(u.read_uleb() == 2);
  CHECK(u.at_end());
  const std::array<std::uint8_t, 5> signed_examples = {0x7e, 0xff, 0x00, 0x80, 0x7f};
  Cursor s{Bytes(signed_examples)};
  CHECK(s.read_sleb() == -2);
  CHECK(s.read_sleb() == 127);
  CHECK(s.read_sleb() == -128);
  CHECK(s.ok());
}

TEST_CASE("A cursor that ran out stays failed and reads zeros") {
  const std::array<std::uint8_t, 3> three = {1, 2, 3};
  Cursor cursor{Bytes(three)};
  CHECK(cursor.read<std::uint32_t>() == 0);
  CHECK_FALSE(cursor.ok());
  CHECK(cursor.read<std::uint8_t>() == 0);
}

TEST_CASE("A string without its NUL is a failure, not a read past the end") {
  const std::array<std::uint8_t, 2> text = {'a', 'b'};
  Cursor cursor{Bytes(text)};
  CHECK(cursor.read_c_string().empty());
  CHECK_FALSE(cursor.ok());
}

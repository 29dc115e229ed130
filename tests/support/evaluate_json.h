// Python reads the JSON that we write: the other source of what stands in it.
#pragma once

#include "tests/support/run_program.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

namespace standstill {

// What Python prints for an expression over the document `r`.
inline std::string evaluate(const std::string& json, const std::string& expression) {
  const ProgramResult result =
      run_program({"python3", "-c", "import json,sys\nr=json.load(sys.stdin)\nprint((" + expression + "))"},
                  {.input = json});
  INFO(result.error);
  REQUIRE(result.exit_status == 0);
  return result.out.substr(0, result.out.size() - 1);
}

}  // namespace standstill

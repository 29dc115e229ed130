// The core of fixtures/hung_orders, taken once for all tests of this program.
#pragma once

#include "tests/support/run_program.h"

#include <stdexcept>
#include <string>

namespace standstill {

// Its path; the file goes away when the program ends. Throws where gcore is not possible.
inline const std::string& hung_core() {
  static const TemporaryFolder folder;
  static const std::string path = [] {
    // Starts it, waits for its "ready", takes the core, ends it.
    const ProgramResult result =
        run_program({"bash", "-c",
                     R"(exec 3< <(exec "$0"); pid=$!
while read -r line <&3; do [ "$line" = ready ] && break; done
gcore -o "$1" $pid; kill -KILL $pid; mv "$1.$pid" "$1")",
                     std::string(FIXTURE_DIR) + "/hung_orders", folder.file("core")});
    if (result.exit_status != 0)
      throw std::runtime_error("no core of hung_orders: " + result.out + result.error);
    return folder.file("core");
  }();
  return path;
}

// The program under test.
inline const std::string STANDSTILL = std::string(BUILD_DIR) + "/standstill";

}  // namespace standstill

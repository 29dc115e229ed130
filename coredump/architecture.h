// What depends on the processor in a core: where the registers lie in a thread's status, for reading and for
// writing one. Each processor lives in its own file in architectures/ and defines
// `const Architecture X_architecture`.
#pragma once

#include "base/bytes.h"
#include "coredump/thread.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace standstill {

struct Architecture {
  const char* name;         // as Snapshot::architecture
  std::uint16_t machine;    // e_machine
  std::size_t status_size;  // bytes of NT_PRSTATUS
  // `status` has status_size bytes.
  Thread (*read_status)(Bytes status);
  // The way back: `status` has status_size bytes, all zero.
  void (*write_status)(const Thread& thread, int parent_pid, std::span<std::uint8_t> status);
};

// Generated from architectures/.
std::span<const Architecture* const> all_architectures();

const Architecture* find_architecture(std::uint16_t machine);
// By the name that Snapshot::architecture has.
const Architecture* find_architecture(std::string_view name);

}  // namespace standstill

// Which thread a number in memory means: owner fields hold thread ids as the C library saw them, stdio's
// locks hold the address of a thread control block. Seen from another PID namespace (gcore from outside a
// container), the ids in the dump's notes differ from those in memory; the control blocks then tell.
#pragma once

#include "coredump/snapshot.h"
#include "waits/wait_state.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace standstill {

enum class CLibrary : std::uint8_t { UNKNOWN, GLIBC, MUSL };

class ThreadDirectory {
 public:
  explicit ThreadDirectory(const Snapshot& snapshot);

  std::optional<ThreadIndex> by_tid(std::uint64_t tid) const;
  std::optional<ThreadIndex> by_control_block(Address address) const;
  // The thread whose control block starts at most `reach` bytes below `address`, and how far below.
  std::optional<std::pair<ThreadIndex, std::uint64_t>> control_block_below(Address address,
                                                                           std::uint64_t reach) const;

  CLibrary c_library() const { return c_library_; }
  int pid() const { return pid_; }
  int parent_pid() const { return parent_pid_; }
  std::size_t size() const { return by_tid_.size(); }
  // Whether the number could be a thread id at all (the kernel's limit is 2^22).
  static bool is_plausible_tid(std::uint64_t tid) { return tid > 0 && tid <= (1u << 22); }

 private:
  static constexpr ThreadIndex NOBODY = UINT32_MAX;

  void make_table();

  std::vector<std::pair<std::uint64_t, ThreadIndex>> by_tid_;  // sorted
  // The same by number, from the lowest on, where these lie close together; else empty.
  std::vector<ThreadIndex> table_;
  std::uint64_t lowest_tid_ = 0;
  std::vector<std::pair<Address, ThreadIndex>> by_control_block_;  // sorted
  CLibrary c_library_ = CLibrary::UNKNOWN;
  int pid_ = 0;
  int parent_pid_ = 0;
};

}  // namespace standstill

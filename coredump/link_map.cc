#include "coredump/link_map.h"

#include <unordered_set>

namespace standstill {
namespace {

// struct r_debug:   +0 r_version (int)  +8 r_map  +16 r_brk  +24 r_state  +32 r_ldbase  +40 r_next (r_version
// 2: further namespaces) struct link_map:  +0 l_addr  +8 l_name  +16 l_ld  +24 l_next  +32 l_prev
constexpr std::size_t MOST_ENTRIES = 20'000;
constexpr unsigned MOST_NAMESPACES = 1000;  // glibc allows 16 (dlmopen)

Address find_debug_structure(const MemoryView& memory, const std::vector<Elf64_Phdr>& program_headers,
                             std::uint64_t load_bias) {
  constexpr std::uint64_t most_tags = 4096;
  for (const Elf64_Phdr& segment : program_headers) {
    if (segment.p_type != PT_DYNAMIC) continue;
    const Address start(segment.p_vaddr + load_bias);
    for (std::uint64_t i = 0; i < most_tags; ++i) {
      const auto entry = memory.read<Elf64_Dyn>(start + i * sizeof(Elf64_Dyn));
      if (!entry || entry->d_tag == DT_NULL) break;
      if (entry->d_tag == DT_DEBUG) return Address(entry->d_un.d_ptr);
    }
  }
  return Address();
}

}  // namespace

std::vector<LinkMapEntry> read_link_map(const MemoryView& memory,
                                        const std::vector<Elf64_Phdr>& program_headers,
                                        std::uint64_t load_bias) {
  std::vector<LinkMapEntry> entries;
  std::unordered_set<Address> seen;
  Address debug = find_debug_structure(memory, program_headers, load_bias);
  for (unsigned i = 0; i < MOST_NAMESPACES && debug && seen.insert(debug).second; ++i) {
    Address at = memory.read_address(debug + 8).value_or(Address());
    while (at && entries.size() < MOST_ENTRIES && seen.insert(at).second) {
      const auto bias = memory.read<std::uint64_t>(at);
      const auto name = memory.read_address(at + 8);
      const auto dynamic = memory.read_address(at + 16);
      const auto next = memory.read_address(at + 24);
      if (!bias || !name || !dynamic || !next) break;
      entries.push_back({*bias, memory.read_c_string(*name).value_or(""), *dynamic});
      at = *next;
    }
    const bool has_namespaces = memory.read<std::int32_t>(debug).value_or(0) >= 2;
    debug = has_namespaces ? memory.read_address(debug + 40).value_or(Address()) : Address();
  }
  return entries;
}

}  // namespace standstill

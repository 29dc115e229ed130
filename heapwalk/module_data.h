// The global variables of a module as they stood in the process: where allocators without symbols are found
// by what their variables look like.
#pragma once

#include "coredump/snapshot.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

// One writable segment (.data and .bss, with what the loader made read-only), as 8-byte words.
struct DataWords {
  Address start;
  std::vector<std::uint64_t> words;  // what could not be read is 0

  Address address_of(std::size_t index) const { return start + 8 * index; }
  Address end() const { return start + 8 * words.size(); }
  bool contains(Address address) const { return start <= address && address < end(); }
  // The word at an address of this segment; 0 outside.
  std::uint64_t at(Address address) const { return contains(address) ? words[(address - start) / 8] : 0; }
};

// The writable segments of a module, of each the first 64 MiB; none where its headers cannot be read.
std::vector<DataWords> read_module_data(const Snapshot& snapshot, const Module& module);

// Where they lie, without reading them.
struct DataRange {
  Address start;
  Address end;
};
std::vector<DataRange> data_ranges(const Snapshot& snapshot, const Module& module);

// The code of a module: its executable segments.
std::vector<DataRange> code_ranges(const Snapshot& snapshot, const Module& module);

// What a symbol of the file's tables stands for, as the file counts.
std::optional<std::uint64_t> find_symbol(const ElfImage& image, std::string_view linkage_name);

// A variable by its name in the file's symbol tables; nothing where the file is not here or lacks it.
std::optional<Address> find_variable(const Module& module, std::string_view linkage_name);

// What follows the last '/' of the module's path.
std::string_view file_name(const Module& module);

// The bytes of all of a module's file-backed, read-only data (or the whole file, where it is here) searched
// for `text`; what follows it up to `limit` bytes or a NUL or newline. "" where it is not found.
std::string find_text_in_module(const Snapshot& snapshot, const Module& module, std::string_view text,
                                std::size_t limit = 64);

}  // namespace standstill

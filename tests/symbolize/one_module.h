// A process that consists of one module: the file's virtual addresses are its addresses.
#pragma once

#include "coredump/snapshot.h"
#include "symbolize/symbolizer.h"
#include "tests/support/run_program.h"

#include <algorithm>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace standstill {

inline Module module_of(const std::string& path, const std::string& path_in_process = {}) {
  auto image = ElfImage::open(path);
  if (!image) throw std::runtime_error(image.error().message);
  Module module;
  module.path = path_in_process.empty() ? path : path_in_process;
  module.file_path = path;
  module.image = *image;
  module.build_id = module.image->build_id();
  module.file_status = Module::FileStatus::OK;
  module.start = Address(0);
  module.end = Address(std::uint64_t{1} << 46);
  return module;
}

inline Snapshot snapshot_of(Module module) {
  Snapshot snapshot;
  snapshot.modules.push_back(std::move(module));
  return snapshot;
}

// Neither a cache nor a server that the machine's user may have.
inline SymbolizerOptions plain_options() {
  SymbolizerOptions options;
  options.use_cache = false;
  options.debuginfod = Debuginfod::OFF;
  return options;
}

inline void run_or_throw(const std::vector<std::string>& command, const std::string& folder = {}) {
  RunOptions options;
  options.folder = folder;
  const ProgramResult result = run_program(command, options);
  if (result.exit_status != 0) throw std::runtime_error(command.front() + ": " + result.error);
}

// The address of a symbol, as nm prints it.
inline std::uint64_t address_of_symbol(const std::string& path, const std::string& name) {
  const std::string lines = run_program({"nm", path}).out;
  const std::size_t found = lines.find(" " + name + "\n");
  if (found == std::string::npos || found < 18) throw std::runtime_error("no symbol " + name + " in " + path);
  return std::stoull(lines.substr(found - 18, 16), nullptr, 16);
}

// Distinct addresses in .text, sorted, the same ones each time.
inline std::vector<Address> some_code_addresses(const std::string& path, std::size_t count) {
  const auto image = ElfImage::open(path);
  if (!image) throw std::runtime_error(image.error().message);
  const ElfImage::Section* text = (*image)->find_section(".text");
  if (text == nullptr) throw std::runtime_error(path + " has no .text");
  std::mt19937_64 random(4711);
  std::set<Address> result;
  count = std::min<std::size_t>(count, text->header.sh_size / 2);
  while (result.size() < count) {
    result.insert(Address(text->header.sh_addr + random() % text->header.sh_size));
  }
  return {result.begin(), result.end()};
}

}  // namespace standstill

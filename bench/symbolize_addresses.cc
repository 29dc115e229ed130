// The symbolizer alone, on one file and a list of addresses, to be held against llvm-symbolizer and
// addr2line.
//
//   symbolize_addresses FILE [--cache] < ADDRESSES
//
// Reads one link-time address a line and prints what llvm-symbolizer prints with --no-demangle: for each
// address its frames, innermost first, as a line with the function and a line with FILE:LINE, then an empty
// line.
#include "coredump/snapshot.h"
#include "symbolize/symbolizer.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <elf.h>

namespace standstill {
namespace {

// A process of one module that was loaded where its file says.
Snapshot snapshot_of(std::shared_ptr<const ElfImage> image, const std::string& path) {
  Module module;
  module.path = path;
  module.file_path = path;
  module.is_main_program = true;
  module.file_status = Module::FileStatus::OK;
  module.build_id = image->build_id();
  std::uint64_t lowest = UINT64_MAX;
  std::uint64_t highest = 0;
  for (const Elf64_Phdr& header : image->program_headers()) {
    if (header.p_type != PT_LOAD) continue;
    lowest = std::min(lowest, header.p_vaddr);
    highest = std::max(highest, header.p_vaddr + header.p_memsz);
  }
  module.start = Address(lowest);
  module.end = Address(highest);
  module.image = std::move(image);
  Snapshot snapshot;
  snapshot.modules.push_back(std::move(module));
  return snapshot;
}

void print(const Location& location) {
  if (location.chain.empty()) std::puts("??\n??:0");
  for (const CodeLocation& place : location.chain) {
    std::printf("%s\n", place.linkage_name.empty() ? place.function.c_str() : place.linkage_name.c_str());
    std::printf("%s:%u\n", place.file.empty() ? "??" : place.file.c_str(), place.line);
  }
  std::puts("");
}

int run(const std::string& path, bool use_cache) {
  auto image = ElfImage::open(path);
  if (!image) {
    std::fprintf(stderr, "%s\n", image.error().message.c_str());
    return 1;
  }
  std::vector<Address> addresses;
  char line[64];
  while (std::fgets(line, sizeof line, stdin) != nullptr)
    addresses.emplace_back(std::strtoull(line, nullptr, 16));
  const Snapshot snapshot = snapshot_of(*image, path);
  SymbolizerOptions options;
  options.use_cache = use_cache;
  Symbolizer symbolizer(snapshot, options);
  for (const Location& location : symbolizer.locate(addresses)) print(location);
  return 0;
}

}  // namespace
}  // namespace standstill

int main(int argument_count, char** arguments) {
  if (argument_count < 2) {
    std::fprintf(stderr, "usage: %s FILE [--cache] < ADDRESSES\n", arguments[0]);
    return 2;
  }
  return standstill::run(arguments[1], argument_count > 2 && std::strcmp(arguments[2], "--cache") == 0);
}

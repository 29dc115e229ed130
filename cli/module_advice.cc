#include "cli/module_advice.h"

#include "reports/phrases.h"

#include <fmt/format.h>

namespace standstill {

namespace {

std::string with_build_id(const Module& module) {
  return module.build_id.empty() ? "" : fmt::format(" with build ID {}", module.build_id.hex());
}

// "/usr/lib/debug/.build-id/81/daba31....debug"
std::string debug_file_of(const Module& module) {
  const std::string id = module.build_id.hex();
  return id.size() < 4 ? ""
                       : fmt::format("/usr/lib/debug/.build-id/{}/{}.debug", id.substr(0, 2), id.substr(2));
}

bool is_c_library(const Module& module) {
  const std::string_view name = basename(module.path);
  return name.starts_with("libc.so") || name.starts_with("libc-2") || name.starts_with("libpthread") ||
         name.starts_with("ld-linux");
}

std::string advice_for_missing_file(const Module& module) {
  if (module.is_main_program) return fmt::format("name the program{} with --exe FILE", with_build_id(module));
  if (module.is_deleted)
    return fmt::format(
        "its file was replaced or deleted while the process ran; bring back the one{} and name its place "
        "with --sysroot DIR",
        with_build_id(module));
  return fmt::format(
      "copy the file{} from the machine where the process ran, and name its place with --sysroot DIR",
      with_build_id(module));
}

std::string advice_for_other_build(const Module& module) {
  const std::string wanted =
      module.is_main_program
          ? fmt::format("name the program{} with --exe FILE", with_build_id(module))
          : fmt::format("name the place of the file{} with --sysroot DIR", with_build_id(module));
  return fmt::format("{}; the file here is another build ({})", wanted,
                     module.file_build_id.empty() ? "it has no build ID" : module.file_build_id.hex());
}

// elfutils' own server asks those of the distributions (sourceware.org/elfutils/Debuginfod.html).
constexpr const char* FETCH = "DEBUGINFOD_URLS=https://debuginfod.elfutils.org";

std::string advice_for_missing_debug_info(const Module& module) {
  if (is_c_library(module))
    return fmt::format("install its debug file (Debian, Ubuntu: apt install libc6-dbg), or set {}", FETCH);
  const std::string file = debug_file_of(module);
  if (module.is_main_program)
    return file.empty() ? "compile it with -g"
                        : fmt::format("compile it with -g, or put its debug file at {}", file);
  return file.empty() ? "install its debug package"
                      : fmt::format("install its debug package, or set {}", FETCH);
}

}  // namespace

std::string advice_for(const Module& module, SymbolStatus status) {
  if (module.path.starts_with('[')) return {};  // the vDSO comes from the core itself
  switch (status) {
    case SymbolStatus::OK:
      return {};
    case SymbolStatus::NO_FILE:
      return advice_for_missing_file(module);
    case SymbolStatus::BUILD_ID_MISMATCH:
      return advice_for_other_build(module);
    case SymbolStatus::NO_SYMBOLS:
    case SymbolStatus::NO_DEBUG_INFO:
      return advice_for_missing_debug_info(module);
  }
  return {};
}

}  // namespace standstill

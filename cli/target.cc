#include "cli/target.h"

#include "coredump/open_core.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace standstill {

namespace {

bool is_number(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

Result<Snapshot> take_picture(const Options& options, Progress& progress) {
  if (is_number(options.target) && !exists(options.target)) {
    const std::string& pid = options.target;
    if (!exists("/proc/" + pid))
      return failure(fmt::format("there is no process {}, and no file of that name", pid));
    return failure(fmt::format("{} is a running process; this version reads cores only", pid),
                   fmt::format("take a core with: gcore {}  and then: standstill core.{}", pid, pid));
  }
  OpenOptions open;
  open.executable = options.executable;
  open.sysroot = options.sysroot;
  open.debug_dirs = options.debug_dirs;
  open.progress = progress.callback();
  return open_core(options.target, open);
}

}  // namespace standstill

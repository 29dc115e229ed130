#include "cli/target.h"

#include "coredump/freeze_process.h"
#include "coredump/open_core.h"
#include "coredump/process_facts.h"
#include "waits/explain_waits.h"

#include <algorithm>
#include <charconv>
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
  OpenOptions open;
  open.executable = options.executable;
  open.sysroot = options.sysroot;
  open.debug_dirs = options.debug_dirs;
  open.progress = progress.callback();
  if (is_number(options.target) && !exists(options.target)) {
    int pid = 0;
    const std::string& text = options.target;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc() || end != text.data() + text.size())
      return failure(fmt::format("there is no process {}, and no file of that name", text),
                     "list processes with: ps -ef");
    FreezeOptions freeze;
    freeze.open = std::move(open);
    freeze.stop = !options.no_stop;
    Result<Snapshot> snapshot = freeze_process(pid, freeze);
    if (snapshot && snapshot->facts) find_peers(*snapshot->facts, descriptors_waited_on(*snapshot));
    return snapshot;
  }
  return open_core(options.target, open);
}

}  // namespace standstill

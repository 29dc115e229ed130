#include "cli/target.h"

#include "coredump/cores/open_core.h"
#include "coredump/live/freeze_process.h"
#include "coredump/live/process_facts.h"
#include "symbolize/cache_folder.h"
#include "waits/explain_waits.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

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

OpenOptions open_options(const Options& options, Progress& progress) {
  OpenOptions open;
  open.executable = options.executable;
  open.sysroot = options.sysroot;
  open.debug_dirs = options.debug_dirs;
  open.progress = progress.callback();
  return open;
}

}  // namespace

Result<Snapshot> take_picture(const Options& options, Progress& progress,
                              std::function<void(const Snapshot&)> while_stopped) {
  if (is_number(options.target) && !exists(options.target))
    return take_picture_of_process(options, progress, std::move(while_stopped));
  return open_core(options.target, open_options(options, progress));
}

Result<Snapshot> take_picture_of_process(const Options& options, Progress& progress,
                                         std::function<void(const Snapshot&)> while_stopped) {
  int pid = 0;
  const std::string& text = options.target;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (!is_number(text) || error != std::errc() || end != text.data() + text.size()) {
    if (exists(text))
      return failure(fmt::format("{} is a file; a capture is taken of a running process", text),
                     "give its pid");
    return failure(fmt::format("there is no process {}, and no file of that name", text),
                   "list processes with: ps -ef");
  }
  FreezeOptions freeze;
  freeze.open = open_options(options, progress);
  freeze.stop = !options.no_stop;
  if (const std::string cache = user_cache_folder(); options.use_cache && !cache.empty())
    freeze.looks_folder = cache + "/looks";
  freeze.while_stopped = std::move(while_stopped);
  Result<Snapshot> snapshot = freeze_process(pid, freeze);
  if (snapshot && snapshot->facts) find_peers(*snapshot->facts, descriptors_waited_on(*snapshot));
  return snapshot;
}

}  // namespace standstill

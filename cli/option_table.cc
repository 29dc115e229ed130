#include "cli/option_table.h"

#include <algorithm>
#include <sstream>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace standstill {

CLI::Option* add_choice(CLI::App& app, const std::string& name, std::string& value,
                        std::vector<std::string> words, const std::string& help) {
  CLI::Option* option = app.add_option(name, value, help);
  option->type_name(fmt::format("{}", fmt::join(words, "|")))->take_last();
  option->check([words = std::move(words)](const std::string& word) {
    if (std::ranges::find(words, word) != words.end()) return std::string();
    return fmt::format("'{}' is none of {}", word, fmt::join(words, ", "));
  });
  return option;
}

void add_more_targets_option(CLI::App& app, Options& options) {
  app.add_option("MORE", options.more_targets,
                 "further pids (or captures): do their threads and those of TARGET wait for each other?");
}

void add_target_options(CLI::App& app, Options& options) {
  app.add_option("TARGET", options.target,
                 "a pid, a core file of the process, or - for one on standard input")
      ->required();
  add_looking_options(app, options);
}

void add_looking_options(CLI::App& app, Options& options) {
  app.add_option("--exe", options.executable, "the program, where the path in the core does not lead to it")
      ->type_name("FILE")
      ->take_last();
  app.add_option("--sysroot", options.sysroot, "where the files of the machine lie on which the process ran")
      ->type_name("DIR")
      ->take_last();
  app.add_option("--debug-dir", options.debug_dirs, "one more place for separate debug files (repeatable)")
      ->type_name("DIR")
      ->allow_extra_args(false);
  add_choice(app, "--debuginfod", options.debuginfod, {"auto", "on", "off"},
             "fetch missing debug files; auto: only where DEBUGINFOD_URLS is set");
  app.add_flag("!--no-cache", options.use_cache, "neither read nor write the cache of resolved names");
  add_choice(app, "--tasks", options.tasks, {"auto", "goroutines", "threads", "all"},
             "whose stacks; auto: goroutines where there is a Go runtime, else threads");
  app.add_option("-o,--output", options.output, "write there instead of to standard output")
      ->type_name("FILE")
      ->take_last();
  add_choice(app, "--color", options.color, {"auto", "always", "never"},
             "colours in text; auto: on a terminal without NO_COLOR");
  app.add_flag("--no-stop", options.no_stop,
               "of a pid: no pause; threads that sleep are looked at while they sleep");
  app.add_flag("-q,--quiet", options.quiet, "no progress and no warnings");
  app.add_flag("-v,--verbose", options.verbose, "fold and leave out nothing, and say more");
}

void add_format_option(CLI::App& app, Options& options, std::vector<std::string> formats) {
  add_choice(app, "--format", options.format, std::move(formats), "text for people, json for programs");
}

void add_exit_code_option(CLI::App& app, Options& options) {
  app.add_flag("--exit-code", options.exit_code, "end with status 3 when a deadlock is found");
}

void add_frame_limit_option(CLI::App& app, Options& options) {
  app.add_option("--max-frames", options.max_frames,
                 "at most so many frames of each stack, the innermost (0: all)")
      ->type_name("N")
      ->take_last();
}

std::vector<OptionSummary> summarize_options(const CLI::App& app) {
  std::vector<OptionSummary> summaries;
  for (const CLI::Option* option : app.get_options()) {
    OptionSummary summary;
    summary.is_positional = option->get_positional();
    if (summary.is_positional) {
      summary.names = {option->get_name(true)};
    } else {
      for (const std::string& name : option->get_snames()) summary.names.push_back("-" + name);
      for (const std::string& name : option->get_lnames()) summary.names.push_back("--" + name);
      if (option->get_items_expected_max() > 0) summary.value = option->get_type_name();
    }
    if (summary.value.find('|') != std::string::npos) {
      std::istringstream words(summary.value);
      for (std::string word; std::getline(words, word, '|');) summary.choices.push_back(word);
    }
    summary.help = option->get_description();
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

}  // namespace standstill

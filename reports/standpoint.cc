#include "reports/standpoint.h"

#include "reports/phrases.h"
#include "reports/printable.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

namespace standstill {

namespace {

using std::string_view;

constexpr std::size_t LONGEST_NAME = 60;

template <std::size_t N>
bool starts_with_any(string_view text, const std::array<string_view, N>& prefixes) {
  return std::ranges::any_of(prefixes, [&](string_view prefix) { return text.starts_with(prefix); });
}

bool is_system_library(string_view module) {
  static constexpr std::array<string_view, 9> libraries = {
      "libc.so", "libc-", "libpthread", "ld-linux", "ld-musl", "librt", "[vdso]", "linux-vdso", "libdl"};
  return starts_with_any(basename(module), libraries);
}

bool is_language_library(string_view module) {
  static constexpr std::array<string_view, 8> libraries = {
      "libstdc++.so", "libgcc_s", "libc++.so", "libc++abi", "libunwind", "libtsan", "libasan", "libstd-"};
  return starts_with_any(basename(module), libraries);
}

// C++, Rust and Go. (Go separates with dots, so its "runtime." is no C++ namespace.)
bool is_language_function(string_view function) {
  static constexpr std::array<string_view, 19> prefixes = {
      "std::",       "core::",     "alloc::",      "<std::",         "<core::",     "<alloc::", "<&",
      "__gnu_cxx::", "__gthread_", "__cxxabiv1::", "__interceptor_", "parking_lot", "__rust_",  "runtime.",
      "runtime/",    "internal/",  "sync.",        "syscall.",       "__tsan_"};
  return starts_with_any(function, prefixes);
}

// libstdc++ and libc++ ("/usr/include/c++/12/bits/invoke.h", "/usr/lib/llvm-19/include/c++/v1/mutex"), and
// Rust's library, whose sources stand under the compiler's commit or where rust-src puts them.
bool is_language_file(string_view file) {
  return file.find("/include/c++/") != string_view::npos || file.starts_with("/rustc/") ||
         file.find("/rustlib/src/") != string_view::npos;
}

// "__GI___pthread_mutex_lock" and "__libc_read" are what symbol tables call pthread_mutex_lock and read.
string_view public_name(string_view function) {
  const auto skip = [&](string_view prefix) {
    if (function.starts_with(prefix)) function.remove_prefix(prefix.size());
  };
  const auto skip_underscores = [&] {
    while (function.size() > 1 && function.front() == '_') function.remove_prefix(1);
  };
  skip_underscores();
  skip("GI_");
  skip_underscores();
  if (!function.starts_with("libc_start")) skip("libc_");
  function = function.substr(0, function.find('@'));
  return function == "pthread_clockjoin_ex" || function == "pthread_timedjoin_ex" ? "pthread_join" : function;
}

// In a statically linked program the C library is part of the program. Where it was built with debug info its
// files tell; the forms are those of Debian ("./nptl/x.c", "../sysdeps/x.c") and of those who build in a
// folder with the version's name.
bool is_libc_file(string_view file) {
  static constexpr std::array<string_view, 6> folders = {"../sysdeps/", "./nptl/", "./sysdeps/",
                                                         "./csu/",      "nptl/",   "sysdeps/"};
  return starts_with_any(file, folders) || file.find("/glibc-") != string_view::npos;
}

// Where it has no debug info, its functions are known by name.
bool is_libc_function(string_view function) {
  static constexpr std::array<string_view, 15> prefixes = {
      "pthread_",        "futex_",       "lll_",       "sem_wait",       "sem_timedwait",
      "sem_clockwait",   "new_sem_wait", "libc_start", "syscall_cancel", "internal_syscall_cancel",
      "clock_nanosleep", "epoll_",       "restore_rt", "clone",          "sigsuspend"};
  static constexpr std::array<string_view, 34> names = {
      "syscall", "read",    "write",   "readv",   "writev",       "pread64",  "pwrite64",
      "poll",    "ppoll",   "select",  "pselect", "recv",         "recvfrom", "recvmsg",
      "send",    "sendto",  "sendmsg", "accept",  "accept4",      "connect",  "nanosleep",
      "sleep",   "usleep",  "wait4",   "waitpid", "waitid",       "pause",    "sigwait",
      "raise",   "gsignal", "abort",   "kill",    "start_thread", "start"};
  const string_view name = public_name(function);
  return starts_with_any(name, prefixes) || std::ranges::find(names, name) != names.end();
}

bool is_c_library(const FrameRecord& frame) {
  if (is_system_library(frame.module)) return true;
  if (frame.function.empty()) return false;
  return frame.file.empty() ? is_libc_function(frame.function) : is_libc_file(frame.file);
}

bool is_language(const FrameRecord& frame) {
  return is_language_library(frame.module) || is_language_function(frame.function) ||
         is_language_file(frame.file);
}

// The outermost function of the C library among the plumbing; what wraps it only where that says more than
// "syscall".
std::optional<std::size_t> find_operation(std::span<const FrameRecord> plumbing) {
  for (std::size_t i = plumbing.size(); i-- > 0;) {
    const FrameRecord& frame = plumbing[i];
    if (frame.function.empty() || !is_c_library(frame)) continue;
    const string_view name = public_name(frame.function);
    if (name == "syscall" && i + 1 < plumbing.size()) break;
    if (name == "start_thread" || name.starts_with("clone") || name.starts_with("libc_start") ||
        name == "start")
      continue;
    return i;
  }
  return plumbing.empty() ? std::nullopt : std::optional(plumbing.size() - 1);
}

}  // namespace

bool is_plumbing(const FrameRecord& frame) { return is_c_library(frame) || is_language(frame); }

std::string name_of(const FrameRecord& frame) {
  if (!frame.function.empty()) return frame.function;
  if (frame.module.empty()) return to_string(frame.pc);
  return fmt::format("{}+{:#x}", basename(frame.module), frame.module_offset);
}

std::string short_name_of(const FrameRecord& frame, std::size_t limit) {
  return printable(shortened_name(name_of(frame), limit), 300);
}

Standpoint find_standpoint(std::span<const FrameRecord> frames) {
  Standpoint standpoint;
  const auto own = std::ranges::find_if_not(frames, is_plumbing);
  if (own != frames.end()) standpoint.place = static_cast<std::size_t>(own - frames.begin());
  standpoint.operation_frame = find_operation(frames.first(standpoint.place.value_or(frames.size())));
  if (!standpoint.operation_frame) return standpoint;
  const FrameRecord& operation = frames[*standpoint.operation_frame];
  const bool has_public_name = !operation.function.empty() && is_c_library(operation);
  standpoint.operation = has_public_name ? printable(public_name(operation.function), 300)
                                         : short_name_of(operation, LONGEST_NAME);
  return standpoint;
}

std::string describe_standpoint(std::span<const FrameRecord> frames) {
  if (frames.empty()) return "an unreadable stack";
  const Standpoint standpoint = find_standpoint(frames);
  if (!standpoint.place) return standpoint.operation;
  const FrameRecord& frame = frames[*standpoint.place];
  std::string text = short_name_of(frame, LONGEST_NAME);
  if (!frame.file.empty()) {
    text += fmt::format(" ({}:{})", printable(basename(frame.file), 300), frame.line);
  } else if (!frame.function.empty() && !frame.module.empty()) {
    text += fmt::format(" ({})", printable(basename(frame.module), 300));
  }
  return standpoint.operation.empty() ? text : fmt::format("{} from {}", standpoint.operation, text);
}

std::vector<Place> places_of(const Findings& findings) {
  std::vector<Place> places;
  std::unordered_map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < findings.groups.size(); ++i) {
    if (findings.groups[i].is_hidden) continue;
    std::string text = describe_standpoint(findings.groups[i].frames);
    const auto [entry, is_new] = known.emplace(std::move(text), places.size());
    if (is_new) places.push_back({entry->first, 0, {}});
    places[entry->second].tasks += findings.groups[i].tasks.size();
    places[entry->second].groups.push_back(i);
  }
  std::ranges::stable_sort(places, std::ranges::greater(), &Place::tasks);
  return places;
}

}  // namespace standstill

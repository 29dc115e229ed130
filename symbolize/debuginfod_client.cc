#include "symbolize/debuginfod_client.h"

#include "symbolize/debug_files.h"

#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

namespace standstill {

namespace {

struct debuginfod_client;

// The functions of libdebuginfod.so.1 that are used here (elfutils/debuginfod.h; the interface has been
// stable since 0.179).
struct Library {
  debuginfod_client* (*begin)() = nullptr;
  void (*end)(debuginfod_client*) = nullptr;
  int (*find_debuginfo)(debuginfod_client*, const unsigned char*, int, char**) = nullptr;
  int (*find_executable)(debuginfod_client*, const unsigned char*, int, char**) = nullptr;
  void (*set_progress)(debuginfod_client*, int (*)(debuginfod_client*, long, long)) = nullptr;
  void (*set_user_data)(debuginfod_client*, void*) = nullptr;
  void* (*get_user_data)(debuginfod_client*) = nullptr;

  bool is_complete() const {
    return begin && end && find_debuginfo && find_executable && set_progress && set_user_data &&
           get_user_data;
  }
};

template <class Function>
void load(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
}

Library open_library() {
  Library result;
  // Never closed: curl does not survive that.
  void* handle = ::dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return result;
  load(handle, "debuginfod_begin", result.begin);
  load(handle, "debuginfod_end", result.end);
  load(handle, "debuginfod_find_debuginfo", result.find_debuginfo);
  load(handle, "debuginfod_find_executable", result.find_executable);
  load(handle, "debuginfod_set_progressfn", result.set_progress);
  load(handle, "debuginfod_set_user_data", result.set_user_data);
  load(handle, "debuginfod_get_user_data", result.get_user_data);
  return result;
}

const Library& library() {
  static const Library instance = open_library();
  return instance;
}

// Called by the library while it waits.
int report_progress(debuginfod_client* client, long done, long total) {
  const auto* options = static_cast<const SymbolizerOptions*>(library().get_user_data(client));
  if (options != nullptr && options->progress) {
    options->progress("waiting for debug files from debuginfod",
                      total > 0 ? static_cast<double>(done) / static_cast<double>(total) : -1.0);
  }
  return 0;
}

struct Fetched {
  std::string path;  // "" where it failed
  std::string reason;
};

Fetched fetch(const BuildId& id, const SymbolizerOptions& options, bool is_executable) {
  const Library& lib = library();
  if (!lib.is_complete()) return {"", "libdebuginfod.so.1 is not installed"};
  debuginfod_client* client = lib.begin();
  if (client == nullptr) return {"", "the debuginfod client cannot start"};
  lib.set_user_data(client, const_cast<SymbolizerOptions*>(&options));
  lib.set_progress(client, report_progress);
  char* path = nullptr;
  const int length = static_cast<int>(id.bytes.size());
  const int result =
      (is_executable ? lib.find_executable : lib.find_debuginfo)(client, id.bytes.data(), length, &path);
  lib.end(client);
  if (result < 0) return {"", std::strerror(-result)};
  ::close(result);
  Fetched fetched{path == nullptr ? "" : path, ""};
  std::free(path);
  return fetched;
}

}  // namespace

bool is_debuginfod_enabled(Debuginfod mode) {
  if (mode != Debuginfod::AUTO) return mode == Debuginfod::ON;
  const char* urls = std::getenv("DEBUGINFOD_URLS");
  return urls != nullptr && *urls != '\0';
}

std::shared_ptr<const ElfImage> fetch_debug_file(const BuildId& id, const SymbolizerOptions& options,
                                                 std::vector<std::string>& looked_for,
                                                 std::vector<Note>& notes) {
  if (id.empty() || !is_debuginfod_enabled(options.debuginfod)) return nullptr;
  const Fetched fetched = fetch(id, options, false);
  if (fetched.path.empty()) {
    const char* urls = std::getenv("DEBUGINFOD_URLS");
    looked_for.push_back(fmt::format("debuginfod ({}): {}",
                                     urls == nullptr ? "DEBUGINFOD_URLS is not set" : urls, fetched.reason));
    return nullptr;
  }
  return open_if_build_id_is(fetched.path, id, looked_for, notes);
}

std::string fetch_executable(const BuildId& id, const SymbolizerOptions& options) {
  if (id.empty() || !is_debuginfod_enabled(options.debuginfod)) return {};
  return fetch(id, options, true).path;
}

}  // namespace standstill

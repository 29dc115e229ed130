// Separate debug files, made by the tools that distributions make them with, and found where those put them.
#include "symbolize/debug_files.h"
#include "tests/symbolize/one_module.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

using namespace standstill;

namespace {

namespace fs = std::filesystem;

// A program of C, stripped, with its debug file beside.
struct Stripped {
  explicit Stripped(const TemporaryFolder& folder, const std::string& build_id = "--build-id",
                    const std::string& body = "return value + 1;")
      : program(folder.file("program")), debug(folder.file("made.debug")) {
    const std::string source = folder.file("program.c");
    write_whole_file(source, "static __attribute__((noinline)) int hidden(int value) { " + body +
                                 " }\nint main(int c, char** v) { return hidden(c); }\n");
    run_or_throw({"gcc", "-g", "-O0", "-Wl," + build_id, source, "-o", program});
    hidden = Address(address_of_symbol(program, "hidden"));
    run_or_throw({"objcopy", "--only-keep-debug", program, debug});
    run_or_throw({"strip", "--strip-all", program});
  }
  // Must be called while the debug file still has the name that the link is to hold.
  void add_link(const std::string& to) { run_or_throw({"objcopy", "--add-gnu-debuglink=" + to, program}); }

  std::string program;
  std::string debug;
  Address hidden;
};

struct Answer {
  std::string function;
  std::uint32_t line = 0;
  ModuleSymbols symbols;
  std::vector<Note> notes;
};

Answer ask(const Stripped& stripped, const SymbolizerOptions& options,
           const std::string& path_in_process = {}) {
  const Snapshot snapshot = snapshot_of(module_of(stripped.program, path_in_process));
  Symbolizer symbolizer(snapshot, options);
  const auto locations = symbolizer.locate(std::vector{stripped.hidden + 4});
  Answer answer{"", 0, symbolizer.module_symbols(0), symbolizer.notes()};
  if (!locations[0].chain.empty()) {
    answer.function = locations[0].chain[0].function;
    answer.line = locations[0].chain[0].line;
  }
  return answer;
}

void move_to(const std::string& from, const std::string& to) {
  fs::create_directories(fs::path(to).parent_path());
  fs::rename(from, to);
}

std::string build_id_name(const std::string& program) { return build_id_path(module_of(program).build_id); }

SymbolizerOptions with_debug_dir(const std::string& folder) {
  SymbolizerOptions options = plain_options();
  options.debug_dirs = {folder};
  return options;
}

}  // namespace

TEST_CASE("a stripped program has no names, and the places that were asked are listed") {
  const TemporaryFolder folder;
  const Stripped stripped(folder);
  const Answer answer = ask(stripped, with_debug_dir(folder.file("debug")));
  CHECK(answer.function.empty());
  const std::string place = folder.file("debug/.build-id/") + build_id_name(stripped.program);
  CHECK(std::ranges::find(answer.symbols.looked_for, place) != answer.symbols.looked_for.end());
  CHECK(answer.symbols.debug_file.empty());
}

TEST_CASE("a debug file is found in a build ID directory") {
  const TemporaryFolder folder;
  const Stripped stripped(folder);
  const std::string place = "/.build-id/" + build_id_name(stripped.program);

  SECTION("under --debug-dir") {
    move_to(stripped.debug, folder.file("debug") + place);
    const Answer answer = ask(stripped, with_debug_dir(folder.file("debug")));
    CHECK(answer.function == "hidden");
    CHECK(answer.line == 1);
    CHECK(answer.symbols.debug_file == folder.file("debug") + place);
    CHECK(answer.symbols.status == SymbolStatus::OK);
  }
  SECTION("under the sysroot") {
    move_to(stripped.debug, folder.file("root/usr/lib/debug") + place);
    SymbolizerOptions options = plain_options();
    options.sysroot = folder.file("root");
    CHECK(ask(stripped, options).function == "hidden");
  }
}

TEST_CASE("a debug file of another build is refused, and the note names both build IDs") {
  const TemporaryFolder folder, other_folder;
  const Stripped stripped(folder);
  const Stripped other(other_folder, "--build-id", "return value + 2;");
  const std::string ours = module_of(stripped.program).build_id.hex();
  const std::string theirs = module_of(other.program).build_id.hex();
  REQUIRE(ours != theirs);
  move_to(other.debug, folder.file("debug/.build-id/") + build_id_name(stripped.program));
  const Answer answer = ask(stripped, with_debug_dir(folder.file("debug")));
  CHECK(answer.function.empty());
  REQUIRE(!answer.notes.empty());
  CHECK(answer.notes[0].text.find(ours) != std::string::npos);
  CHECK(answer.notes[0].text.find(theirs) != std::string::npos);
}

TEST_CASE("a debug file that is no ELF file is refused with a note") {
  const TemporaryFolder folder;
  const Stripped stripped(folder);
  fs::create_directories(folder.file("debug"));
  write_whole_file(folder.file("debug/program.debug"), "not ELF at all");
  const Answer answer = ask(stripped, with_debug_dir(folder.file("debug")));
  CHECK(answer.function.empty());
  CHECK(!answer.notes.empty());
}

TEST_CASE("a debug file is found by debuglink") {
  const TemporaryFolder folder;
  const auto id = GENERATE(as<std::string>{}, "--build-id", "--build-id=none");
  CAPTURE(id);
  Stripped stripped(folder, id);
  stripped.add_link(stripped.debug);

  SECTION("next to the program") { CHECK(ask(stripped, plain_options()).function == "hidden"); }
  SECTION("in .debug/") {
    move_to(stripped.debug, folder.file(".debug/made.debug"));
    CHECK(ask(stripped, plain_options()).symbols.debug_file == folder.file(".debug/made.debug"));
  }
  SECTION("under --debug-dir, below the program's folder in the process") {
    move_to(stripped.debug, folder.file("debug/opt/tool/bin/made.debug"));
    CHECK(ask(stripped, with_debug_dir(folder.file("debug")), "/opt/tool/bin/program").function == "hidden");
  }
}

TEST_CASE("without build IDs a debuglink's file must have the right CRC") {
  const TemporaryFolder folder;
  Stripped stripped(folder, "--build-id=none");
  stripped.add_link(stripped.debug);
  std::string contents = read_whole_file(stripped.debug);
  contents.back() = static_cast<char>(contents.back() + 1);
  write_whole_file(stripped.debug, contents);
  const Answer answer = ask(stripped, plain_options());
  CHECK(answer.function.empty());
  REQUIRE(!answer.notes.empty());
  CHECK(answer.notes[0].text.find("CRC") != std::string::npos);
}

TEST_CASE("a debug file is found by name under --debug-dir") {
  const TemporaryFolder folder;
  const Stripped stripped(folder);
  move_to(stripped.debug, folder.file("artefacts/program.debug"));
  CHECK(ask(stripped, with_debug_dir(folder.file("artefacts"))).function == "hidden");
}

TEST_CASE("a module whose own file is gone is named by its debug file") {
  const TemporaryFolder folder;
  const Stripped stripped(folder);
  Module module = module_of(stripped.program);
  module.image = nullptr;
  module.file_status = Module::FileStatus::NO_FILE;
  move_to(stripped.debug, folder.file("debug/.build-id/") + build_id_path(module.build_id));
  const Snapshot snapshot = snapshot_of(module);
  Symbolizer symbolizer(snapshot, with_debug_dir(folder.file("debug")));
  const auto locations = symbolizer.locate(std::vector{stripped.hidden + 4});
  REQUIRE(locations[0].chain.size() == 1);
  CHECK(locations[0].chain[0].function == "hidden");
  CHECK(symbolizer.debug_image(0) != nullptr);
}

TEST_CASE("mini debug info names the local functions of a stripped program") {
  const TemporaryFolder folder;
  const Stripped stripped(folder);
  const std::string mini = folder.file("mini");
  run_or_throw(
      {"objcopy", "-S", "--remove-section", ".comment", "--keep-symbol", "hidden", stripped.debug, mini});
  run_or_throw({"xz", mini});
  run_or_throw({"objcopy", "--add-section", ".gnu_debugdata=" + mini + ".xz", stripped.program});
  const Answer answer = ask(stripped, plain_options());
  CHECK(answer.function == "hidden");
  CHECK(answer.line == 0);
  CHECK(answer.symbols.status == SymbolStatus::NO_DEBUG_INFO);

  SECTION("and a damaged one gets a note") {
    write_whole_file(mini + ".bad", read_whole_file(mini + ".xz").substr(0, 40) + "damage");
    run_or_throw({"objcopy", "--update-section", ".gnu_debugdata=" + mini + ".bad", stripped.program});
    const Answer damaged = ask(stripped, plain_options());
    CHECK(damaged.function.empty());
    CHECK(!damaged.notes.empty());
  }
}

namespace {

// A free port of the loopback interface. (Another program could take it before the server does; then the test
// says so.)
int free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(descriptor);
  return ntohs(address.sin_port);
}

// One HTTP request; "" where nobody listens.
std::string http_get(int port, const std::string& path) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  timeval limit{2, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  std::string answer;
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
    if (::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
      char buffer[4096];
      for (ssize_t got; (got = ::recv(descriptor, buffer, sizeof buffer, 0)) > 0;) {
        answer.append(buffer, static_cast<std::size_t>(got));
      }
    }
  }
  ::close(descriptor);
  return answer;
}

// Debian's debuginfod server on the loopback interface, serving one folder.
class Server {
 public:
  Server(const std::string& served, const std::string& database) : port_(free_port()) {
    const std::string port = "--port=" + std::to_string(port_), file = "--database=" + database;
    std::vector<const char*> arguments = {"debuginfod", "-F",           port.c_str(),
                                          file.c_str(), served.c_str(), nullptr};
    posix_spawn_file_actions_t silence;
    ::posix_spawn_file_actions_init(&silence);
    for (const int descriptor : {1, 2}) {
      ::posix_spawn_file_actions_addopen(&silence, descriptor, "/dev/null", O_WRONLY, 0);
    }
    const int result =
        ::posix_spawnp(&pid_, "debuginfod", &silence, nullptr, const_cast<char**>(arguments.data()), environ);
    ::posix_spawn_file_actions_destroy(&silence);
    REQUIRE(result == 0);
  }
  ~Server() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  // Whether the server has read its folder and knows the build ID; waits for that, up to a minute.
  bool knows(const std::string& build_id) const {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < give_up) {
      if (http_get(port_, "/buildid/" + build_id + "/debuginfo").find(" 200 ") != std::string::npos)
        return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // between two polls
    }
    return false;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int port_;
  pid_t pid_ = 0;
};

// Sets a variable for the duration of a test.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Environment() { ::unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("a debug file is fetched from a debuginfod server, when that is wanted") {
  const TemporaryFolder folder, served, state;
  const Stripped stripped(folder);
  fs::copy(stripped.debug, served.file("program.debug"));
  fs::remove(stripped.debug);
  const Environment cache("DEBUGINFOD_CACHE_PATH", state.file("cache"));
  const Environment limit("DEBUGINFOD_TIMEOUT", "20");
  SymbolizerOptions options = plain_options();

  SECTION("on, or auto with DEBUGINFOD_URLS set") {
    const Server server(served.path(), state.file("server.sqlite"));
    REQUIRE(server.knows(module_of(stripped.program).build_id.hex()));
    const Environment urls("DEBUGINFOD_URLS", server.url());
    for (const Debuginfod mode : {Debuginfod::ON, Debuginfod::AUTO}) {
      options.debuginfod = mode;
      const Answer answer = ask(stripped, options);
      CHECK(answer.function == "hidden");
      CHECK(answer.line == 1);
      CHECK(answer.symbols.debug_file.starts_with(state.file("cache")));
    }
    options.debuginfod = Debuginfod::OFF;
    CHECK(ask(stripped, options).function.empty());
  }
  SECTION("a server that is not there costs no name but the module's own, and is listed") {
    const Environment urls("DEBUGINFOD_URLS", "http://127.0.0.1:" + std::to_string(free_port()));
    options.debuginfod = Debuginfod::AUTO;
    const Answer answer = ask(stripped, options);
    CHECK(answer.function.empty());
    REQUIRE(!answer.symbols.looked_for.empty());
    CHECK(answer.symbols.looked_for.back().starts_with("debuginfod"));
  }
  SECTION("auto without DEBUGINFOD_URLS asks nobody") {
    ::unsetenv("DEBUGINFOD_URLS");
    options.debuginfod = Debuginfod::AUTO;
    for (const std::string& place : ask(stripped, options).symbols.looked_for) {
      CHECK(!place.starts_with("debuginfod"));
    }
  }
}

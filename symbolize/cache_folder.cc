#include "symbolize/cache_folder.h"

#include "base/replace_file.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <llvm/ADT/StringRef.h>
#include <llvm/Support/xxhash.h>
#include <sys/stat.h>
#include <unistd.h>

namespace standstill {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSuffix = ".names";
constexpr auto kTemporaryLifetime = std::chrono::hours(1);

// Any change of a file changes its size or time. A build ID alone does not tell a stripped file from a full
// one.
std::string identity_of(const ElfImage* image) {
  if (image == nullptr) return "-";
  struct stat status{};
  if (::stat(image->path().c_str(), &status) != 0) return fmt::format("{}", image->file()->bytes().size());
  return fmt::format("{}@{}.{}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

}  // namespace

std::string user_cache_folder() {
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  if (xdg != nullptr && *xdg == '/') return std::string(xdg) + "/standstill";
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.cache/standstill" : std::string{};
}

std::string cache_file_name(const Module& module, const DebugFiles& files, bool names_only) {
  if (module.build_id.empty() || module.build_id.bytes.size() > 64) return {};
  const std::string sources =
      fmt::format("{} {} {} {}", identity_of(files.own.get()), identity_of(files.separate.get()),
                  identity_of(files.alternate.get()), names_only);
  return fmt::format("{}-{:016x}{}", module.build_id.hex(), llvm::xxh3_64bits(llvm::StringRef(sources)),
                     kSuffix);
}

std::vector<std::uint8_t> CacheFolder::load(const std::string& name) const {
  const std::string path = path_ + "/" + name;
  std::vector<std::uint8_t> bytes = read_whole_file(path, limit_);
  if (!bytes.empty()) ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
  return bytes;
}

void CacheFolder::add(const std::string& name, AddressLocations locations) const {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) return;
  // Another process may have written since our own look-up. What two write at the very same time one of them
  // looks up again.
  const std::vector<std::uint8_t> there = load(name);
  const auto parsed = CachedLocations::parse(there);
  // A file that has come to a quarter of all that may be kept starts anew.
  if (parsed && there.size() <= limit_ / 4) locations = merge_locations(parsed->all(), std::move(locations));
  const std::vector<std::uint8_t> bytes = serialize_locations(locations);
  if (bytes.size() > limit_) return;

  replace_file(path_ + "/" + name, bytes);
  remove_oldest();
}

void CacheFolder::remove_oldest() const {
  struct File {
    fs::file_time_type used;
    std::uint64_t size = 0;
    fs::path path;
  };
  std::vector<File> files;
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator i(path_, error), end; !error && i != end; i.increment(error)) {
    std::error_code gone;  // another process removes files too
    File file{i->last_write_time(gone), i->file_size(gone), i->path()};
    if (gone) continue;
    const std::string name = file.path.filename().string();
    const bool is_left_over = name.starts_with(UNFINISHED_FILE) &&
                              file.used + kTemporaryLifetime < fs::file_time_type::clock::now();
    if (is_left_over) fs::remove(file.path, gone);
    if (!name.ends_with(kSuffix)) continue;
    total += file.size;
    files.push_back(std::move(file));
  }
  std::ranges::sort(files, {}, [](const File& file) { return std::pair(file.used, file.path); });
  for (const File& file : files) {
    if (total <= limit_) return;
    std::error_code gone;
    if (fs::remove(file.path, gone)) total -= file.size;
  }
}

}  // namespace standstill

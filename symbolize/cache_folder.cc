#include "symbolize/cache_folder.h"

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
// A process that died while it wrote leaves such a file behind.
constexpr const char* kTemporary = ".new-";
constexpr auto kTemporaryLifetime = std::chrono::hours(1);

// Any change of a file changes its size or time. A build ID alone does not tell a stripped file from a full
// one.
std::string identity_of(const ElfImage* image) {
  if (image == nullptr) return "-";
  struct stat status{};
  if (::stat(image->path().c_str(), &status) != 0) return fmt::format("{}", image->file()->bytes().size());
  return fmt::format("{}@{}.{}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

bool write_all(int descriptor, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
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
  // Read, not mapped: the file may be anybody's, and one that shrinks under a mapping would kill us.
  const Descriptor file(::open((path_ + "/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > limit_) return {};
  std::vector<std::uint8_t> bytes(size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got <= 0) return {};
    done += static_cast<std::size_t>(got);
  }
  ::futimens(file.get(), nullptr);
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

  std::string temporary = path_ + "/" + kTemporary + "XXXXXX";
  bool is_written = false;
  {
    const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (file.get() < 0) return;
    is_written = write_all(file.get(), bytes);
  }
  if (!is_written || ::rename(temporary.c_str(), (path_ + "/" + name).c_str()) != 0)
    ::unlink(temporary.c_str());
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
    const bool is_left_over =
        name.starts_with(kTemporary) && file.used + kTemporaryLifetime < fs::file_time_type::clock::now();
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

// Where names are kept: one small file per module (build ID and the files that its names came from) below the
// user's cache folder. Safe with several processes at once: files are only ever replaced as a whole, and
// whoever comes last has merged what was there. Nothing here is an error to anybody: what cannot be read is
// looked up again, what cannot be written is not kept.
#pragma once

#include "symbolize/debug_files.h"
#include "symbolize/symbol_cache.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace standstill {

// $XDG_CACHE_HOME/standstill, else ~/.cache/standstill; "" where there is neither.
std::string user_cache_folder();

// The file name for a module's names: its build ID and a hash of all that the answer depends on. "" for a
// module without build ID, of which nothing is kept.
std::string cache_file_name(const Module& module, const DebugFiles& files, bool names_only);

class CacheFolder {
 public:
  static constexpr std::uint64_t kDefaultLimit = std::uint64_t{256} << 20;

  // `limit` is in bytes, of all files together.
  explicit CacheFolder(std::string path, std::uint64_t limit = kDefaultLimit)
      : path_(std::move(path)), limit_(limit) {}

  // The bytes of a file, empty where there is none. Marks it as used just now.
  std::vector<std::uint8_t> load(const std::string& name) const;

  // Adds to what the file holds by now; removes the files that were not used for longest where the limit is
  // passed.
  void add(const std::string& name, AddressLocations locations) const;

 private:
  void remove_oldest() const;

  std::string path_;
  std::uint64_t limit_;
};

}  // namespace standstill

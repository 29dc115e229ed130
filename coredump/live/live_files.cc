#include "coredump/live/live_files.h"

#include "base/file_system_answers.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/stat.h>

namespace standstill {
namespace {

bool is_file(const std::string& path, const MapsLine& line) {
  struct stat status{};
  return file_system_answers(path) && ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         status.st_dev == line.device && status.st_ino == line.inode;
}

bool is_same_place(const std::string& a, const std::string& b) {
  struct stat first{}, second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

}  // namespace

LiveFiles::LiveFiles(int tid, const std::vector<MapsLine>& maps) : tid_(tid), maps_(maps) {
  const std::string root = fmt::format("/proc/{}/root", tid);
  struct stat status{};
  if (::stat((root + "/").c_str(), &status) == 0 && !is_same_place("/", root + "/")) root_ = root;
}

std::vector<ProcessMemory::Range> LiveFiles::silent_mappings() const {
  std::vector<ProcessMemory::Range> silent;
  for (const MapsLine& line : maps_)
    if (line.has_file() && !file_system_answers(root_ + line.path)) silent.push_back({line.start, line.end});
  return silent;
}

std::string LiveFiles::find(const ModuleEvidence& evidence) const {
  if (evidence.mappings.empty()) return {};
  const FileMapping& mapping = evidence.mappings.front();
  const auto line = std::ranges::lower_bound(maps_, mapping.start, {}, &MapsLine::start);
  if (line == maps_.end() || line->start != mapping.start || !line->has_file()) return {};
  constexpr std::string_view DELETED = " (deleted)";
  std::string path = line->path;
  if (path.ends_with(DELETED)) path.resize(path.size() - DELETED.size());
  const std::string process = fmt::format("/proc/{}", tid_);
  const std::string candidates[] = {
      path, root_ + path, process + "/exe",
      fmt::format("{}/map_files/{:x}-{:x}", process, line->start.value(), line->end.value())};
  for (const std::string& candidate : candidates)
    if (is_file(candidate, *line)) return candidate;
  return {};
}

}  // namespace standstill

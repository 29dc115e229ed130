// The files behind a living process's mappings. The device and inode number in /proc/PID/maps say which file
// it is, so that a path that leads to the same two is proved; a build ID need not be compared.
#pragma once

#include "coredump/live/proc_maps.h"
#include "coredump/live/process_memory.h"
#include "coredump/module_file.h"

#include <string>
#include <vector>

namespace standstill {

class LiveFiles {
 public:
  // `tid`: a living thread of the process. `maps` is borrowed.
  LiveFiles(int tid, const std::vector<MapsLine>& maps);

  // "" where no path leads to the very file (deleted, and we may not use map_files). Asks in this order: the
  // path as it is; the same in the process's own file system; its program; /proc/PID/map_files.
  std::string find(const ModuleEvidence& evidence) const;

  // Mappings of files whose file system does not answer.
  std::vector<ProcessMemory::Range> silent_mappings() const;

  // "/proc/TID/root" where the process sees another file system than we do (a container, chroot), else "".
  const std::string& root() const { return root_; }

 private:
  int tid_;
  const std::vector<MapsLine>& maps_;
  std::string root_;
};

}  // namespace standstill

// When every thread of a program has come to rest: only then does its core show each in its place.
#pragma once

#include <cstring>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace standstill_bench {

// The state letter that the kernel gives for a task of this process.
inline char task_state(const char* task) {
  const std::string path = std::string("/proc/self/task/") + task + "/stat";
  char text[512] = {};
  const int file = open(path.c_str(), O_RDONLY);
  if (file < 0) return '?';
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  const char* name_end = length > 0 ? std::strrchr(text, ')') : nullptr;
  return name_end != nullptr && name_end[1] == ' ' ? name_end[2] : '?';
}

inline bool all_others_sleep() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return true;
  const std::string self = std::to_string(gettid());
  bool asleep = true;
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.' || self == entry->d_name) continue;
    if (task_state(entry->d_name) != 'S') {
      asleep = false;
      break;
    }
  }
  closedir(tasks);
  return asleep;
}

}  // namespace standstill_bench

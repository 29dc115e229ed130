// Whether a file can be opened at all. The server of a network file system may be gone, the daemon of a FUSE
// one may hang; whoever opens a file there then waits for ever, deaf to most signals. Which may be just why
// the process hangs that is being looked at.
#pragma once

#include <chrono>
#include <string>

namespace standstill {

// How long a file system has to answer.
inline constexpr std::chrono::milliseconds ANSWER_WITHIN{2000};

// Asks from a process of its own, which is left behind when no answer comes; once for each folder, links of
// /proc each for themselves. False: do not touch it. True where there is no such file, too. Any thread may
// call this. The first call costs a fork().
bool file_system_answers(const std::string& path);

// What to say of a path that it is false for.
std::string no_answer_text(const std::string& path);

}  // namespace standstill

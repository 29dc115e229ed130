// What a stack stands in, in one phrase: "pthread_mutex_lock from take_order (orders.cc:93)".
//
// The innermost frames of a blocked thread are nearly always the same plumbing: a futex system call, the C
// library's function around it, a standard library's wrapper around that. What a person wants to know is
// which function of the program called into it, and what it asked for:
//
//     __futex_abstimed_wait_common     libc      plumbing
//     ___pthread_mutex_lock            libc      plumbing; the outermost of it: the operation
//     std::mutex::lock                 (inlined) plumbing of the language
//     take_order                       orders    the place
#pragma once

#include "reports/findings.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace standstill {

struct Standpoint {
  // Index of the innermost frame of the program's own; none where all is plumbing.
  std::optional<std::size_t> place;
  // Index of what it called into the libraries for, and its plain name, "pthread_mutex_lock"; none and ""
  // where it called nothing.
  std::optional<std::size_t> operation_frame;
  std::string operation;
};

Standpoint find_standpoint(std::span<const FrameRecord> frames);

// True for frames of the C library, the loader, the vDSO and the languages' standard libraries.
bool is_plumbing(const FrameRecord& frame);

// The same as name_of, printable and with the brackets of templates shortened where it is long.
std::string short_name_of(const FrameRecord& frame, std::size_t limit);

// "take_order", or for a frame without a name "libfoo.so+0x12f0", or its bare pc.
std::string name_of(const FrameRecord& frame);

// In one phrase, as above; "an unreadable stack" for one without frames. Printable; brackets of templates are
// shortened.
std::string describe_standpoint(std::span<const FrameRecord> frames);

// Groups of one standpoint, put together: stacks differ in how a place was reached, which hides how many
// stand in it.
struct Place {
  std::string text;
  std::size_t tasks = 0;
  std::vector<std::size_t> groups;  // indices, ascending
};

// The one with most tasks first; equal ones in the order of their first groups.
std::vector<Place> places_of(const Findings& findings);

}  // namespace standstill

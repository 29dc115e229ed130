// `stacks --debug 2`: one task after another, as the text of Go's goroutine?debug=2.
//
//     thread 10995 "worker-3" [mutex lock, 12 minutes]:
//     pthread_mutex_lock(...)
//     	./nptl/pthread_mutex_lock.c:93 +0x112
//     f(...)                                    an inlined function has no "+0x"
//     	/src/dl.cpp:7
//
// Tools that take such text apart know goroutines only. For them `as_goroutines` writes "goroutine" for
// "thread" and leaves out what they choke on: the name in the header, "%" and "/" in function names (taken as
// URL escapes and package paths; they are written %25 and %2f), and the names of files that are neither Go
// nor C nor assembly, of which they refuse the rest of the text ("??" stands in; the line number stays).
//
// Source: Go's src/runtime/traceback.go; for the readers panicparse 2.5.0 (stack/context.go), gostackparse,
// goleak.
#pragma once

#include "reports/findings.h"

#include <string>

namespace standstill {

struct TracebackOptions {
  bool as_goroutines = false;
};

// Tasks in the order of Findings::tasks.
std::string to_traceback_text(const Findings& findings, const TracebackOptions& options);

}  // namespace standstill

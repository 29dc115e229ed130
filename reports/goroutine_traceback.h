// `stacks --debug 2` of a Go program: the text of its goroutine?debug=2, byte for byte as the runtime of its
// version writes it.
//
//     goroutine 33 [sync.Mutex.Lock, 3 minutes]:
//     sync.(*Mutex).Lock(...)                         an inlined function
//     	/usr/lib/go/src/sync/mutex.go:90
//     main.lockMu(0xc000012345, {0x4a, 0x2?})         ? may be an old value
//     	/src/hang.go:67 +0x65
//     created by main.main in goroutine 1
//     	/src/hang.go:122 +0x5b4
//
// Source: Go's src/runtime/traceback.go (goroutineheader, traceback1, traceback2, printArgs, printcreatedby).
#pragma once

#include "reports/findings.h"
#include "reports/text_sink.h"

#include <string>

namespace standstill {

// Goroutines are written on all cores, their order is kept, and few of them are held in memory at a time.
void write_goroutine_traceback(const Findings& findings, const TextSink& sink);
std::string to_goroutine_traceback(const Findings& findings);

}  // namespace standstill

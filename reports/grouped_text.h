// `stacks --debug 1`: grouped stacks as the text of Go's goroutine?debug=1, which people know and pprof
// reads.
//
//     thread profile: total 13
//     9 @ 0x43b2d7 0x44c3ce 0x467245
//     # wait: mutex 0xc00001c0b8, 9 waiting, min 3m2s, max 12m40s
//     #	0x43b2d6	futex_wait+0x36		./nptl/futex-internal.c:57
//     #	0x44c3cd	take_order+0x4d		/src/orders.cc:93
//
// Two different program counters stand there. The sample line holds return addresses, from which every reader
// subtracts one; an address that is exact (the innermost one) is therefore written plus one. The frame lines
// hold the addresses that were looked up.
//
// Source: Go's src/runtime/pprof/pprof.go (printCountProfile, printStackRecord); google/pprof's
// profile/legacy_profile.go for what readers accept.
#pragma once

#include "reports/findings.h"

#include <string>
#include <string_view>

namespace standstill {

// Readers give up at lines of 64 KiB; stacks whose line would pass this are cut at their outer end, with a
// "#" line that says so.
inline constexpr std::size_t LONGEST_LINE = 60 * 1024;

// `profile` is the word before "profile:", "thread" or "goroutine".
std::string to_grouped_text(const Findings& findings, std::string_view profile);

}  // namespace standstill

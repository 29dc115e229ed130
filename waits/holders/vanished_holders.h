// Locks that are only ever held inside the C library for a moment, malloc's arenas above all: a thread that
// holds one is inside that code. Where no thread can be, the holder is not of this process: it was left
// behind by a fork that ran no handlers (_Fork, clone), or it ended in the middle.
#pragma once

#include "waits/explain_waits.h"

namespace standstill {

// Marks such locks of which no holder was found as held outside. Claims nothing while any thread runs, is in
// a call that malloc makes, or was interrupted by a signal.
void find_vanished_holders(WaitTable& table);

}  // namespace standstill

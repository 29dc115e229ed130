// Whether memory looks like a pthread_mutex_t of glibc; the condition variable asks this of the mutex that
// goes with it.
#pragma once

#include "waits/blocked_thread.h"

namespace standstill {

// `window` is centered on the first byte of the object.
bool is_pthread_mutex(const Window& window);

}  // namespace standstill

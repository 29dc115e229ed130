// Whether memory looks like a pthread_mutex_t of glibc; the condition variable asks this of the mutex that
// goes with it.
#pragma once

#include "waits/blocked_thread.h"

namespace standstill {

// `window` is centered on the first byte of the object.
bool is_pthread_mutex(const Window& window);
// The tid in the word of a priority-inheriting mutex at the window's center that is held; nothing for
// anything else.
std::optional<std::uint32_t> owner_of_inheriting_mutex(const Window& window);
// What WaitKind::inspect does for a mutex, whoever recognised it.
void inspect_pthread_mutex(const ObjectView& object, Resource& resource);

}  // namespace standstill

// The things that threads wait for, each once, however many wait for it: first all are numbered in the order
// in which threads name them, then each is inspected, side by side on all cores.
#pragma once

#include "coredump/snapshot.h"
#include "waits/thread_directory.h"
#include "waits/wait_kind.h"
#include "waits/wait_state.h"

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace standstill {

// What a recognised wait says about its resource.
struct ResourceKey {
  const WaitKind* kind = nullptr;  // null where none recognised it
  Address object;                  // 0 where it has none in memory: then `id` is its name
  std::string id;
  Address condition_mutex;  // of a condition: the mutex that goes with it; else 0
  ThreadIndex first = 0;    // a thread that waits for it
};

class ResourceTable {
 public:
  // `states[key.first]` says of every key what kind of thing it is. Borrows all three, and the keys' kinds.
  ResourceTable(const Snapshot& snapshot, const ThreadDirectory& threads, std::span<const WaitState> states)
      : snapshot_(snapshot), threads_(threads), states_(states) {}
  // Makes room for so many keys.
  void reserve(std::size_t keys);

  // The index of a key's resource. It must have an object or an id.
  ResourceIndex find_or_add(const ResourceKey& key);
  // The index of the mutex of glibc at an address.
  ResourceIndex find_or_add_mutex(Address mutex);

  // All resources by index, with the holders that their own fields name.
  std::vector<Resource> inspect() const;

 private:
  struct Entry {
    const WaitKind* kind;
    Address object;
    const std::string* id;                 // null for an object
    std::optional<ThreadIndex> described;  // by the state of this thread; else it is a condition's mutex
  };

  ResourceIndex find_or_add_object(Address object, const WaitKind* kind,
                                   std::optional<ThreadIndex> described);
  void make_slots(std::size_t count);
  std::size_t slot_of(Address object) const;
  Resource to_resource(const Entry& entry, const std::vector<bool>& is_loader) const;

  const Snapshot& snapshot_;
  const ThreadDirectory& threads_;
  std::span<const WaitState> states_;
  std::vector<Entry> entries_;
  // By address: an index into entries_ plus one, 0 for an empty place. Open addressing, at most half full.
  std::vector<ResourceIndex> slots_;
  std::size_t objects_ = 0;
  std::unordered_map<std::string, ResourceIndex> by_id_;
};

}  // namespace standstill

#include "waits/resource_table.h"

#include <bit>

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

namespace standstill {
namespace {

// The family in a resource's id: a lock is one resource however it is waited for.
std::string_view family(WaitWord word) {
  switch (word) {
    case WaitWord::RWLOCK_READ:
    case WaitWord::RWLOCK_WRITE:
      return "rwlock";
    default:
      return phrase(word);
  }
}

bool is_loader_path(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("ld-linux") || name.starts_with("ld-2.") || name.starts_with("ld.so") ||
         name.starts_with("ld-musl");
}

const WaitKind* find_kind(std::string_view name) {
  for (const WaitKind* kind : all_kinds())
    if (kind->name == name) return kind;
  return nullptr;
}

}  // namespace

ResourceIndex ResourceTable::find_or_add(const ResourceKey& key) {
  if (key.object) return find_or_add_object(key.object, key.kind, key.first);
  const auto [entry, is_new] = by_id_.try_emplace(key.id, static_cast<ResourceIndex>(entries_.size()));
  if (is_new) entries_.push_back({key.kind, {}, &entry->first, key.first});
  return entry->second;
}

ResourceIndex ResourceTable::find_or_add_mutex(Address mutex) {
  static const WaitKind* const kind = find_kind("glibc mutex");
  return find_or_add_object(mutex, kind, std::nullopt);
}

std::size_t ResourceTable::slot_of(Address object) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<Address>()(object) >> 32 & mask;
  while (slots_[slot] != 0 && entries_[slots_[slot] - 1].object != object) slot = (slot + 1) & mask;
  return slot;
}

void ResourceTable::make_slots(std::size_t count) {
  slots_.assign(std::bit_ceil(count), 0);
  for (ResourceIndex i = 0; i < entries_.size(); ++i)
    if (entries_[i].object) slots_[slot_of(entries_[i].object)] = i + 1;
}

void ResourceTable::reserve(std::size_t keys) {
  entries_.reserve(keys);
  make_slots(2 * keys + 2);
}

ResourceIndex ResourceTable::find_or_add_object(Address object, const WaitKind* kind,
                                                std::optional<ThreadIndex> described) {
  if (2 * (objects_ + 1) > slots_.size()) make_slots(4 * (objects_ + 1));
  ResourceIndex& place = slots_[slot_of(object)];
  if (place == 0) {
    entries_.push_back({kind, object, nullptr, described});
    place = static_cast<ResourceIndex>(entries_.size());
    ++objects_;
  }
  return place - 1;
}

Resource ResourceTable::to_resource(const Entry& entry, const std::vector<bool>& is_loader) const {
  Resource resource;
  resource.word = entry.described ? states_[*entry.described].word : WaitWord::MUTEX;
  resource.what = entry.described ? states_[*entry.described].what : "mutex";
  resource.address = entry.object;
  if (entry.id != nullptr) {
    resource.id = *entry.id;
    return resource;
  }
  resource.id = family(resource.word);
  resource.id += ':';
  resource.id += to_string(entry.object);
  if (entry.kind == nullptr || entry.kind->inspect == nullptr) return resource;
  entry.kind->inspect({snapshot_, threads_, entry.object, Window(snapshot_.memory, entry.object)}, resource);
  if (resource.word != WaitWord::MUTEX) return resource;
  const auto module = snapshot_.find_module(entry.object);
  if (module && is_loader[*module]) {
    resource.is_loader_lock = true;
    resource.what = "lock of the dynamic loader";
  }
  return resource;
}

std::vector<Resource> ResourceTable::inspect() const {
  constexpr std::size_t TOGETHER = 64;
  std::vector<bool> is_loader;
  for (const Module& module : snapshot_.modules) is_loader.push_back(is_loader_path(module.path));
  std::vector<Resource> resources(entries_.size());
  const auto inspect_range = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) resources[i] = to_resource(entries_[i], is_loader);
  };
  if (entries_.size() <= TOGETHER) {
    inspect_range(0, entries_.size());
  } else {
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, entries_.size(), TOGETHER),
                      [&](const auto& range) { inspect_range(range.begin(), range.end()); });
  }
  return resources;
}

}  // namespace standstill

// Addresses in, names out: sort them into modules, ask the cache, then each module's files.
#include "symbolize/symbolizer.h"

#include "runtimes/go/go_process.h"
#include "symbolize/cache_folder.h"
#include "symbolize/debug_files.h"
#include "symbolize/demangle.h"
#include "symbolize/early_sections.h"
#include "symbolize/go_locations.h"
#include "symbolize/memory_symbols.h"
#include "symbolize/module_locations.h"
#include "symbolize/symbol_table.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

namespace standstill {

namespace {

// A module's files, looked for when they are first needed.
struct ModuleFiles {
  std::once_flag once;
  DebugFiles files;
};

// What is wanted of one module: sorted distinct virtual addresses.
struct ModuleWork {
  ModuleIndex module = 0;
  std::vector<std::uint64_t> vaddrs;
  std::vector<Location> locations;  // of vaddrs
};

MissingName why_missing(const Module& module, const DebugFiles& files) {
  if (files.own || files.separate) return MissingName::NO_SYMBOL;
  return module.file_status == Module::FileStatus::BUILD_ID_MISMATCH ? MissingName::BUILD_ID_MISMATCH
                                                                     : MissingName::NO_FILE;
}

}  // namespace

struct Symbolizer::State {
  State(const Snapshot& snapshot_in, SymbolizerOptions options_in)
      : snapshot(snapshot_in), options(std::move(options_in)), modules(snapshot_in.modules.size()) {
    // Modules are worked on side by side, and nobody who shows progress expects two calls at once.
    if (options.progress) {
      options.progress = [this, report = std::move(options.progress)](const std::string& what, double part) {
        const std::lock_guard lock(mutex);
        report(what, part);
      };
    }
  }

  const DebugFiles& files_of(ModuleIndex index) {
    ModuleFiles& entry = modules[index];
    std::call_once(entry.once, [&] {
      entry.files = find_debug_files(snapshot.modules[index], options);
      if (!entry.files.own && !entry.files.separate) {
        entry.files.memory = image_of_dynamic_symbols(snapshot.memory, snapshot.modules[index]);
      }
      add_notes(entry.files.notes);
    });
    return entry.files;
  }

  void add_notes(const std::vector<Note>& more) {
    const std::lock_guard lock(mutex);
    for (const Note& note : more) {
      if (std::ranges::find(notes, note) == notes.end()) notes.push_back(note);
    }
  }

  std::string cache_name_of(const Module& module, const DebugFiles& files, const std::string& folder) const {
    return folder.empty() || files.memory ? std::string{}
                                          : cache_file_name(module, files, options.names_only);
  }

  // In the background: the files of a module, unpacked for these addresses, unless the cache knows them all.
  std::optional<EarlySections> prepare(ModuleIndex index, const std::vector<std::uint64_t>& vaddrs) {
    const Module& module = snapshot.modules[index];
    const DebugFiles& files = files_of(index);
    const std::string folder = options.use_cache ? user_cache_folder() : std::string{};
    if (const std::string name = cache_name_of(module, files, folder); !name.empty()) {
      const std::vector<std::uint8_t> bytes = CacheFolder(folder).load(name);
      const auto known = CachedLocations::parse(bytes);
      const auto is_known = [&](std::uint64_t vaddr) { return known->find(vaddr).has_value(); };
      if (known && std::ranges::all_of(vaddrs, is_known)) return std::nullopt;
    }
    return unpack_early(files.with_debug_info(), vaddrs);
  }

  // What was prepared, once it is ready; asked by the one who locates in that module.
  std::optional<EarlySections> take_early(ModuleIndex index) {
    const auto found = early.find(index);
    if (found == early.end() || !found->second.valid()) return std::nullopt;
    return found->second.get();
  }

  void locate(ModuleWork& work) {
    const Module& module = snapshot.modules[work.module];
    const DebugFiles& files = files_of(work.module);
    const std::string folder = options.use_cache ? user_cache_folder() : std::string{};
    const std::string cache_name = cache_name_of(module, files, folder);
    if (cache_name.empty()) {
      const auto prepared = take_early(work.module);
      std::vector<Note> new_notes;
      work.locations = locate_in_module(module, files, options.names_only, work.vaddrs, new_notes,
                                        prepared ? &*prepared : nullptr)
                           .locations;
      add_notes(new_notes);
    } else {
      locate_with_cache(work, module, files, CacheFolder(folder), cache_name);
    }
    for (Location& location : work.locations) {
      location.module = work.module;
      if (location.function_start)
        location.function_start = module.from_vaddr(location.function_start.value());
      if (location.chain.empty()) location.missing = why_missing(module, files);
    }
  }

  void locate_with_cache(ModuleWork& work, const Module& module, const DebugFiles& files,
                         const CacheFolder& cache, const std::string& cache_name) {
    const std::vector<std::uint8_t> bytes = cache.load(cache_name);
    const auto known = CachedLocations::parse(bytes);
    work.locations.resize(work.vaddrs.size());
    std::vector<std::size_t> unknown;
    for (std::size_t i = 0; i < work.vaddrs.size(); ++i) {
      auto location = known ? known->find(work.vaddrs[i]) : std::nullopt;
      if (location) {
        work.locations[i] = std::move(*location);
      } else {
        unknown.push_back(i);
      }
    }
    if (unknown.empty()) return;
    std::vector<std::uint64_t> vaddrs;
    for (const std::size_t i : unknown) vaddrs.push_back(work.vaddrs[i]);
    std::vector<Note> new_notes;
    const auto prepared = take_early(work.module);
    ModuleLocations found = locate_in_module(module, files, options.names_only, vaddrs, new_notes,
                                             prepared ? &*prepared : nullptr);
    AddressLocations to_keep;
    for (std::size_t i = 0; i < unknown.size(); ++i) {
      to_keep.emplace_back(vaddrs[i], found.locations[i]);
      work.locations[unknown[i]] = std::move(found.locations[i]);
    }
    // What a damaged file led to, or a file that the cache does not know of, is looked up anew each time.
    if (new_notes.empty() && !found.used_other_files) cache.add(cache_name, std::move(to_keep));
    add_notes(new_notes);
  }

  const Snapshot& snapshot;
  SymbolizerOptions options;
  std::vector<ModuleFiles> modules;
  std::mutex mutex;  // of notes and of options.progress
  std::vector<Note> notes;
  // By module. Each is waited for when it goes, which must be before all that it works with.
  std::unordered_map<ModuleIndex, std::future<std::optional<EarlySections>>> early;
};

Symbolizer::Symbolizer(const Snapshot& snapshot, SymbolizerOptions options)
    : state_(std::make_unique<State>(snapshot, std::move(options))) {}

Symbolizer::~Symbolizer() = default;

void Symbolizer::expect(std::span<const Address> addresses) {
  const Snapshot& snapshot = state_->snapshot;
  if (state_->options.names_only) return;
  std::unordered_map<ModuleIndex, std::vector<std::uint64_t>> wanted;
  for (const Address address : addresses) {
    const auto module = snapshot.find_module(address);
    if (!module) continue;
    const auto& image = snapshot.modules[*module].image;
    if (image != nullptr && is_at_hand(*image)) continue;
    wanted[*module].push_back(snapshot.modules[*module].to_vaddr(address));
  }
  for (auto& [module, vaddrs] : wanted) {
    std::ranges::sort(vaddrs);
    const auto prepare = [this, index = module, wanted_there = std::move(vaddrs)] {
      return state_->prepare(index, wanted_there);
    };
    try {
      state_->early.emplace(module, std::async(std::launch::async, prepare));
    } catch (const std::system_error&) {
      return;  // no more threads for us: then it is done when it is needed
    }
  }
}

std::vector<Location> Symbolizer::locate(std::span<const Address> addresses) {
  const Snapshot& snapshot = state_->snapshot;
  std::vector<std::optional<std::uint32_t>> work_of(addresses.size());
  std::vector<Location> result(addresses.size());
  std::unordered_map<ModuleIndex, std::uint32_t> place_of;
  std::vector<ModuleWork> work;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto module = snapshot.find_module(addresses[i]);
    if (!module) {
      result[i].missing = MissingName::NO_MODULE;
      continue;
    }
    if (state_->options.go != nullptr && *state_->options.go) {
      // Go's own tables are there in every Go program, and say all that is to be said.
      if (auto location = locate_in_go(*state_->options.go->runtime, addresses[i])) {
        result[i] = std::move(*location);
        result[i].module = module;
        continue;
      }
    }
    const auto [place, is_new] = place_of.try_emplace(*module, static_cast<std::uint32_t>(work.size()));
    if (is_new) work.push_back({*module, {}, {}});
    work_of[i] = place->second;
    work[place->second].vaddrs.push_back(snapshot.modules[*module].to_vaddr(addresses[i]));
  }
  tbb::parallel_for(std::size_t{0}, work.size(), [&](std::size_t i) {
    auto& vaddrs = work[i].vaddrs;
    std::ranges::sort(vaddrs);
    vaddrs.erase(std::ranges::unique(vaddrs).begin(), vaddrs.end());
    state_->locate(work[i]);
  });

  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (!work_of[i]) continue;
    const ModuleWork& from = work[*work_of[i]];
    const std::uint64_t vaddr = snapshot.modules[from.module].to_vaddr(addresses[i]);
    const auto place = std::ranges::lower_bound(from.vaddrs, vaddr);
    result[i] = from.locations[static_cast<std::size_t>(place - from.vaddrs.begin())];
  }
  return result;
}

std::shared_ptr<const ElfImage> Symbolizer::debug_image(ModuleIndex module) const {
  return state_->files_of(module).separate;
}

std::shared_ptr<const ElfImage> Symbolizer::image_with_debug_info(ModuleIndex module) const {
  return state_->files_of(module).with_debug_info();
}

ModuleSymbols Symbolizer::module_symbols(ModuleIndex module) const {
  return state_->files_of(module).symbols;
}

std::vector<std::string> Symbolizer::names_of_data(std::span<const Address> addresses) const {
  std::vector<std::string> names(addresses.size());
  // (module, its virtual address, place in `addresses`): one pass over the tables of each module.
  std::vector<std::tuple<ModuleIndex, std::uint64_t, std::size_t>> wanted;
  for (std::size_t i = 0; i < addresses.size(); ++i)
    if (const auto module = state_->snapshot.find_module(addresses[i]))
      wanted.emplace_back(*module, state_->snapshot.modules[*module].to_vaddr(addresses[i]), i);
  std::ranges::sort(wanted);
  for (std::size_t first = 0; first < wanted.size();) {
    const ModuleIndex module = std::get<0>(wanted[first]);
    std::vector<std::uint64_t> vaddrs;
    while (first + vaddrs.size() < wanted.size() && std::get<0>(wanted[first + vaddrs.size()]) == module)
      vaddrs.push_back(std::get<1>(wanted[first + vaddrs.size()]));
    const auto symbols = find_symbols(state_->files_of(module).with_symbols(), vaddrs, SymbolKind::DATA);
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      if (symbols[i].name.empty()) continue;
      std::string& name = names[std::get<2>(wanted[first + i])];
      name = function_name(symbols[i].name);
      if (vaddrs[i] != symbols[i].start) name += fmt::format("+{:#x}", vaddrs[i] - symbols[i].start);
    }
    first += vaddrs.size();
  }
  return names;
}

const GoProcess* Symbolizer::go() const { return state_->options.go; }

std::vector<Note> Symbolizer::notes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->notes;
}

}  // namespace standstill

#include "waits/enclosing_names.h"

#include "symbolize/enclosing_object.h"
#include "symbolize/frame_variables.h"
#include "symbolize/symbolizer.h"
#include "unwind/unwinder.h"
#include "waits/holders/lock_sightings.h"

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>

namespace standstill {
namespace {

constexpr std::size_t MOST_LOCKS = 100;  // nobody reads more
constexpr std::size_t MOST_THREADS = 4;  // asked about one lock: waiters, and as many holders
constexpr std::size_t MOST_FRAMES = 64;  // of each

class Naming {
 public:
  Naming(const Snapshot& snapshot, const Symbolizer& symbolizer, const CodeNames& names)
      : snapshot_(snapshot), symbolizer_(symbolizer), names_(names), unwinder_(snapshot, symbolizer) {}

  std::string name(const Resource& resource) {
    std::vector<EnclosingObject> found;
    for (std::size_t i = 0; i < std::min(resource.waiters.size(), MOST_THREADS); ++i)
      look_in(resource.waiters[i], resource.address, found);
    for (std::size_t i = 0; i < std::min(resource.holders.size(), MOST_THREADS); ++i)
      look_in(resource.holders[i].thread, resource.address, found);
    // A wrapper is inside of something that tells more.
    if (!std::ranges::all_of(found, &EnclosingObject::is_wrapper))
      std::erase_if(found, [](const EnclosingObject& object) { return object.is_wrapper; });
    return found.size() == 1 ? describe(found.front(), resource.address) : std::string();
  }

 private:
  static std::string describe(const EnclosingObject& object, Address lock) {
    std::string text = object.type;
    if (!object.member.empty()) text += "::" + object.member;
    if (object.start != lock) text += " of the " + object.type + " at " + to_string(object.start);
    return text;
  }

  void look_in(ThreadIndex thread, Address lock, std::vector<EnclosingObject>& found) {
    const StackWithRegisters& unwound = unwind(thread);
    const auto& frames = unwound.stack.frames;
    const std::size_t first = first_own_frame(snapshot_, snapshot_.threads[thread], unwound.stack);
    for (std::size_t i = first; i < std::min(frames.size(), first + MOST_FRAMES); ++i) {
      const auto module = snapshot_.find_module(frames[i].lookup_address());
      EnclosingObjects* const objects = module ? objects_of(*module) : nullptr;
      if (objects == nullptr || i >= unwound.registers.size()) continue;
      const FrameRegisters& registers = unwound.registers[i];
      const Location* const location = names_.find(frames[i].lookup_address());
      objects->find({.vaddr = snapshot_.modules[*module].to_vaddr(frames[i].lookup_address()),
                     .cfa = frames[i].cfa,
                     .registers = registers.values,
                     .known = registers.known,
                     .line = location == nullptr || location->chain.empty() ? 0 : location->chain[0].line},
                    snapshot_.memory, lock, found);
    }
  }

  const StackWithRegisters& unwind(ThreadIndex thread) {
    const auto [entry, is_new] = stacks_.try_emplace(thread);
    if (is_new)
      entry->second = unwinder_.unwind_with_registers(snapshot_.threads[thread].registers,
                                                      {.max_frames = 2 * MOST_FRAMES});
    return entry->second;
  }

  EnclosingObjects* objects_of(ModuleIndex module) {
    const auto [entry, is_new] = objects_.try_emplace(module);
    if (is_new)
      if (auto image = symbolizer_.image_with_debug_info(module))
        entry->second =
            std::make_unique<EnclosingObjects>(std::move(image), snapshot_.modules[module].load_bias);
    return entry->second.get();
  }

  const Snapshot& snapshot_;
  const Symbolizer& symbolizer_;
  const CodeNames& names_;
  const Unwinder unwinder_;
  std::unordered_map<ThreadIndex, StackWithRegisters> stacks_;
  std::map<ModuleIndex, std::unique_ptr<EnclosingObjects>> objects_;
};

}  // namespace

std::vector<std::string> name_enclosing_objects(const Snapshot& snapshot, const Symbolizer& symbolizer,
                                                const CodeNames& code, const WaitTable& table,
                                                const Verdict& verdict) {
  std::vector<std::string> names(table.resources.size());
  std::vector<ResourceIndex> wanted;
  const auto want = [&](ResourceIndex index) {
    const Resource& resource = table.resources[index];
    if (resource.address && resource.word != WaitWord::JOIN && !snapshot.find_module(resource.address) &&
        wanted.size() < MOST_LOCKS && std::ranges::find(wanted, index) == wanted.end())
      wanted.push_back(index);
  };
  for (const WaitFinding& finding : verdict.findings) {
    std::ranges::for_each(finding.resources, want);
    // What a blocker waits for itself is told, too.
    for (const ThreadIndex task : finding.tasks)
      if (const auto& resource = table.states[task].resource) want(*resource);
  }
  if (wanted.empty()) return names;
  Naming naming(snapshot, symbolizer, code);
  for (const ResourceIndex index : wanted) names[index] = naming.name(table.resources[index]);
  return names;
}

}  // namespace standstill

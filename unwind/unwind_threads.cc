// The unwinder together with the symbolizer, which knows where separate debug files are.
#include "symbolize/symbolizer.h"
#include "unwind/unwinder.h"

namespace standstill {

Unwinder::Unwinder(const Snapshot& snapshot, const Symbolizer& symbolizer)
    : Unwinder(
          snapshot, [&symbolizer](ModuleIndex module) { return symbolizer.debug_image(module); },
          symbolizer.go()) {}

UnwoundThreads unwind_threads(const Snapshot& snapshot, const Symbolizer& symbolizer,
                              const UnwindOptions& options) {
  return Unwinder(snapshot, symbolizer).unwind_threads(options);
}

StackWithRegisters unwind_with_registers(const Snapshot& snapshot, const Symbolizer& symbolizer,
                                         const Thread& thread) {
  return Unwinder(snapshot, symbolizer).unwind_with_registers(thread.registers);
}

}  // namespace standstill

// Names for locks that no symbol covers: members of objects on the heap or on a stack. What such an address
// is, the functions know that wait for it and that hold it; their variables' types tell (see
// symbolize/enclosing_object.h). All that is found must agree, otherwise nothing is said.
#pragma once

#include "coredump/snapshot.h"
#include "waits/explain_waits.h"
#include "waits/stack_names.h"
#include "waits/verdict.h"

#include <string>
#include <vector>

namespace standstill {

class Symbolizer;

// For each of table.resources: "shop::Ledger::mutex" where that is what the object starts with, otherwise
// "Account::lock of the Account at 0x7ffd39e4b198"; "" where nothing is known. Only the first locks of
// `verdict` that lie in no module are looked at, so that it costs nothing where nothing hangs.
// `code` names the frames of all stacks.
std::vector<std::string> name_enclosing_objects(const Snapshot& snapshot, const Symbolizer& symbolizer,
                                                const CodeNames& code, const WaitTable& table,
                                                const Verdict& verdict);

}  // namespace standstill

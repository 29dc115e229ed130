#include "coredump/build_id.h"

#include "coredump/elf_notes.h"

#include <elf.h>

namespace standstill {

std::string BuildId::hex() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::optional<BuildId> find_build_id(Bytes notes, std::uint64_t alignment) {
  // Linkers write 8 (a hash), 16 or 20 bytes; --build-id=0x... allows others. More than this is damage.
  constexpr std::size_t longest = 64;
  ElfNoteReader reader(notes, alignment);
  while (const auto note = reader.next()) {
    if (note->owner != "GNU" || note->type != NT_GNU_BUILD_ID) continue;
    if (note->contents.empty() || note->contents.size() > longest) continue;
    return BuildId{{note->contents.begin(), note->contents.end()}};
  }
  return std::nullopt;
}

}  // namespace standstill

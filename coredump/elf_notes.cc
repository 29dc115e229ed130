#include "coredump/elf_notes.h"

#include <elf.h>

namespace standstill {

std::optional<ElfNote> ElfNoteReader::next() {
  if (cut_ || offset_ >= notes_.size()) return std::nullopt;
  Cursor cursor(notes_.subspan(offset_));
  const auto header = cursor.read<Elf64_Nhdr>();
  if (!cursor.ok()) {
    cut_ = Cut{offset_, 0, sizeof(Elf64_Nhdr), notes_.size() - offset_};
    return std::nullopt;
  }
  std::string_view owner = as_text(cursor.read_bytes(header.n_namesz));
  cursor.align(alignment_);
  const std::uint64_t available = cursor.remaining();
  const Bytes contents = cursor.read_bytes(header.n_descsz);
  if (!cursor.ok()) {
    cut_ = Cut{offset_, header.n_type, header.n_descsz, available};
    return std::nullopt;
  }
  cursor.align(alignment_);
  owner = owner.substr(0, owner.find('\0'));
  const ElfNote note{owner, header.n_type, contents, offset_};
  offset_ += cursor.offset();
  return note;
}

}  // namespace standstill

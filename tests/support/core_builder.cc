#include "tests/support/core_builder.h"

#include "coredump/elf_headers.h"

#include <algorithm>
#include <cstring>

namespace standstill::synth {
namespace {

Elf64_Phdr segment(std::uint32_t type, std::uint32_t flags, std::uint64_t offset, std::uint64_t vaddr,
                   std::uint64_t in_file, std::uint64_t in_memory, std::uint64_t alignment) {
  return {type, flags, offset, vaddr, 0, in_file, in_memory, alignment};
}

}  // namespace

ByteVector note(std::string_view owner, std::uint32_t type, Bytes contents) {
  ByteWriter writer;
  writer.add(static_cast<std::uint32_t>(owner.size() + 1));
  writer.add(static_cast<std::uint32_t>(contents.size())).add(type);
  writer.add_text(owner).add('\0').align(4).add_bytes(contents).align(4);
  return writer.take();
}

ByteVector ElfBuilder::build() const {
  constexpr std::uint64_t notes_at = 0x200, text_at = 0x1000, data_at = 0x2000, names_at = 0x3000;
  const ByteVector notes = build_id.empty() ? ByteVector{} : note("GNU", NT_GNU_BUILD_ID, build_id);
  std::vector<Elf64_Phdr> segments = {
      segment(PT_LOAD, PF_R, 0, base, PAGE, PAGE, PAGE),
      segment(PT_LOAD, PF_R | PF_X, text_at, base + TEXT, PAGE, PAGE, PAGE),
      segment(PT_LOAD, PF_R | PF_W, data_at, base + DATA, PAGE, END - DATA, PAGE),
  };
  if (!notes.empty())
    segments.push_back(segment(PT_NOTE, PF_R, notes_at, base + notes_at, notes.size(), notes.size(), 4));

  const std::string names("\0.note.gnu.build-id\0.text\0.shstrtab\0", 36);
  const std::uint64_t sections_at = names_at + 64;
  Elf64_Ehdr header = make_elf_header(type);
  header.e_entry = base + TEXT;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_phnum = static_cast<std::uint16_t>(segments.size());
  if (has_sections) {
    header.e_shoff = sections_at;
    header.e_shnum = 4;
    header.e_shstrndx = 3;
  }
  ByteWriter writer;
  writer.add(header);
  for (const Elf64_Phdr& one : segments) writer.add(one);
  writer.pad_to(notes_at).add_bytes(notes);
  writer.pad_to(text_at).add_bytes(ByteVector(PAGE, text_byte)).add_bytes(ByteVector(PAGE, 0xda));
  if (has_sections) {
    writer.add_text(names).pad_to(sections_at);
    writer.add(Elf64_Shdr{});
    writer.add(Elf64_Shdr{1, SHT_NOTE, SHF_ALLOC, base + notes_at, notes_at, notes.size(), 0, 0, 4, 0});
    writer.add(
        Elf64_Shdr{20, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, base + TEXT, text_at, PAGE, 0, 0, 16, 0});
    writer.add(Elf64_Shdr{26, SHT_STRTAB, 0, 0, names_at, names.size(), 0, 0, 1, 0});
  }
  return writer.take();
}

CoreBuilder& CoreBuilder::memory(std::uint64_t vaddr, ByteVector bytes, std::uint32_t flags,
                                 std::uint64_t left_out) {
  const std::uint64_t size = bytes.size();
  segments_.push_back({segment(PT_LOAD, flags, 0, vaddr, size, size + left_out, 4096), std::move(bytes)});
  return *this;
}

CoreBuilder& CoreBuilder::raw_note(std::string_view owner, std::uint32_t type, Bytes contents) {
  const ByteVector bytes = note(owner, type, contents);
  notes_.insert(notes_.end(), bytes.begin(), bytes.end());
  return *this;
}

CoreBuilder& CoreBuilder::thread(int tid, const Registers& registers, int signal) {
  const auto& r = registers.by_dwarf_number;
  using R = Registers;
  // struct elf_prstatus; pr_reg is r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs
  // eflags rsp ss fs_base gs_base ds es fs gs.
  ByteWriter writer;
  writer.add(std::int32_t{signal})
      .pad_to(12)
      .add(static_cast<std::int16_t>(signal))
      .pad_to(32)
      .add(std::int32_t{tid});
  writer.pad_to(112);
  for (const unsigned number : {R::R15, R::R14, R::R13, R::R12, R::RBP, R::RBX, 11U, R::R10, R::R9, R::R8,
                                R::RAX, R::RCX, R::RDX, R::RSI, R::RDI}) {
    writer.add(r[number]);
  }
  writer.add(registers.system_call)
      .add(r[R::RIP])
      .add(std::uint64_t{0x33})
      .add(registers.flags)
      .add(r[R::RSP]);
  writer.add(std::uint64_t{0x2b}).add(registers.thread_pointer).pad_to(336);
  return raw_note("CORE", NT_PRSTATUS, writer.take());
}

CoreBuilder& CoreBuilder::process(int pid, std::string_view name, std::string_view arguments) {
  ByteWriter writer;
  writer.pad_to(24).add(std::int32_t{pid}).add(std::int32_t{1}).pad_to(40).add_text(name.substr(0, 15));
  writer.pad_to(56).add_text(arguments.substr(0, 79)).pad_to(136);
  return raw_note("CORE", NT_PRPSINFO, writer.take());
}

CoreBuilder& CoreBuilder::signal_info(int number) {
  ByteWriter writer;
  writer.add(std::int32_t{number}).pad_to(128);
  return raw_note("CORE", NT_SIGINFO, writer.take());
}

CoreBuilder& CoreBuilder::auxiliary(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& vector) {
  ByteWriter writer;
  for (const auto& [type, value] : vector) writer.add(type).add(value);
  writer.add(std::uint64_t{AT_NULL}).add(std::uint64_t{0});
  return raw_note("CORE", NT_AUXV, writer.take());
}

CoreBuilder& CoreBuilder::files(const std::vector<FileMapping>& mappings) {
  ByteWriter writer;
  writer.add(std::uint64_t{mappings.size()}).add(std::uint64_t{4096});
  for (const FileMapping& mapping : mappings) {
    writer.add(mapping.start.value()).add(mapping.end.value()).add(mapping.file_offset / 4096);
  }
  for (const FileMapping& mapping : mappings) writer.add_text(mapping.path).add('\0');
  return raw_note("CORE", NT_FILE, writer.take());
}

CoreBuilder& CoreBuilder::loaded_module(const ElfBuilder& elf, std::uint64_t load_bias, bool dump_header) {
  const ByteVector file = elf.build();
  const std::uint64_t start = load_bias + elf.base;
  const auto page = [&](std::uint64_t offset) {
    const auto first = file.begin() + static_cast<std::ptrdiff_t>(offset);
    return ByteVector(first, first + ElfBuilder::PAGE);
  };
  memory(start, dump_header ? page(0) : ByteVector{}, PF_R, dump_header ? 0 : ElfBuilder::PAGE);
  memory(start + ElfBuilder::TEXT, {}, PF_R | PF_X, ElfBuilder::PAGE);
  ByteVector data = page(0x2000);
  data[0] = 0xed;  // the program has written here
  return memory(start + ElfBuilder::DATA, std::move(data));
}

ByteVector CoreBuilder::build() const {
  const std::uint64_t count = segments_.size() + (notes_.empty() ? 0 : 1);
  const bool is_extended = count >= PN_XNUM;
  std::uint64_t at = sizeof(Elf64_Ehdr) + count * sizeof(Elf64_Phdr);
  std::uint64_t notes_at = at;
  if (layout_ == Layout::KERNEL) at += notes_.size();
  at = (at + 4095) / 4096 * 4096;
  std::vector<Elf64_Phdr> headers;
  for (const Segment& one : segments_) {
    headers.push_back(one.header);
    headers.back().p_offset = at;
    at += one.bytes.size();
  }
  if (layout_ == Layout::GCORE) {
    notes_at = at;
    at += notes_.size();
  }
  if (!notes_.empty()) {
    headers.insert(headers.begin(), segment(PT_NOTE, 0, notes_at, 0, notes_.size(), 0, 4));
  }

  Elf64_Ehdr header = make_elf_header(ET_CORE);
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_phnum = static_cast<std::uint16_t>(std::min<std::uint64_t>(count, PN_XNUM));
  if (is_extended) {
    header.e_shoff = at;
    header.e_shnum = 1;
  }
  ByteWriter writer;
  writer.add(header);
  for (const Elf64_Phdr& one : headers) writer.add(one);
  if (layout_ == Layout::KERNEL) writer.add_bytes(notes_);
  writer.align(4096);
  for (const Segment& one : segments_) writer.add_bytes(one.bytes);
  if (layout_ == Layout::GCORE) writer.add_bytes(notes_);
  if (is_extended) {
    Elf64_Shdr first{};
    first.sh_size = 1;
    first.sh_info = static_cast<std::uint32_t>(count);
    writer.add(first);
  }
  return writer.take();
}

std::vector<FileMapping> mappings_of(const ElfBuilder& elf, std::uint64_t load_bias,
                                     const std::string& path) {
  const Address start(load_bias + elf.base);
  const std::uint64_t page = ElfBuilder::PAGE;
  return {{start, start + page, 0, path},
          {start + ElfBuilder::TEXT, start + ElfBuilder::TEXT + page, 0x1000, path},
          {start + ElfBuilder::DATA, start + ElfBuilder::DATA + page, 0x2000, path}};
}

}  // namespace standstill::synth

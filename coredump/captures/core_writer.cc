#include "coredump/captures/core_writer.h"

#include "coredump/elf_headers.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include <elf.h>

namespace standstill {
namespace {

constexpr std::uint64_t PAGE = 4096;

std::uint64_t page_end(std::uint64_t offset) { return (offset + PAGE - 1) & ~(PAGE - 1); }

// Where everything lies in the file.
struct Layout {
  std::uint64_t program_header_count;
  bool has_section_header;  // the count does not fit into e_phnum (gABI, Program Header: PN_XNUM)
  std::uint64_t section_header;
  std::uint64_t notes;
  std::uint64_t memory;

  explicit Layout(const CoreContents& contents)
      : program_header_count(contents.segments.size() + 1),
        has_section_header(program_header_count >= PN_XNUM),
        section_header(sizeof(Elf64_Ehdr) + program_header_count * sizeof(Elf64_Phdr)),
        notes(section_header + (has_section_header ? sizeof(Elf64_Shdr) : 0)),
        memory(page_end(notes + contents.notes.size())) {}
};

Elf64_Ehdr elf_header(const CoreContents& contents, const Layout& layout) {
  Elf64_Ehdr header = make_elf_header(ET_CORE);
  // lldb takes a core of a program without libraries for one of no system that it knows, unless this says so.
  header.e_ident[EI_OSABI] = ELFOSABI_LINUX;
  header.e_machine = contents.machine;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_phnum = static_cast<std::uint16_t>(std::min<std::uint64_t>(layout.program_header_count, PN_XNUM));
  if (layout.has_section_header) {
    header.e_shoff = layout.section_header;
    header.e_shnum = 1;
  } else {
    header.e_shentsize = 0;  // as the kernel has it
  }
  return header;
}

std::vector<Elf64_Phdr> program_headers(const CoreContents& contents, const Layout& layout) {
  std::vector<Elf64_Phdr> headers;
  headers.reserve(layout.program_header_count);
  Elf64_Phdr notes{};
  notes.p_type = PT_NOTE;
  notes.p_offset = layout.notes;
  notes.p_filesz = contents.notes.size();
  notes.p_align = 4;
  headers.push_back(notes);
  std::uint64_t offset = layout.memory;
  for (const CoreSegment& segment : contents.segments) {
    assert(segment.held_size <= segment.memory_size);
    Elf64_Phdr header{};
    header.p_type = PT_LOAD;
    header.p_flags = segment.flags;
    header.p_offset = offset;
    header.p_vaddr = segment.start.value();
    header.p_filesz = segment.held_size;
    header.p_memsz = segment.memory_size;
    header.p_align = PAGE;
    headers.push_back(header);
    offset += segment.held_size;
  }
  return headers;
}

template <class T>
Bytes bytes_of(const T* first, std::size_t count) {
  return {reinterpret_cast<const std::uint8_t*>(first), count * sizeof(T)};
}

Result<void> write_segment(CoreSink& sink, const CoreContents& contents, const CoreSegment& segment) {
  for (std::uint64_t done = 0; done < segment.held_size;) {
    const std::uint64_t rest = segment.held_size - done;
    const CorePart part = contents.read(segment.start + done, rest);
    const Bytes bytes = clipped(part.bytes, 0, rest);
    std::uint64_t zeros = std::min(part.zeros, rest - bytes.size());
    if (bytes.empty() && zeros == 0) zeros = rest;
    if (auto written = sink.append(bytes); !written) return written;
    if (zeros != 0) {
      if (auto written = sink.skip(zeros); !written) return written;
    }
    done += bytes.size() + zeros;
  }
  return {};
}

}  // namespace

Result<void> write_core(CoreSink& sink, const CoreContents& contents) {
  const Layout layout(contents);
  const Elf64_Ehdr header = elf_header(contents, layout);
  if (auto done = sink.append(bytes_of(&header, 1)); !done) return done;
  const std::vector<Elf64_Phdr> headers = program_headers(contents, layout);
  if (auto done = sink.append(bytes_of(headers.data(), headers.size())); !done) return done;
  if (layout.has_section_header) {
    Elf64_Shdr section{};
    section.sh_size = 1;  // the number of section headers
    section.sh_info = static_cast<std::uint32_t>(layout.program_header_count);
    if (auto done = sink.append(bytes_of(&section, 1)); !done) return done;
  }
  if (auto done = sink.append(contents.notes); !done) return done;
  if (auto done = sink.skip(layout.memory - layout.notes - contents.notes.size()); !done) return done;
  for (const CoreSegment& segment : contents.segments) {
    if (auto done = write_segment(sink, contents, segment); !done) return done;
  }
  return {};
}

}  // namespace standstill

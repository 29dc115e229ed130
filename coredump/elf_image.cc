#include "coredump/elf_image.h"

#include "base/file_system_answers.h"
#include "coredump/elf_headers.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {
namespace {

Bytes section_contents(const Elf64_Shdr& header, Bytes file) {
  if (header.sh_type == SHT_NOBITS || header.sh_type == SHT_NULL) return {};
  if (header.sh_offset > file.size() || header.sh_size > file.size() - header.sh_offset) return {};
  return file.subspan(header.sh_offset, header.sh_size);
}

// As for program headers, 16 bits may be too few: then the count stands in section 0's sh_size and the index
// of the name table in its sh_link.
std::vector<Elf64_Shdr> read_section_headers(const Elf64_Ehdr& header, Bytes file) {
  if (header.e_shoff == 0 || header.e_shentsize != sizeof(Elf64_Shdr)) return {};
  const Bytes table = clipped(file, header.e_shoff);
  const std::uint64_t fitting = table.size() / sizeof(Elf64_Shdr);
  if (fitting == 0) return {};
  std::uint64_t count = header.e_shnum;
  if (count == 0) {
    Elf64_Shdr first;
    std::memcpy(&first, table.data(), sizeof(first));
    count = first.sh_size;
  }
  // A table that is cut off says nothing that may be trusted: names and links would be off.
  if (count == 0 || count > fitting) return {};
  std::vector<Elf64_Shdr> headers(count);
  std::memcpy(headers.data(), table.data(), count * sizeof(Elf64_Shdr));
  return headers;
}

std::string_view name_at(Bytes names, std::uint64_t offset) {
  constexpr std::uint64_t longest =
      4096;  // a table without NULs must not be searched to its end for every section
  Cursor cursor(clipped(names, offset, longest));
  return cursor.read_c_string();
}

std::vector<ElfImage::Section> read_sections(const Elf64_Ehdr& header, Bytes file) {
  const std::vector<Elf64_Shdr> headers = read_section_headers(header, file);
  if (headers.empty()) return {};
  const std::uint64_t names_index = header.e_shstrndx == SHN_XINDEX ? headers[0].sh_link : header.e_shstrndx;
  const Bytes names = names_index < headers.size() ? section_contents(headers[names_index], file) : Bytes{};
  std::vector<ElfImage::Section> sections;
  sections.reserve(headers.size());
  for (const Elf64_Shdr& section : headers) {
    sections.push_back({name_at(names, section.sh_name), section, section_contents(section, file)});
  }
  return sections;
}

// Sections first: in a separate debug file the program headers describe the stripped file and point at other
// bytes.
BuildId find_build_id_of(const ElfImage& image, Bytes file) {
  for (const ElfImage::Section& section : image.sections()) {
    if (section.header.sh_type != SHT_NOTE) continue;
    if (auto id = find_build_id(section.contents, section.header.sh_addralign)) return *id;
  }
  for (const Elf64_Phdr& segment : image.program_headers()) {
    if (segment.p_type != PT_NOTE) continue;
    if (auto id = find_build_id(clipped(file, segment.p_offset, segment.p_filesz), segment.p_align))
      return *id;
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const ElfImage>> ElfImage::open(const std::string& path) {
  if (!file_system_answers(path))
    return failure(no_answer_text(path), "is the file server, or the daemon behind it, gone?");
  auto file = MappedFile::open(path);
  if (!file) return std::unexpected(std::move(file).error());
  return parse(std::move(*file));
}

Result<std::shared_ptr<const ElfImage>> ElfImage::parse(std::shared_ptr<const MappedFile> file) {
  const Bytes bytes = file->bytes();
  auto headers = parse_elf_headers(bytes);
  if (!headers) return std::unexpected(std::move(headers).error().within(file->path()));
  if (headers->program_headers.size() < headers->promised_program_headers) {
    return failure(fmt::format("{}: program headers at offset {:#x}: expected {}, have {}", file->path(),
                               headers->header.e_phoff, headers->promised_program_headers,
                               headers->program_headers.size()),
                   "the file is truncated");
  }
  std::shared_ptr<ElfImage> image(new ElfImage);
  image->file_ = std::move(file);
  image->header_ = headers->header;
  image->program_headers_ = std::move(headers->program_headers);
  image->sections_ = read_sections(image->header_, bytes);
  image->build_id_ = find_build_id_of(*image, bytes);
  return image;
}

const ElfImage::Section* ElfImage::find_section(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(),
                                  [name](const Section& section) { return section.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

Bytes ElfImage::bytes_at_vaddr(std::uint64_t vaddr) const {
  for (const Elf64_Phdr& segment : program_headers_) {
    if (segment.p_type != PT_LOAD || vaddr < segment.p_vaddr) continue;
    const std::uint64_t offset = vaddr - segment.p_vaddr;
    if (offset < segment.p_filesz) {
      return clipped(clipped(file_->bytes(), segment.p_offset, segment.p_filesz), offset);
    }
  }
  return {};
}

}  // namespace standstill

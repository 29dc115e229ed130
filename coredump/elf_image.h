// A module's ELF file (or, for the vDSO, its image in memory): headers, sections and segments, checked once
// so that every span handed out lies inside the file. Sections with SHF_COMPRESSED are handed out raw;
// readers of debug info (libdw, LLVM) decompress them themselves.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "coredump/build_id.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <elf.h>

namespace standstill {

class ElfImage {
 public:
  struct Section {
    std::string_view name;
    Elf64_Shdr header;
    Bytes contents;  // empty for SHT_NOBITS and for what lies outside the file
  };

  // Errors say what is not ELF64 little-endian x86-64, or which header table is cut off.
  static Result<std::shared_ptr<const ElfImage>> open(const std::string& path);
  static Result<std::shared_ptr<const ElfImage>> parse(std::shared_ptr<const MappedFile> file);

  const Elf64_Ehdr& header() const { return header_; }
  const std::vector<Elf64_Phdr>& program_headers() const { return program_headers_; }
  // Empty when the file has no section headers (sstrip) or they cannot be read (the vDSO of some dumps).
  const std::vector<Section>& sections() const { return sections_; }
  const Section* find_section(std::string_view name) const;
  const BuildId& build_id() const { return build_id_; }
  bool is_position_independent() const { return header_.e_type == ET_DYN; }

  // File contents of the segment bytes that start at the virtual address `vaddr` (as in p_vaddr), to the end
  // of that PT_LOAD's file part; empty when none holds it.
  Bytes bytes_at_vaddr(std::uint64_t vaddr) const;

  const std::shared_ptr<const MappedFile>& file() const { return file_; }
  const std::string& path() const { return file_->path(); }

 private:
  ElfImage() = default;

  std::shared_ptr<const MappedFile> file_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> program_headers_;
  std::vector<Section> sections_;
  BuildId build_id_;
};

}  // namespace standstill

// The way from a core file to a snapshot, from top to bottom: headers, memory, notes, modules, the memory
// that only the modules' files have, and what all that says about the process.
#include "coredump/cores/open_core.h"

#include "base/page_cache.h"
#include "coredump/cores/command_line.h"
#include "coredump/cores/core_input.h"
#include "coredump/cores/core_memory.h"
#include "coredump/cores/core_notes.h"
#include "coredump/elf_headers.h"
#include "coredump/find_modules.h"
#include "coredump/module_memory.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {
namespace {

// A shared library has a name for the linker; a position-independent program has none.
bool has_soname(Bytes file, const std::vector<Elf64_Phdr>& segments) {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    Cursor cursor(clipped(file, segment.p_offset, segment.p_filesz));
    while (cursor.remaining() >= sizeof(Elf64_Dyn)) {
      if (cursor.read<Elf64_Dyn>().d_tag == DT_SONAME) return true;
    }
  }
  return false;
}

Result<ElfHeaders> parse_core_headers(Bytes file) {
  auto headers = parse_elf_headers(file);
  if (!headers) return headers;
  const Elf64_Ehdr& header = headers->header;
  if (header.e_type == ET_CORE) {
    if (headers->program_headers.empty() && headers->promised_program_headers != 0) {
      return failure(
          fmt::format("the core is truncated: {} bytes are there, and all of its {} program headers (at "
                      "offset {:#x}) are cut off",
                      file.size(), headers->promised_program_headers, header.e_phoff),
          "copy the core again; without its headers nothing in it can be found");
    }
    return headers;
  }
  if (header.e_type == ET_EXEC || header.e_type == ET_DYN) {
    const bool is_program = header.e_type == ET_EXEC || !has_soname(file, headers->program_headers);
    return failure(
        fmt::format("is {}, not a core", is_program ? "an executable" : "a shared library"),
        "give the pid of the running process, or a core of it (gcore PID); the program goes to --exe");
  }
  return failure(
      fmt::format("is an ELF file of type {} (e_type at offset 16), not a core ({})", header.e_type, ET_CORE),
      "give a core file, as gcore or the kernel writes it, or a pid");
}

CoreNotes read_all_notes(Bytes file, const std::vector<Elf64_Phdr>& segments,
                         const Architecture& architecture) {
  CoreNotes notes;
  std::uint64_t unread = file.size();  // damaged headers may name the same bytes again and again
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_NOTE) continue;
    const Bytes bytes = clipped(file, segment.p_offset, segment.p_filesz);
    if (bytes.size() > unread) {
      notes.notes.push_back(
          {Severity::WARNING,
           fmt::format("the note segments overlap; the one at offset {:#x} and those after it are not read",
                       segment.p_offset),
           ""});
      break;
    }
    unread -= bytes.size();
    prefetch({&bytes, 1});
    read_core_notes(bytes, segment.p_align, segment.p_offset, architecture, notes);
  }
  finish_core_notes(notes);
  return notes;
}

// A capture that is not full lacks pages that were written to.
bool holds_all_it_wrote(const CoreNotes& core) {
  return !core.capture || core.capture->memory == CaptureMemory::FULL;
}

bool holds_private_memory(const MemoryView& memory, const CoreNotes& core) {
  return std::any_of(core.threads.begin(), core.threads.end(), [&](const Thread& thread) {
    return !memory.bytes_at(thread.registers.stack_pointer()).empty();
  });
}

// Gives the snapshot its memory and ranges: the dump first, then what only files have.
void set_memory(Snapshot& snapshot, CoreMemory dump, bool holds_private, const CoreNotes& core,
                const std::vector<FoundModule>& modules, std::shared_ptr<const MappedFile> file) {
  std::vector<std::shared_ptr<const void>> owners;
  MemoryPieces pieces;
  MemoryRanges ranges;
  for (const FoundModule& found : modules) {
    std::ranges::move(pieces_of_file(found, holds_private, dump.lost), std::back_inserter(pieces));
    std::ranges::move(ranges_of_module(found), std::back_inserter(ranges));
    if (found.module.image) owners.push_back(found.module.image);
  }
  MemoryRanges mapped;
  for (const FileMapping& mapping : core.file_mappings) mapped.push_back({mapping.start, mapping.end, PF_R});
  snapshot.memory =
      MemoryView(fill_memory(std::move(dump.pieces), std::move(pieces)), std::move(owners), std::move(file));
  snapshot.ranges = IntervalMap<std::uint32_t>(
      fill_ranges(fill_ranges(std::move(dump.ranges), std::move(ranges)), std::move(mapped)));
}

// Counts what a truncated core lacks, and adds a note for a core without threads: a hung process always had
// some.
void note_what_is_missing(Snapshot& snapshot, const ElfHeaders& headers, const CoreNotes& core) {
  Completeness& completeness = snapshot.completeness;
  const std::uint64_t lost_headers = headers.promised_program_headers - headers.program_headers.size();
  completeness.promised_segments = headers.promised_program_headers;
  completeness.missing_segments += lost_headers;
  completeness.lost_headers = lost_headers != 0;
  // The headers that are gone may have promised far more; this much at least is missing.
  completeness.missing_bytes = std::max(completeness.missing_bytes, lost_headers * sizeof(Elf64_Phdr));
  const auto outside = [&](const Elf64_Phdr& segment) {
    return segment.p_type == PT_NOTE && segment.p_offset >= completeness.file_bytes && segment.p_filesz != 0;
  };
  const bool lost_notes = std::ranges::any_of(headers.program_headers, outside);
  if (!core.threads.empty()) return;
  snapshot.notes.push_back(
      {Severity::ERROR,
       lost_notes ? "the notes with the registers of all threads lay in the part that is missing "
                    "(gcore writes them last)"
                  : "the core has no NT_PRSTATUS note, which holds a thread's registers",
       ""});
}

// Whoever opens a core wants its stacks next. The innermost pages hold a dozen frames or two.
void prefetch_stacks(const Snapshot& snapshot) {
  constexpr std::uint64_t depth = 16 * 1024;
  std::vector<Bytes> stacks;
  stacks.reserve(snapshot.threads.size());
  for (const Thread& thread : snapshot.threads) {
    stacks.push_back(clipped(snapshot.memory.bytes_at(thread.registers.stack_pointer()), 0, depth));
  }
  prefetch(stacks);
}

void describe_process(Snapshot& snapshot, const CoreNotes& core) {
  snapshot.process = core.process;
  auto command_line = read_command_line(snapshot.memory, core.process.auxiliary_vector);
  if (!command_line.empty()) snapshot.process.command_line = std::move(command_line);
  for (const Module& module : snapshot.modules) {
    if (module.is_main_program) snapshot.process.executable = module.path;
  }
}

}  // namespace

Result<Snapshot> open_core(const std::string& path, const OpenOptions& options) {
  std::vector<Note> notes;
  auto file = open_core_input(path, options, notes);
  if (!file) return std::unexpected(std::move(file).error());
  auto snapshot = read_core(std::move(*file), options);
  if (!snapshot) return snapshot;
  snapshot->path = path;
  snapshot->notes.insert(snapshot->notes.begin(), notes.begin(), notes.end());
  return snapshot;
}

Result<Snapshot> read_core(std::shared_ptr<const MappedFile> file, const OpenOptions& options) {
  auto headers = parse_core_headers(file->bytes());
  if (!headers) return std::unexpected(std::move(headers).error().within(file->path()));
  const Architecture* architecture = find_architecture(headers->header.e_machine);
  if (architecture == nullptr) return failure(fmt::format("{}: no support for this machine", file->path()));
  Snapshot snapshot;
  snapshot.path = file->path();
  snapshot.architecture = architecture->name;
  CoreMemory dump = read_core_memory(file->bytes(), headers->program_headers);
  CoreNotes core = read_all_notes(file->bytes(), headers->program_headers, *architecture);
  std::ranges::move(core.notes, std::back_inserter(snapshot.notes));
  // Segments of a capture are parts of ranges; the note has the ranges as they were.
  if (core.capture && !core.capture->ranges.empty()) dump.ranges = fill_ranges({}, core.capture->ranges);
  snapshot.completeness = dump.completeness;
  note_what_is_missing(snapshot, *headers, core);

  std::vector<FoundModule> modules;
  bool holds_private = false;
  {
    const MemoryView memory(dump.pieces, {});
    modules = find_modules(memory, IntervalMap<std::uint32_t>(dump.ranges), core, options, snapshot.notes);
    holds_private = holds_all_it_wrote(core) && holds_private_memory(memory, core);
  }
  set_memory(snapshot, std::move(dump), holds_private, core, modules, std::move(file));
  for (FoundModule& found : modules) snapshot.modules.push_back(std::move(found.module));
  describe_process(snapshot, core);
  snapshot.threads = std::move(core.threads);
  prefetch_stacks(snapshot);
  snapshot.file_mappings = std::move(core.file_mappings);
  if (core.capture) apply_capture_note(std::move(*core.capture), snapshot);
  return snapshot;
}

}  // namespace standstill

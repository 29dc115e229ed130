#include "coredump/cores/core_notes.h"

#include "coredump/elf_notes.h"

#include <algorithm>
#include <csignal>

#include <elf.h>
#include <fmt/format.h>

namespace standstill {
namespace {

std::string text_field(Bytes bytes) {
  const std::string_view text = as_text(bytes);
  return std::string(text.substr(0, text.find('\0')));
}

std::vector<std::string> split_at_spaces(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end != 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// struct elf_prpsinfo of a 64-bit kernel (include/linux/elfcore.h):
//     +0 pr_state, pr_sname, pr_zomb, pr_nice    +8 pr_flag    +16 pr_uid, pr_gid
//     +24 pr_pid  +28 pr_ppid  +32 pr_pgrp  +36 pr_sid  +40 pr_fname[16]  +56 pr_psargs[80]
void read_process_info(Bytes contents, ProcessInfo& process) {
  Cursor cursor(contents);
  cursor.seek(24);
  process.pid = cursor.read<std::int32_t>();
  process.parent_pid = cursor.read<std::int32_t>();
  cursor.seek(40);
  process.name = text_field(cursor.read_bytes(16));
  process.command_line = split_at_spaces(text_field(cursor.read_bytes(80)));
}

void read_auxiliary_vector(Bytes contents, ProcessInfo& process) {
  process.auxiliary_vector.clear();
  Cursor cursor(contents);
  while (cursor.remaining() >= 16) {
    const auto type = cursor.read<std::uint64_t>();
    const auto value = cursor.read<std::uint64_t>();
    if (type == AT_NULL) break;
    process.auxiliary_vector.emplace_back(type, value);
  }
}

// NT_FILE (fs/binfmt_elf.c, fill_files_note): count, page size, then (start, end, offset in pages) each, then
// the names one after another, NUL-terminated. False when it is cut short; what came before is kept.
bool read_file_mappings(Bytes contents, std::vector<FileMapping>& mappings) {
  Cursor cursor(contents);
  const auto count = cursor.read<std::uint64_t>();
  const auto page_size = cursor.read<std::uint64_t>();
  constexpr std::uint64_t entry_size = 24;
  if (!cursor.ok() || count > cursor.remaining() / entry_size) return false;
  Cursor names(contents);
  names.seek(cursor.offset() + count * entry_size);
  mappings.reserve(mappings.size() + count);
  for (std::uint64_t i = 0; i < count; ++i) {
    FileMapping mapping;
    mapping.start = Address(cursor.read<std::uint64_t>());
    mapping.end = Address(cursor.read<std::uint64_t>());
    mapping.file_offset = cursor.read<std::uint64_t>() * page_size;
    mapping.path = names.read_c_string();
    if (!names.ok()) return false;
    if (mapping.start < mapping.end) mappings.push_back(std::move(mapping));
  }
  return true;
}

// The signals whose default action writes a core (signal(7)). gcore records in pr_cursig what stopped the
// thread for gdb, mostly 0, SIGSTOP or SIGINT: nothing died of those.
bool is_core_signal(int signal) {
  switch (signal) {
    case SIGQUIT:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGBUS:
    case SIGFPE:
    case SIGSEGV:
    case SIGXCPU:
    case SIGXFSZ:
    case SIGSYS:
      return true;
    default:
      return false;
  }
}

void damaged(CoreNotes& result, std::uint64_t offset, const char* what, std::uint64_t expected,
             std::uint64_t available) {
  result.notes.push_back(
      {Severity::WARNING,
       fmt::format("{} at offset {:#x}: expected {} bytes, have {}", what, offset, expected, available), ""});
}

const char* name_of_note(std::uint32_t type) {
  switch (type) {
    case NT_PRSTATUS:
      return "NT_PRSTATUS";
    case NT_PRPSINFO:
      return "NT_PRPSINFO";
    case NT_SIGINFO:
      return "NT_SIGINFO";
    case NT_AUXV:
      return "NT_AUXV";
    case NT_FILE:
      return "NT_FILE";
    default:
      return "a note";
  }
}

void read_note(const ElfNote& note, std::uint64_t offset, const Architecture& architecture,
               CoreNotes& result) {
  if (note.owner == CAPTURE_NOTE_OWNER && note.type == CAPTURE_NOTE_TYPE && !result.capture) {
    auto capture = read_capture_note(note.contents);
    if (capture) {
      result.capture = std::move(*capture);
    } else {
      result.notes.push_back({Severity::WARNING,
                              fmt::format("{} (offset {:#x}); what only the live process knew is not shown",
                                          capture.error().message, offset),
                              ""});
    }
  }
  if (note.owner != "CORE") return;
  constexpr std::size_t process_info_size = 136;
  switch (note.type) {
    case NT_PRSTATUS:
      if (note.contents.size() < architecture.status_size) {
        damaged(result, offset, "NT_PRSTATUS", architecture.status_size, note.contents.size());
      } else {
        result.threads.push_back(architecture.read_status(note.contents));
      }
      break;
    case NT_PRPSINFO:
      if (note.contents.size() < process_info_size) {
        damaged(result, offset, "NT_PRPSINFO", process_info_size, note.contents.size());
      } else {
        read_process_info(note.contents, result.process);
      }
      break;
    case NT_SIGINFO: {
      // Follows the status of the thread it belongs to. The kernel writes one, for the thread that died; gdb
      // one for each.
      Cursor cursor(note.contents);
      const auto number = cursor.read<std::int32_t>();
      if (!cursor.ok()) {
        damaged(result, offset, "NT_SIGINFO", 4, note.contents.size());
      } else if (!result.process.signal && is_core_signal(number) && !result.threads.empty()) {
        result.process.signal = DeathSignal{number, result.threads.back().tid};
      }
      break;
    }
    case NT_AUXV:
      read_auxiliary_vector(note.contents, result.process);
      break;
    case NT_FILE:
      result.has_file_mappings = true;
      if (!read_file_mappings(note.contents, result.file_mappings)) {
        result.notes.push_back(
            {Severity::WARNING, fmt::format("NT_FILE at offset {:#x} is cut short", offset), ""});
      }
      break;
    default:
      break;
  }
}

}  // namespace

void read_core_notes(Bytes segment, std::uint64_t alignment, std::uint64_t file_offset,
                     const Architecture& architecture, CoreNotes& result) {
  ElfNoteReader reader(segment, alignment);
  std::uint64_t first_thread = 0;
  while (const auto note = reader.next()) {
    const std::size_t threads = result.threads.size();
    read_note(*note, file_offset + note->offset, architecture, result);
    if (result.threads.size() == threads) continue;
    if (threads == 0) first_thread = note->offset;
    // Ten thousand threads: the notes of each take as much room as those of the first.
    if (threads == 1 && note->offset > first_thread)
      result.threads.reserve(2 + (segment.size() - note->offset) / (note->offset - first_thread));
  }
  if (const auto& cut = reader.cut()) {
    damaged(result, file_offset + cut->offset, name_of_note(cut->type), cut->expected, cut->available);
  }
}

void finish_core_notes(CoreNotes& result) {
  std::stable_sort(result.file_mappings.begin(), result.file_mappings.end(),
                   [](const FileMapping& a, const FileMapping& b) { return a.start < b.start; });
  auto& threads = result.threads;
  if (!result.process.signal && !threads.empty() && is_core_signal(threads.front().signal)) {
    result.process.signal = DeathSignal{threads.front().signal, threads.front().tid};
  }
  if (result.process.signal) {
    const int tid = result.process.signal->tid;
    const auto victim = std::find_if(threads.begin(), threads.end(),
                                     [tid](const Thread& thread) { return thread.tid == tid; });
    std::rotate(threads.begin(), victim, victim == threads.end() ? victim : victim + 1);
  }
  for (Thread& thread : threads) {
    if (thread.tid == result.process.pid) thread.name = result.process.name;
  }
}

}  // namespace standstill

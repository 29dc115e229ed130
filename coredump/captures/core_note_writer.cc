#include "coredump/captures/core_note_writer.h"

#include "coredump/captures/capture_note.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

namespace standstill {
namespace {

using ByteVector = std::vector<std::uint8_t>;

template <class T>
void add(ByteVector& out, const T& value) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
  out.insert(out.end(), first, first + sizeof(T));
}

void add_text(ByteVector& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

void pad(ByteVector& out) { out.resize((out.size() + 3) / 4 * 4); }

void add_note(ByteVector& out, std::string_view owner, std::uint32_t type, Bytes contents) {
  if (contents.size() > UINT32_MAX) return;
  add(out, static_cast<std::uint32_t>(owner.size() + 1));
  add(out, static_cast<std::uint32_t>(contents.size()));
  add(out, type);
  add_text(out, owner);
  out.push_back(0);
  pad(out);
  out.insert(out.end(), contents.begin(), contents.end());
  pad(out);
}

void add_status(ByteVector& out, const Thread& thread, const Snapshot& snapshot,
                const Architecture& architecture) {
  ByteVector status(architecture.status_size);
  architecture.write_status(thread, snapshot.process.parent_pid, status);
  add_note(out, "CORE", NT_PRSTATUS, status);
}

// Texts of fixed length end with a NUL.
void put_text(ByteVector& out, std::size_t offset, std::size_t room, std::string_view text) {
  std::ranges::copy(text.substr(0, room - 1), out.begin() + static_cast<std::ptrdiff_t>(offset));
}

// struct elf_prpsinfo, as core_notes.cc reads it.
ByteVector process_info(const Snapshot& snapshot) {
  const ProcessInfo& process = snapshot.process;
  ByteVector info(136);
  char letter = 'S';
  if (!snapshot.threads.empty() && snapshot.threads.front().facts)
    letter = snapshot.threads.front().facts->state;
  static constexpr std::string_view letters = "RSDTZW";  // what pr_state counts
  const std::size_t state = letters.find(letter);
  info[0] = state == std::string_view::npos ? 0 : static_cast<std::uint8_t>(state);
  info[1] = static_cast<std::uint8_t>(letter);
  info[2] = letter == 'Z' ? 1 : 0;
  const std::uint32_t uid = snapshot.facts ? snapshot.facts->uid.value_or(0) : 0;
  std::memcpy(&info[16], &uid, sizeof(uid));
  std::memcpy(&info[24], &process.pid, sizeof(process.pid));
  std::memcpy(&info[28], &process.parent_pid, sizeof(process.parent_pid));
  put_text(info, 40, 16, process.name);
  std::string arguments;
  for (const std::string& word : process.command_line) {
    if (!arguments.empty()) arguments += ' ';
    arguments += word;
  }
  put_text(info, 56, 80, arguments);
  return info;
}

ByteVector auxiliary_vector(const ProcessInfo& process) {
  ByteVector vector;
  for (const auto& [type, value] : process.auxiliary_vector) {
    add(vector, type);
    add(vector, value);
  }
  add(vector, std::uint64_t{AT_NULL});
  add(vector, std::uint64_t{0});
  return vector;
}

ByteVector file_mappings(const std::vector<FileMapping>& mappings) {
  constexpr std::uint64_t page = 4096;
  ByteVector out;
  add(out, std::uint64_t{mappings.size()});
  add(out, page);
  for (const FileMapping& mapping : mappings) {
    add(out, mapping.start.value());
    add(out, mapping.end.value());
    add(out, mapping.file_offset / page);
  }
  for (const FileMapping& mapping : mappings) {
    add_text(out, std::string_view(mapping.path).substr(0, mapping.path.find('\0')));
    out.push_back(0);
  }
  return out;
}

// struct siginfo begins with si_signo, si_errno, si_code; what else it holds is not known any more.
ByteVector signal_information(int number) {
  ByteVector information(128);
  std::memcpy(information.data(), &number, sizeof(number));
  return information;
}

}  // namespace

std::vector<std::uint8_t> make_core_notes(const Snapshot& snapshot, const Architecture& architecture,
                                          std::string_view capture_note) {
  ByteVector notes;
  notes.reserve(snapshot.threads.size() * (architecture.status_size + 20) + capture_note.size() + 64 * 1024);
  const auto& threads = snapshot.threads;
  if (!threads.empty()) add_status(notes, threads.front(), snapshot, architecture);
  add_note(notes, "CORE", NT_PRPSINFO, process_info(snapshot));
  if (snapshot.process.signal)
    add_note(notes, "CORE", NT_SIGINFO, signal_information(snapshot.process.signal->number));
  add_note(notes, "CORE", NT_AUXV, auxiliary_vector(snapshot.process));
  add_note(notes, "CORE", NT_FILE, file_mappings(snapshot.file_mappings));
  for (std::size_t i = 1; i < threads.size(); ++i) add_status(notes, threads[i], snapshot, architecture);
  add_note(notes, CAPTURE_NOTE_OWNER, CAPTURE_NOTE_TYPE,
           {reinterpret_cast<const std::uint8_t*>(capture_note.data()), capture_note.size()});
  return notes;
}

}  // namespace standstill

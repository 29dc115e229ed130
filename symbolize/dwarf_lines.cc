#include "symbolize/dwarf_lines.h"

#include <algorithm>

#include <llvm/BinaryFormat/Dwarf.h>

namespace standstill {

using namespace llvm::dwarf;

namespace {

// Gives each wanted address the last row at or below it in the run of rows that spans it.
class RowMatcher {
 public:
  explicit RowMatcher(std::span<const std::uint64_t> addresses)
      : addresses_(addresses), rows_(addresses.size()) {}

  void start_run() { has_previous_ = false; }

  void add(std::uint64_t address, std::uint64_t file, std::uint32_t line) {
    if (!has_previous_ || address < previous_address_) {
      // A run begins, or one is out of order (which no compiler writes): search anew.
      next_ = static_cast<std::size_t>(std::ranges::lower_bound(addresses_, address) - addresses_.begin());
      // Code that the linker dropped is left at address 0.
      is_dropped_ = !has_previous_ && address == 0;
      has_previous_ = true;
    } else if (!is_dropped_) {
      for (; next_ < addresses_.size() && addresses_[next_] < address; ++next_) {
        if (!rows_[next_].is_found) rows_[next_] = previous_;
      }
    }
    previous_address_ = address;
    previous_ = {file, line, true};
  }

  std::vector<LineRow> take() { return std::move(rows_); }

 private:
  std::span<const std::uint64_t> addresses_;
  std::vector<LineRow> rows_;
  bool has_previous_ = false;
  bool is_dropped_ = false;
  std::uint64_t previous_address_ = 0;
  LineRow previous_;
  std::size_t next_ = 0;
};

// The registers of the line number machine that matter here (6.2.2).
struct Registers {
  std::uint64_t address = 0;
  std::uint64_t file = 1;
  std::uint64_t line = 1;
};

void append_path(std::string& path, std::string_view part) {
  if (part.empty()) return;
  if (!path.empty() && path.back() != '/') path += '/';
  path += part;
}

}  // namespace

LineTable::LineTable(const DwarfUnit& unit, std::uint64_t offset) : unit_(&unit) { read_header(offset); }

void LineTable::read_header(std::uint64_t offset) {
  Cursor at(clipped(unit_->file().sections().line, offset));
  const std::uint64_t length = at.read<std::uint32_t>();
  if (!at.ok() || length > at.remaining()) return;
  const Bytes unit_bytes = at.read_bytes(length);
  Cursor header(unit_bytes);
  version_ = header.read<std::uint16_t>();
  if (version_ < 2 || version_ > 5) return;
  if (version_ == 5) {
    const auto address_size = header.read<std::uint8_t>();
    const auto segment_selector_size = header.read<std::uint8_t>();
    if (address_size != 8 || segment_selector_size != 0) return;
  }
  const std::uint64_t header_length = header.read<std::uint32_t>();
  if (!header.ok() || header_length > header.remaining()) return;
  program_ = unit_bytes.subspan(header.offset() + header_length);
  minimum_instruction_length_ = header.read<std::uint8_t>();
  const auto operations_per_instruction = version_ >= 4 ? header.read<std::uint8_t>() : std::uint8_t{1};
  header.read<std::uint8_t>();  // default_is_stmt
  line_base_ = header.read<std::int8_t>();
  line_range_ = header.read<std::uint8_t>();
  opcode_base_ = header.read<std::uint8_t>();
  // More than one operation per instruction is for VLIW processors.
  if (!header.ok() || line_range_ == 0 || opcode_base_ == 0 || operations_per_instruction > 1) return;
  opcode_lengths_ = header.read_bytes(opcode_base_ - 1u);
  is_understood_ = header.ok() && (version_ == 5 ? read_lists_5(header) : read_lists_4(header));
}

bool LineTable::read_lists_4(Cursor& header) {
  while (header.ok()) {
    const std::string_view name = header.read_c_string();
    if (name.empty()) break;
    directories_.push_back(name);
  }
  while (header.ok()) {
    File file;
    file.name = header.read_c_string();
    if (file.name.empty()) break;
    file.directory = header.read_uleb();
    header.read_uleb();  // time of modification
    header.read_uleb();  // size
    files_.push_back(file);
  }
  return header.ok();
}

bool LineTable::read_lists_5(Cursor& header) {
  const auto read_list = [&](auto&& add) {
    struct Field {
      std::uint64_t content = 0;
      std::uint16_t form = 0;
    };
    std::vector<Field> fields(header.read<std::uint8_t>());
    for (Field& field : fields) {
      field.content = header.read_uleb();
      const std::uint64_t form = header.read_uleb();
      field.form = form <= 0xffff ? static_cast<std::uint16_t>(form) : 0;
    }
    const std::uint64_t count = header.read_uleb();
    for (std::uint64_t i = 0; i < count && header.ok(); ++i) {
      const std::uint64_t before = header.offset();
      File file;
      for (const Field& field : fields) {
        if (field.content == DW_LNCT_path) {
          if (field.form == DW_FORM_string) {
            file.name = header.read_c_string();
            continue;
          }
          FormValue value;
          value.form = field.form;
          if (field.form == DW_FORM_line_strp || field.form == DW_FORM_strp ||
              field.form == DW_FORM_strp_sup) {
            value.value = header.read<std::uint32_t>();
          } else if (field.form == DW_FORM_strx) {
            value.value = header.read_uleb();
          } else {
            return false;
          }
          file.name = unit_->string(value);
        } else if (field.content == DW_LNCT_directory_index && field.form == DW_FORM_udata) {
          file.directory = header.read_uleb();
        } else if (field.content == DW_LNCT_directory_index && field.form == DW_FORM_data1) {
          file.directory = header.read<std::uint8_t>();
        } else if (field.content == DW_LNCT_directory_index && field.form == DW_FORM_data2) {
          file.directory = header.read<std::uint16_t>();
        } else if (!skip_form(header, field.form)) {
          return false;
        }
      }
      // Entries of no size could be claimed by the billion.
      if (header.offset() == before) return false;
      add(file);
    }
    return header.ok();
  };
  return read_list([&](const File& file) { directories_.push_back(file.name); }) &&
         read_list([&](const File& file) { files_.push_back(file); });
}

std::vector<LineRow> LineTable::find_rows(std::span<const std::uint64_t> addresses) const {
  RowMatcher matcher(addresses);
  Registers now;
  Cursor at(program_);
  const std::uint64_t unit_step = minimum_instruction_length_;
  const std::uint64_t pc_step = unit_step * ((255u - opcode_base_) / line_range_);
  const auto emit = [&] { matcher.add(now.address, now.file, static_cast<std::uint32_t>(now.line)); };
  while (!at.at_end() && at.ok()) {
    const auto opcode = at.read<std::uint8_t>();
    if (opcode >= opcode_base_) {
      const unsigned adjusted = static_cast<unsigned>(opcode - opcode_base_);
      now.address += unit_step * (adjusted / line_range_);
      now.line += static_cast<std::uint64_t>(std::int64_t{line_base_} +
                                             static_cast<std::int64_t>(adjusted % line_range_));
      emit();
      continue;
    }
    switch (opcode) {
      case DW_LNS_extended_op: {
        const std::uint64_t length = read_small_uleb(at);
        Cursor operands(at.read_bytes(length));
        if (!at.ok()) break;
        const auto extended = operands.read<std::uint8_t>();
        if (extended == DW_LNE_end_sequence) {
          emit();
          matcher.start_run();
          now = {};
        } else if (extended == DW_LNE_set_address && operands.remaining() == 8) {
          now.address = operands.read<std::uint64_t>();
        }
        break;
      }
      case DW_LNS_copy:
        emit();
        break;
      case DW_LNS_advance_pc:
        now.address += unit_step * read_small_uleb(at);
        break;
      case DW_LNS_advance_line:
        now.line += static_cast<std::uint64_t>(at.read_sleb());
        break;
      case DW_LNS_set_file:
        now.file = read_small_uleb(at);
        break;
      case DW_LNS_set_column:
      case DW_LNS_set_isa:
        read_small_uleb(at);
        break;
      case DW_LNS_const_add_pc:
        now.address += pc_step;
        break;
      case DW_LNS_fixed_advance_pc:
        now.address += at.read<std::uint16_t>();
        break;
      case DW_LNS_negate_stmt:
      case DW_LNS_set_basic_block:
      case DW_LNS_set_prologue_end:
      case DW_LNS_set_epilogue_begin:
        break;
      default:
        for (int i = 0; i < opcode_lengths_[opcode - 1u]; ++i) read_small_uleb(at);
        break;
    }
  }
  return matcher.take();
}

std::string_view LineTable::directory(std::uint64_t index) const {
  if (version_ >= 5) return index < directories_.size() ? directories_[index] : std::string_view{};
  return index - 1 < directories_.size() ? directories_[index - 1] : std::string_view{};
}

std::string LineTable::path(std::uint64_t number) const {
  // Files count from 1 before version 5, where number 0 is the unit's own source file.
  const std::uint64_t index = version_ >= 5 ? number : number - 1;
  if (index >= files_.size() || files_[index].name.empty()) return {};
  const File& file = files_[index];
  if (file.name.front() == '/') return std::string(file.name);
  const std::string_view below = directory(file.directory);
  std::string result;
  // Version 5's directory 0 is the compilation directory itself.
  const bool is_relative = below.empty() || below.front() != '/';
  if (is_relative && (version_ < 5 || file.directory != 0)) result = unit_->directory();
  append_path(result, below);
  append_path(result, file.name);
  return result;
}

}  // namespace standstill

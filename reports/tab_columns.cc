#include "reports/tab_columns.h"

#include "reports/printable.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace standstill {

namespace {

constexpr std::size_t TAB_WIDTH = 8;
constexpr std::size_t PADDING = 1;

struct Cell {
  std::string_view text;
  std::size_t width = 0;   // code points
  std::size_t column = 0;  // width of its column, padding included
};

// The tab-ended cells of one line, and the rest of it.
struct Line {
  std::vector<Cell> cells;
  std::string_view rest;
  bool ends_with_newline = true;
};

std::vector<Line> split(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view rest = text.substr(0, end);
    Line line;
    line.ends_with_newline = end != std::string_view::npos;
    for (std::size_t tab; (tab = rest.find('\t')) != std::string_view::npos; rest.remove_prefix(tab + 1))
      line.cells.push_back({rest.substr(0, tab), display_width(rest.substr(0, tab)), 0});
    line.rest = rest;
    if (!line.ends_with_newline && rest.empty() && !line.cells.empty()) {
      // Where the text ends without a newline, Go takes the last cell for the rest of the line, tab or no
      // tab.
      line.rest = line.cells.back().text;
      line.cells.pop_back();
    }
    text.remove_prefix(line.ends_with_newline ? end + 1 : text.size());
    lines.push_back(std::move(line));
  }
  return lines;
}

void find_column_widths(std::vector<Line>& lines) {
  std::size_t most_cells = 0;
  for (const Line& line : lines) most_cells = std::max(most_cells, line.cells.size());
  for (std::size_t place = 0; place < most_cells; ++place) {
    for (std::size_t first = 0; first < lines.size();) {
      std::size_t width = 0;
      std::size_t end = first;
      for (; end < lines.size() && lines[end].cells.size() > place; ++end)
        width = std::max(width, lines[end].cells[place].width + PADDING);
      for (std::size_t i = first; i < end; ++i) lines[i].cells[place].column = width;
      first = end + 1;
    }
  }
}

}  // namespace

std::string line_up_tabs(std::string_view text) {
  std::vector<Line> lines = split(text);
  find_column_widths(lines);
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const Line& line : lines) {
    for (const Cell& cell : line.cells) {
      out += cell.text;
      const std::size_t stop = (cell.column + TAB_WIDTH - 1) / TAB_WIDTH * TAB_WIDTH;
      out.append((stop - cell.width + TAB_WIDTH - 1) / TAB_WIDTH, '\t');
    }
    out += line.rest;
    if (line.ends_with_newline) out += '\n';
  }
  return out;
}

}  // namespace standstill

// Columns lined up with tabs, as Go's text/tabwriter does when it is set up as Go's profiles are: minwidth 1,
// tabwidth 8, padding 1, '\t' as padding character, no flags. Readers of those profiles compare byte for
// byte, and so do we.
//
// A cell ends with a tab; what follows the last tab of a line belongs to no column. Cells that stand at the
// same place in neighbouring lines form a column, which goes on for as long as lines have a (tab-ended) cell
// there. A column is as wide as its widest cell plus padding, rounded up to tab stops, and each cell is
// filled up to that width with tabs:
//
//     "#\t0x4\tmain.f+0x1\tf.go:1"     "#" tab "0x4" tab "main.f+0x1"      tab tab "f.go:1"
//     "#\t0x5\tmain.longer+0x12\tg.go" "#" tab "0x5" tab "main.longer+0x12" tab    "g.go"
//
// Source: documentation of text/tabwriter (Go 1.19 to 1.26: the same).
#pragma once

#include <string>
#include <string_view>

namespace standstill {

// `text` consists of lines that end with '\n' (the last may not) and of cells that end with '\t'. Widths
// count code points.
std::string line_up_tabs(std::string_view text);

}  // namespace standstill

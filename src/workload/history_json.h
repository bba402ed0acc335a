// Histories as JSON lines, for checkers of other people and for histories of real clusters: one
// operation a line,
//
//   {"client":0,"connection":0,"place":0,"op":"write","key":"r0","arg":"0.1","ret":"OK",
//    "call_ns":1,"return_ns":2,"ended":"ok"}
//
// without line breaks inside. ended is ok, fail or unknown. Bytes are characters: those that are
// not printable ASCII are written as \u0000 … \u00ff, so every value comes back as it was.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "workload/history.h"

namespace holdfast::workload {

// With its line's end.
std::string to_json_line(const Operation& operation);
std::string to_json_lines(const History& history);

struct HistoryLimits {
  std::size_t operations = 10'000'000;
  std::size_t line_bytes = 1 << 20;
};

// All fields once, in any order, and nothing else; empty lines are skipped. An error names its
// line.
Result<History> read_json_lines(std::string_view text, const HistoryLimits& limits = {});

}  // namespace holdfast::workload

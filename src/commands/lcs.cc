#include "commands/lcs.h"

#include <algorithm>
#include <cstdint>

namespace holdfast::commands {
namespace {

// Lengths for all pairs of prefixes, row by row of `a`.
class LengthTable {
 public:
  LengthTable(std::size_t rows, std::size_t columns) : columns_(columns), cells_(rows * columns) {}
  std::uint32_t& at(std::size_t row, std::size_t column) { return cells_[row * columns_ + column]; }

 private:
  std::size_t columns_;
  std::vector<std::uint32_t> cells_;
};

void fill_lengths(LengthTable& table, std::string_view a, std::string_view b) {
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      table.at(i, j) = a[i - 1] == b[j - 1] ? table.at(i - 1, j - 1) + 1
                                            : std::max(table.at(i - 1, j), table.at(i, j - 1));
    }
  }
}

// Walks back from the end. Of two ways that are equally long it shortens `b` first, as Redis does,
// so that the matches are the same.
void trace_back(LengthTable& table, std::string_view a, std::string_view b, Lcs& result) {
  result.text.resize(result.length);
  std::size_t left = result.length;
  std::size_t i = a.size();
  std::size_t j = b.size();
  bool running = false;
  while (i > 0 && j > 0) {
    if (a[i - 1] == b[j - 1]) {
      --i;
      --j;
      result.text[--left] = a[i];
      if (!running) result.matches.push_back({i, i, j, j});
      result.matches.back().a_first = i;
      result.matches.back().b_first = j;
      running = true;
    } else {
      if (table.at(i - 1, j) > table.at(i, j - 1)) {
        --i;
      } else {
        --j;
      }
      running = false;
    }
  }
}

}  // namespace

std::optional<Lcs> longest_common_subsequence(std::string_view a, std::string_view b, bool trace,
                                              std::size_t limit_bytes) {
  const std::size_t rows = a.size() + 1;
  const std::size_t columns = b.size() + 1;
  // Also bounds the time, so it holds when two rows would be enough memory.
  if (rows > limit_bytes / sizeof(std::uint32_t) / columns) return std::nullopt;
  LengthTable table(rows, columns);
  fill_lengths(table, a, b);
  Lcs result;
  result.length = table.at(a.size(), b.size());
  if (trace) trace_back(table, a, b, result);
  return result;
}

}  // namespace holdfast::commands

// The longest common subsequence of two strings, for LCS: its length, its bytes and where they
// match.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::commands {

// A run of bytes that match in both strings; last positions included.
struct LcsMatch {
  std::size_t a_first;
  std::size_t a_last;
  std::size_t b_first;
  std::size_t b_last;

  std::size_t length() const { return a_last - a_first + 1; }
};

struct Lcs {
  std::size_t length = 0;
  std::string text;               // empty if only the length was asked for
  std::vector<LcsMatch> matches;  // from the end of the strings to their beginning
};

// Takes time of a.size() * b.size() and four bytes for each pair; nothing if that is more than
// `limit_bytes`.
std::optional<Lcs> longest_common_subsequence(std::string_view a, std::string_view b, bool trace,
                                              std::size_t limit_bytes);

}  // namespace holdfast::commands

#include "commands/glob.h"

#include <cstddef>
#include <utility>

namespace holdfast::commands {
namespace {

unsigned char folded(char c, Case letters) {
  const bool upper = letters == Case::ignored && c >= 'A' && c <= 'Z';
  return static_cast<unsigned char>(upper ? c - 'A' + 'a' : c);
}

// Matches `c` against the set that begins after '['; `at` moves behind the set. A set without its
// ']' ends with the pattern.
bool in_set(std::string_view pattern, std::size_t& at, unsigned char c, Case letters) {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      found |= folded(pattern[at + 1], letters) == c;
      at += 2;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      unsigned char low = folded(pattern[at], letters);
      unsigned char high = folded(pattern[at + 2], letters);
      if (low > high) std::swap(low, high);
      found |= c >= low && c <= high;
      at += 3;
    } else {
      found |= folded(pattern[at], letters) == c;
      ++at;
    }
  }
  if (at < pattern.size()) ++at;
  return found != negated;
}

// Matches one byte against the part at `at`, which is not `*`; `at` moves behind the part.
bool matches_one(std::string_view pattern, std::size_t& at, char byte, Case letters) {
  const unsigned char c = folded(byte, letters);
  const char part = pattern[at++];
  if (part == '?') return true;
  if (part == '[') return in_set(pattern, at, c, letters);
  if (part == '\\' && at < pattern.size()) return folded(pattern[at++], letters) == c;
  return folded(part, letters) == c;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text, Case letters) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t after_star = kNone;  // where the pattern goes on after the last '*'
  std::size_t star_text = 0;       // and where in the text that '*' ends
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      star_text = t;
      continue;
    }
    if (p < pattern.size() && matches_one(pattern, p, text[t], letters)) {
      ++t;
      continue;
    }
    if (after_star == kNone) return false;
    p = after_star;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace holdfast::commands

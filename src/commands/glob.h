// Patterns of KEYS, SCAN, CONFIG GET: `*` any bytes, `?` one byte, `[a-c]` `[^x]` one of (or not
// of) a set, `\` takes the next byte as it is.
//
// Every part but `*` matches exactly one byte, so remembering the last `*` is enough: the time is
// at most pattern times text, whatever the pattern.
#pragma once

#include <string_view>

namespace holdfast::commands {

enum class Case : bool { matters, ignored };

bool glob_matches(std::string_view pattern, std::string_view text, Case letters = Case::matters);

}  // namespace holdfast::commands

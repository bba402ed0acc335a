// Text as a JSON string, quotes included.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::cli {

std::string json_text(std::string_view text);

}  // namespace holdfast::cli

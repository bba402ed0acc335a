#include "base/warning_limit.h"

#include <utility>

namespace holdfast {

std::optional<std::uint64_t> WarningLimit::take(std::string_view kind, Instant now) {
  auto found = kinds_.find(kind);
  if (found == kinds_.end() && kinds_.size() >= kKinds) {
    std::erase_if(kinds_, [now](const auto& entry) { return entry.second.again_at <= now; });
  }
  if (found == kinds_.end()) {
    const bool full = kinds_.size() >= kKinds;
    found = kinds_.try_emplace(std::string(full ? std::string_view() : kind)).first;
  }
  Kind& entry = found->second;
  if (now < entry.again_at) {
    ++entry.left_out;
    return std::nullopt;
  }
  entry.again_at = now + kSameAgain;
  return std::exchange(entry.left_out, 0);
}

}  // namespace holdfast

#include "server/refusals.h"

#include <fmt/format.h>

namespace holdfast::server {

void Refusals::on_turn_end(Instant now) {
  if (turn_.empty()) return;
  for (const auto& [from, reason] : std::exchange(turn_, {})) {
    const auto left_out = limit_.take(reason, now);
    if (!left_out) continue;
    if (*left_out == 0) {
      trace_.warning("connection refused", {{"from", from}, {"reason", reason}});
    } else {
      trace_.warning(
          "connection refused",
          {{"from", from}, {"reason", reason}, {"like_it_left_out", fmt::to_string(*left_out)}});
    }
  }
}

}  // namespace holdfast::server

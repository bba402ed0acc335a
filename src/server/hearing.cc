#include "server/hearing.h"

namespace holdfast::server {

void Hearing::restart() {
  awaited_ = sent_ + 1;
  awaited_since_ = Instant::never();
  stale_ = 0;
}

std::uint64_t Hearing::ping(Instant now) {
  if (++sent_ == awaited_) awaited_since_ = now;
  return sent_;
}

void Hearing::confirmed(std::uint64_t number, Instant now) {
  if (number >= awaited_ && number <= sent_) {
    restart();
  } else if (awaited_since_ != Instant::never() && now - awaited_since_ >= limit_) {
    ++stale_;
  }
}

}  // namespace holdfast::server

#include "base/throttle.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr Instant kBegin{seconds(100).ns};

// How much is taken in `length` by one who looks every `pause`.
std::uint64_t taken(Throttle& throttle, Duration length, Duration pause, std::uint64_t piece) {
  std::uint64_t bytes = 0;
  for (Instant now = kBegin; now < kBegin + length; now = now + pause) {
    while (throttle.ready(now) && bytes < (1u << 30)) {
      throttle.take(piece, now);
      bytes += piece;
    }
  }
  return bytes;
}

TEST(Throttle, LetsTheRatePassWhateverThePieces) {
  for (const std::uint64_t piece : {1'000U, 100'000U, 3'000'000U}) {
    for (const Duration pause : {milliseconds(1), milliseconds(30)}) {
      Throttle throttle(1'000'000);
      const std::uint64_t bytes = taken(throttle, seconds(10), pause, piece);
      EXPECT_GE(bytes, 9'900'000U) << piece;
      EXPECT_LE(bytes, 10'100'000U + piece) << piece;
    }
  }
}

TEST(Throttle, SavesNothingUpInQuietTimes) {
  Throttle throttle(1'000'000);
  throttle.take(1, Instant{});
  EXPECT_LE(taken(throttle, milliseconds(1), milliseconds(1), 1'000), 102'000U);
}

TEST(Throttle, WithoutARateNobodyWaits) {
  Throttle throttle;
  throttle.take(UINT64_MAX, kBegin);
  EXPECT_TRUE(throttle.ready(kBegin));
}

TEST(Throttle, ANewRateCountsFromTheNextPieceOn) {
  Throttle throttle(1'000);
  throttle.take(1'000'000, kBegin);
  EXPECT_FALSE(throttle.ready(kBegin + seconds(900)));
  throttle.set_rate(1'000'000);
  EXPECT_TRUE(throttle.ready(kBegin));
  throttle.take(1'000'000, kBegin);
  EXPECT_TRUE(throttle.ready(kBegin + seconds(1)));
}

}  // namespace
}  // namespace holdfast

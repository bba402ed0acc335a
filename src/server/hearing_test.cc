#include "server/hearing.h"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

constexpr Duration kLimit = seconds(1);

struct Talk {
  Hearing hearing{kLimit};
  Instant now{1'000'000'000};
  std::uint64_t last = 0;

  void ping() {
    last = hearing.ping(now);
    now = now + milliseconds(250);
  }
};

TEST(Hearing, WhoIsConfirmedIsHeard) {
  Talk talk;
  for (int i = 0; i < 100; ++i) {
    talk.ping();
    talk.hearing.confirmed(talk.last, talk.now);
  }
  EXPECT_FALSE(talk.hearing.unheard());
}

TEST(Hearing, APeerThatSpeaksOnAndConfirmsNothingDoesNotHear) {
  Talk talk;
  talk.ping();
  talk.hearing.confirmed(talk.last, talk.now);
  const std::uint64_t old = talk.last;
  int pings = 0;
  while (!talk.hearing.unheard() && pings < 100) {
    talk.ping();
    talk.hearing.confirmed(old, talk.now);
    ++pings;
  }
  EXPECT_EQ(pings, 6) << "a second, and twice more";
}

// It may speak once before it has read what came while it slept.
TEST(Hearing, APeerThatHasSleptIsNotCut) {
  Talk talk;
  talk.ping();
  talk.hearing.confirmed(talk.last, talk.now);
  const std::uint64_t old = talk.last;
  for (int i = 0; i < 40; ++i) talk.ping();
  talk.hearing.confirmed(old, talk.now);
  EXPECT_FALSE(talk.hearing.unheard());
  talk.hearing.confirmed(talk.last, talk.now);
  talk.ping();
  talk.hearing.confirmed(talk.last, talk.now);
  EXPECT_FALSE(talk.hearing.unheard());
}

TEST(Hearing, ASilentPeerProvesNothing) {
  Talk talk;
  for (int i = 0; i < 1000; ++i) talk.ping();
  EXPECT_FALSE(talk.hearing.unheard());
}

TEST(Hearing, ANewConnectionStartsAnew) {
  Talk talk;
  for (int i = 0; i < 8; ++i) {
    talk.ping();
    talk.hearing.confirmed(0, talk.now);
  }
  EXPECT_TRUE(talk.hearing.unheard());
  talk.hearing.restart();
  EXPECT_FALSE(talk.hearing.unheard());
  talk.now = talk.now + seconds(60);
  talk.hearing.confirmed(0, talk.now);
  EXPECT_FALSE(talk.hearing.unheard()) << "nothing has been sent on it yet";
}

// A number that was never sent comes from an older process of ours.
TEST(Hearing, ANumberNeverSentConfirmsNothing) {
  Talk talk;
  for (int i = 0; i < 8; ++i) {
    talk.ping();
    talk.hearing.confirmed(1'000'000, talk.now);
  }
  EXPECT_TRUE(talk.hearing.unheard());
}

}  // namespace
}  // namespace holdfast::server

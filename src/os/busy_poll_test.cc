#include "os/busy_poll.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast::os {
namespace {

constexpr Duration kLook = microseconds(2);

// A loop, and what others do meanwhile.
struct Waits {
  BusyPoll poll;
  Instant now{seconds(1).ns};

  Waits() { poll.set_longest(microseconds(200)); }

  // What comes does so after so long; how much of that was looked through.
  Duration wait(Duration takes, Duration each_look = kLook) {
    const Instant came = now + takes;
    const Duration before = poll.spent();
    bool looks = poll.begin(now);
    while (looks && now < came) {
      now = now + each_look;
      looks = poll.goes_on(now);
    }
    now = std::max(now, came);
    poll.end(now);
    return poll.spent() - before;
  }

  void get_busy() {
    for (int i = 0; i < 100; ++i) wait(microseconds(50));
    ASSERT_EQ(wait(microseconds(50)), microseconds(50)) << "not busy";
  }
};

TEST(BusyPoll, SleepsUnlessTheLoopIsBusy) {
  Waits loop;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(loop.wait(milliseconds(50)), Duration{});
  loop.get_busy();
  for (int i = 0; i < 100; ++i) loop.wait(milliseconds(50));
  EXPECT_EQ(loop.wait(microseconds(50)), Duration{});
}

TEST(BusyPoll, AtFirstKnowsNothingAndSleeps) {
  Waits loop;
  EXPECT_EQ(loop.wait(microseconds(50)), Duration{});
}

TEST(BusyPoll, LooksForAsLongAsItWasTold) {
  Waits loop;
  loop.get_busy();
  EXPECT_EQ(loop.wait(milliseconds(5)), microseconds(200));
}

TEST(BusyPoll, IsBusyAgainSoonAfterItWasIdle) {
  Waits loop;
  for (int i = 0; i < 100; ++i) loop.wait(seconds(50));
  int waits = 0;
  while (loop.wait(microseconds(50)) == Duration{} && waits < 1000) ++waits;
  EXPECT_LE(waits, 20);
}

TEST(BusyPoll, NeverLooksIfItIsToldNotTo) {
  Waits loop;
  loop.get_busy();
  loop.poll.set_longest({});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(loop.wait(microseconds(1)), Duration{});
  for (int i = 0; i < 100; ++i) loop.wait(seconds(1));
  loop.poll.set_longest(microseconds(200));
  EXPECT_EQ(loop.wait(microseconds(50)), Duration{}) << "it does not know yet that it is busy";
  loop.get_busy();
}

TEST(BusyPoll, AMachineThatSleptSpentNothing) {
  Waits loop;
  loop.get_busy();
  EXPECT_LT(loop.wait(seconds(7200), seconds(3600)), seconds(1));
}

// Of some time of short waits beside somebody who works all the time, so much was lost to that one.
Duration lost_beside_a_worker(Waits& loop, Duration time) {
  const Instant end = loop.now + time;
  Duration lost{};
  while (loop.now < end) lost = lost + loop.wait(microseconds(50), milliseconds(3));
  return lost;
}

TEST(BusyPoll, GivesUpBesideSomebodyWhoWorksAllTheTime) {
  Waits loop;
  loop.get_busy();
  EXPECT_LT(lost_beside_a_worker(loop, seconds(60)).ms(), 60) << "a thousandth";
  // Who comes and goes is no reason to give up for long.
  lost_beside_a_worker(loop, seconds(60));
  loop.now = loop.now + seconds(10);
  loop.get_busy();
  for (int i = 0; i < 1000; ++i) loop.wait(microseconds(50));
  EXPECT_EQ(loop.wait(microseconds(50), milliseconds(2)), milliseconds(2));
  loop.now = loop.now + milliseconds(41);
  EXPECT_EQ(loop.wait(microseconds(50)), microseconds(50));
}

}  // namespace
}  // namespace holdfast::os

#include "sim/clock.h"

#include <gtest/gtest.h>

namespace holdfast::sim {
namespace {

class ClockTest : public testing::Test {
 protected:
  void pass(Duration length) {
    bool reached = false;
    schedule.after(length, [&reached] { reached = true; });
    while (!reached) schedule.step();
  }

  Schedule schedule;
  Clock clock{schedule, seconds(100)};
};

TEST_F(ClockTest, CountsFromItsOwnStartAndKnowsTheCalendar) {
  const Clock other(schedule);
  EXPECT_EQ(clock.now() - other.now(), seconds(100));
  EXPECT_EQ(clock.wall(), other.wall());
  const Instant before = clock.now();
  pass(milliseconds(70));
  EXPECT_EQ(clock.now() - before, milliseconds(70));
}

TEST_F(ClockTest, DriftsFromWhereItIs) {
  const Instant before = clock.now();
  const WallTime calendar = clock.wall();
  clock.set_drift_ppm(100'000);
  EXPECT_EQ(clock.now(), before);
  pass(seconds(10));
  EXPECT_EQ(clock.now() - before, seconds(11));
  EXPECT_EQ(clock.wall().ms - calendar.ms, 11'000);
  clock.set_drift_ppm(-500'000);
  pass(seconds(10));
  EXPECT_EQ(clock.now() - before, seconds(16));
}

TEST_F(ClockTest, StandsStillAndCatchesUpAtOnce) {
  const Instant before = clock.now();
  clock.freeze(seconds(3));
  pass(milliseconds(2999));
  EXPECT_EQ(clock.now(), before);
  pass(milliseconds(1));
  EXPECT_EQ(clock.now() - before, seconds(3));
}

TEST_F(ClockTest, TheCalendarMayJumpAndNothingElseDoes) {
  const Instant before = clock.now();
  const WallTime calendar = clock.wall();
  clock.step_wall(-5000);
  EXPECT_EQ(clock.wall().ms, calendar.ms - 5000);
  EXPECT_EQ(clock.now(), before);
}

TEST_F(ClockTest, HealedItKeepsWhereItHasGotToAndIsRightAboutTheCalendar) {
  const Clock right(schedule);
  clock.set_drift_ppm(100'000);
  clock.step_wall(31'536'000'000);
  pass(seconds(10));
  const Instant ahead = clock.now();
  clock.heal();
  EXPECT_EQ(clock.now(), ahead);
  EXPECT_EQ(clock.wall(), right.wall());
  pass(seconds(1));
  EXPECT_EQ(clock.now() - ahead, seconds(1));
  EXPECT_EQ(clock.wall(), right.wall());
}

TEST_F(ClockTest, HealedWhileItStandsStillItNeverGoesBack) {
  clock.freeze(seconds(3));
  pass(seconds(1));
  const Instant frozen = clock.now();
  clock.heal();
  EXPECT_EQ(clock.now() - frozen, seconds(1));
}

TEST_F(ClockTest, KnowsWhenItWillShowAnInstant) {
  for (const std::int64_t ppm : {0, 1, -1, 333, -999, 250'000, -250'000}) {
    clock.set_drift_ppm(ppm);
    for (const std::int64_t ahead : {1, 999, 1'000'000, 7'654'321}) {
      const Instant when = clock.now() + Duration{ahead};
      const Instant world = clock.world_time_of(when);
      pass(world - schedule.now() - Duration{1});
      EXPECT_LT(clock.now(), when) << ppm << " " << ahead;
      pass(Duration{1});
      EXPECT_GE(clock.now(), when) << ppm << " " << ahead;
    }
  }
  EXPECT_EQ(clock.world_time_of(clock.now()), schedule.now());
  EXPECT_EQ(clock.world_time_of(Instant{}), schedule.now());
  EXPECT_EQ(clock.world_time_of(Instant::never()), Instant::never());
  clock.set_drift_ppm(-999'999);
  EXPECT_EQ(clock.world_time_of(Instant{Instant::never().ns - 1}), Instant::never());
}

TEST_F(ClockTest, WhileItStandsStillNothingIsDueBeforeItGoesOn) {
  clock.freeze(seconds(3));
  const Instant thaw = schedule.now() + seconds(3);
  EXPECT_EQ(clock.world_time_of(clock.now() + milliseconds(1)), thaw);
  EXPECT_EQ(clock.world_time_of(clock.now() + seconds(4)), thaw + seconds(1));
  EXPECT_EQ(clock.world_time_of(clock.now()), schedule.now());
  pass(seconds(1));
  EXPECT_EQ(clock.world_time_of(clock.now() + milliseconds(1)), thaw);
}

TEST_F(ClockTest, SaysWhenWhatIsDueHasMoved) {
  int changes = 0;
  clock.on_change([&changes] { ++changes; });
  clock.set_drift_ppm(5);
  clock.freeze(seconds(1));
  clock.heal();
  EXPECT_EQ(changes, 3);
  clock.step_wall(1);
  EXPECT_EQ(changes, 3);
}

}  // namespace
}  // namespace holdfast::sim

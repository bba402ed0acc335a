#include "os/event_loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

#include "os/entropy.h"
#include "os/test_loop.h"

namespace holdfast::os {
namespace {

TEST(EventLoop, RunsPostsInOrderAndThenEndsTheTurn) {
  TestLoop test;
  std::vector<int> seen;
  for (int i = 0; i < 5; ++i) test.loop().post([&seen, i] { seen.push_back(i); });
  EXPECT_TRUE(test.run_until([&] { return !seen.empty(); }));
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(test.turns, 1);
}

// How many of `count` posts a turn did at most.
int most_in_a_turn(int count, const std::function<void()>& work) {
  TestLoop test;
  int done = 0;
  int most = 0;
  int before = 0;
  test.at_turn_end = [&] {
    most = std::max(most, done - before);
    before = done;
  };
  for (int i = 0; i < count; ++i) {
    test.loop().post([&] {
      work();
      ++done;
    });
  }
  EXPECT_TRUE(test.run_until([&] { return done == count; }));
  return most;
}

TEST(EventLoop, BoundsTheWorkOfATurn) {
  EXPECT_LE(most_in_a_turn(3 * EventLoop::kTurnWork, [] {}), EventLoop::kTurnWork);
}

TEST(EventLoop, BoundsTheTimeOfATurn) {
  EXPECT_LE(most_in_a_turn(30, work_a_millisecond), EventLoop::kTurnTime.ms() + 1)
      << "none begins after that time";
}

TEST(EventLoop, AFloodDoesNotPutOffTheEndOfTheTurn) {
  TestLoop test;
  std::function<void()> flood = [&] { test.loop().post(flood); };
  test.loop().post(flood);
  EXPECT_TRUE(test.run_until([&] { return test.turns >= 3; }));
}

TEST(EventLoop, WakesWhenTheHandlerWantsTo) {
  TestLoop test;
  const Instant begin = test.clock().now();
  test.run_for(milliseconds(50));
  const Duration slept = test.clock().now() - begin;
  EXPECT_GE(slept.ms(), 50);
  EXPECT_LT(slept.ms(), 1000);
  EXPECT_LE(test.turns, 5) << "it slept rather than spun";
}

TEST(EventLoop, AnotherThreadMayPost) {
  TestLoop test;
  int got = 0;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) test.loop().post([&got] { ++got; });
  });
  EXPECT_TRUE(test.run_until([&] { return got == 100; }));
  other.join();
}

// Another thread posts so many times, with pauses of so long, and the loop runs until it has all.
void run_posts(TestLoop& test, int count, Duration pause) {
  int got = 0;
  std::thread other([&] {
    for (int i = 0; i < count; ++i) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(pause.ns));
      test.loop().post([&got] { ++got; });
    }
  });
  EXPECT_TRUE(test.run_until([&] { return got == count; }));
  other.join();
}

TEST(EventLoop, LooksWithoutSleepingWhileItIsBusy) {
  TestLoop test;
  test.loop().set_busy_poll(milliseconds(1));
  run_posts(test, 1000, microseconds(50));
  const Duration busy = test.loop().busy_polled();
  EXPECT_GT(busy.ns, 0);
  run_posts(test, 100, milliseconds(6));
  EXPECT_LE((test.loop().busy_polled() - busy).ms(), 70) << "and sleeps when it has little to do";
}

TEST(EventLoop, LooksNoLongerThanTheHandlerSleeps) {
  TestLoop test;
  test.loop().set_busy_poll(milliseconds(200));
  run_posts(test, 100, milliseconds(1));
  const Instant begin = test.clock().now();
  test.run_for(milliseconds(150));
  EXPECT_LT((test.clock().now() - begin).ms(), 250) << "slept for as long again";
}

TEST(EventLoop, StopsWhileItLooks) {
  TestLoop test;
  test.loop().set_busy_poll(seconds(30));
  run_posts(test, 100, milliseconds(1));
  std::thread ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    test.loop().stop();
  });
  const Instant begin = test.clock().now();
  test.run_for(seconds(60));
  ends.join();
  EXPECT_LT((test.clock().now() - begin).ms(), 10'000);
}

TEST(EventLoop, LookingIsNoPartOfATurn) {
  TestLoop test;
  test.loop().set_busy_poll(milliseconds(20));
  run_posts(test, 50, milliseconds(4));
  EXPECT_GT(test.loop().busy_polled().ns, 0);
  EXPECT_LT(test.loop().longest_turn().us(), 3000);
}

TEST(EventLoop, LooksOnlyIfItIsTold) {
  TestLoop test;
  run_posts(test, 100, microseconds(50));
  EXPECT_EQ(test.loop().busy_polled(), Duration{});
}

TEST(EventLoop, AnotherThreadMayStop) {
  TestLoop test;
  std::thread other([&] { test.loop().stop(); });
  test.run_until([] { return false; }, seconds(60));
  other.join();
  EXPECT_LT(test.turns, 10);
}

TEST(EventLoop, HandsOutSignals) {
  TestLoop test;
  std::vector<int> seen;
  test.loop().on_terminate([&](int signal) { seen.push_back(signal); });
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(test.run_until([&] { return seen.size() == 1; }));
  ::kill(::getpid(), SIGINT);
  EXPECT_TRUE(test.run_until([&] { return seen.size() == 2; }));
  EXPECT_EQ(seen, (std::vector<int>{SIGTERM, SIGINT}));
}

TEST(EventLoop, AHangUpIsNoEnd) {
  TestLoop test;
  int hangups = 0;
  test.loop().on_hangup([&] { ++hangups; });
  for (int i = 1; i <= 2; ++i) {
    ::kill(::getpid(), SIGHUP);
    EXPECT_TRUE(test.run_until([&] { return hangups == i; }));
  }
}

TEST(SystemClock, DoesNotRunBackwards) {
  SystemClock clock;
  Instant last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const Instant now = clock.now();
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_GT(clock.wall().ms, 1'600'000'000'000);
}

TEST(Entropy, Differs) { EXPECT_NE(random_seed(), random_seed()); }

}  // namespace
}  // namespace holdfast::os

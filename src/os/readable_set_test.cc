#include "os/readable_set.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "os/test_loop.h"

namespace holdfast::os {
namespace {

// Always has something to read, and takes its time.
class Talker final : public ReadableSet::Owner {
 public:
  Talker() {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    EXPECT_EQ(::write(ends_[1], "x", 1), 1);
  }
  ~Talker() {
    for (const int end : ends_) ::close(end);
  }
  int descriptor() const { return ends_[0]; }
  void on_readable() override {
    ++calls;
    work_a_millisecond();
    if (when_called) when_called();
  }

  int calls = 0;
  std::function<void()> when_called;

 private:
  std::array<int, 2> ends_{};
};

class Readable : public testing::Test {
 protected:
  Readable() : set(test.loop()), talkers(20) {
    for (auto& talker : talkers) EXPECT_TRUE(set.add(talker.descriptor(), talker));
  }
  int called() const {
    int calls = 0;
    for (const auto& talker : talkers) calls += talker.calls;
    return calls;
  }

  TestLoop test;
  ReadableSet set;
  std::vector<Talker> talkers;
};

TEST_F(Readable, ALongTurnIsEndedAndTheNextGoesOnWithWhoWasNotCalled) {
  int before = 0;
  test.at_turn_end = [&] {
    EXPECT_LE(called() - before, EventLoop::kTurnTime.ms() + 1);
    before = called();
    set.rearm();
  };
  EXPECT_TRUE(test.run_until([&] { return called() >= 3 * 20; }));
  for (const auto& talker : talkers) {
    EXPECT_GE(talker.calls, 2);
    EXPECT_LE(talker.calls, 4) << "nobody has two turns before another has one";
  }
}

TEST_F(Readable, WhoIsRemovedBetweenTwoTurnsIsNotCalled) {
  for (std::size_t i = 1; i < talkers.size(); ++i) {
    talkers[i].when_called = [&, i] { EXPECT_LE(i, 10u) << "it was removed"; };
  }
  test.at_turn_end = [&] {
    if (test.turns == 1) {
      for (std::size_t i = 11; i < talkers.size(); ++i) set.remove(talkers[i].descriptor(), talkers[i]);
    }
    set.rearm();
  };
  EXPECT_TRUE(test.run_until([&] { return test.turns == 1; }));
  const int at_first = called();
  EXPECT_LE(at_first, EventLoop::kTurnTime.ms() + 1) << "none of them had been called";
  EXPECT_TRUE(test.run_until([&] { return called() >= at_first + 30; }));
}

}  // namespace
}  // namespace holdfast::os

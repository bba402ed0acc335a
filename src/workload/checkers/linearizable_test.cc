#include "workload/checkers/linearizable.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"

namespace holdfast::workload {
namespace {

Operation read(std::string value, std::int64_t called, std::int64_t returned) {
  return {0, OperationKind::read, "k", std::move(value), called, returned, Ended::ok};
}
Operation write(std::string value, std::int64_t called, std::int64_t returned,
                Ended ended = Ended::ok) {
  return {1, OperationKind::write, "k", std::move(value), called, returned, ended};
}

TEST(Linearizable, AcceptsWhatOneOrderExplains) {
  EXPECT_TRUE(check_linearizable({}).ok);
  EXPECT_TRUE(check_linearizable({read("", 1, 2), write("a", 3, 6), read("a", 4, 5)}).ok);
  // Overlapping writes may go either way, as long as all agree.
  EXPECT_TRUE(check_linearizable({write("a", 1, 10), write("b", 1, 10), read("b", 11, 12),
                                  read("b", 13, 14)}).ok);
}

TEST(Linearizable, CatchesAStaleRead) {
  const auto verdict = check_linearizable({write("a", 1, 2), write("b", 3, 4), read("a", 5, 6)});
  EXPECT_FALSE(verdict.ok);
  EXPECT_NE(verdict.explanation.find("key 'k'"), std::string::npos);
}

TEST(Linearizable, CatchesALostUpdateAndAReadThatRunsBackwards) {
  EXPECT_FALSE(check_linearizable({write("a", 1, 2), read("", 3, 4)}).ok);
  EXPECT_FALSE(check_linearizable(
                   {write("a", 1, 20), read("a", 2, 3), read("", 4, 5), read("a", 21, 22)})
                   .ok);
}

TEST(Linearizable, AnUnknownWriteMayTakeEffectLateOrNever) {
  const auto unknown = write("a", 1, 0, Ended::unknown);
  EXPECT_TRUE(check_linearizable({unknown, read("", 5, 6), read("", 7, 8)}).ok);
  EXPECT_TRUE(check_linearizable({unknown, read("", 5, 6), read("a", 7, 8)}).ok);
  EXPECT_FALSE(check_linearizable({unknown, read("a", 5, 6), read("", 7, 8)}).ok);
}

TEST(Linearizable, AFailedWriteMustNeverBeSeen) {
  EXPECT_FALSE(check_linearizable({write("a", 1, 2, Ended::failed), read("a", 3, 4)}).ok);
}

// A real register, played with overlapping intervals, is always accepted; with one read replaced by
// a value that was never current in its interval, it is refused.
TEST(Linearizable, AgreesWithARealRegister) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Prng prng(seed);
    History history;
    std::string value;
    std::int64_t time = 0;
    for (int i = 0; i < 60; ++i) {
      time += 10;
      const auto before = prng.between(0, 25);
      const auto after = prng.between(1, 25);
      if (prng.below(2) == 0) {
        value = std::to_string(i);
        history.push_back(write(value, time - before, time + after));
      } else {
        history.push_back(read(value, time - before, time + after));
      }
    }
    EXPECT_TRUE(check_linearizable(history).ok) << seed;
    history.push_back(read("never written", time + 100, time + 101));
    EXPECT_FALSE(check_linearizable(history).ok) << seed;
  }
}

}  // namespace
}  // namespace holdfast::workload

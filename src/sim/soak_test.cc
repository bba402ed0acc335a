#include "sim/soak.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::sim {
namespace {

using testing::HasSubstr;
using testing::Not;

Report report(std::uint64_t hash, std::uint64_t kills) {
  Report one;
  one.hash = hash;
  one.simulated = seconds(90);
  one.acknowledged = 10;
  one.faults[static_cast<std::size_t>(FaultKind::kill)] = kills;
  return one;
}

TEST(Soak, AddsUpWhatWasDone) {
  Soak soak;
  soak.add(1, report(11, 2));
  soak.add(2, report(12, 3));
  EXPECT_EQ(soak.seeds(), 2u);
  EXPECT_EQ(soak.violations(), 0u);
  EXPECT_THAT(soak.text(), HasSubstr("2 seeds, 0.05 simulated hours"));
  EXPECT_THAT(soak.text(), HasSubstr("20 acknowledged"));
  EXPECT_THAT(soak.text(), HasSubstr("kill 5,"));
  EXPECT_THAT(soak.text(), Not(HasSubstr("pause")));
  Report bad = report(13, 0);
  bad.problems.push_back("locks: two holders");
  soak.add(3, bad);
  EXPECT_EQ(soak.violations(), 1u);
}

TEST(Soak, TheHashIsOfTheSeedsNotOfTheirOrder) {
  Soak one, other, different, swapped;
  one.add(1, report(11, 0));
  one.add(2, report(12, 0));
  other.add(2, report(12, 0));
  other.add(1, report(11, 0));
  different.add(1, report(11, 0));
  different.add(2, report(13, 0));
  swapped.add(1, report(12, 0));
  swapped.add(2, report(11, 0));
  EXPECT_EQ(one.hash(), other.hash());
  EXPECT_NE(one.hash(), different.hash());
  EXPECT_NE(one.hash(), swapped.hash());
}

}  // namespace
}  // namespace holdfast::sim

#include "client/tenure.h"

#include <gtest/gtest.h>

namespace holdfast::client {
namespace {

constexpr Instant at(std::int64_t ms) { return Instant{} + milliseconds(ms); }

TEST(Tenure, IsSureOfNothingBeforeItIsConfirmed) { EXPECT_FALSE(Tenure(seconds(10)).sure(at(1))); }

TEST(Tenure, CountsFromTheSendingAndLeavesAShareForClocks) {
  Tenure tenure(seconds(10));
  tenure.confirm(at(1000), seconds(10));
  EXPECT_EQ(tenure.sure_until(), at(10'980));
  EXPECT_TRUE(tenure.sure(at(10'979)));
  EXPECT_FALSE(tenure.sure(at(10'980)));
  EXPECT_EQ((tenure.renew_at() - at(1000)).ms(), 3333);
}

TEST(Tenure, WhatIsLeftCountsAndNeverMoreThanWasAskedFor) {
  Tenure tenure(seconds(10));
  tenure.confirm(at(0), seconds(5));
  EXPECT_EQ(tenure.sure_until(), at(4990));
  tenure.confirm(at(0), seconds(500));
  EXPECT_EQ(tenure.sure_until(), at(9980)) << "an answer to somebody else's TTL is not ours";
}

// Answers may come in another order than they were asked for, after a change of server.
TEST(Tenure, AnOlderAnswerTakesNothingBack) {
  Tenure tenure(seconds(10));
  tenure.confirm(at(5000), seconds(10));
  tenure.confirm(at(4000), seconds(10));
  EXPECT_EQ(tenure.sure_until(), at(14'980));
}

TEST(Tenure, TriesAgainSoonButNotAtOnce) {
  Tenure tenure(seconds(10));
  tenure.try_again(at(100));
  EXPECT_EQ(tenure.renew_at(), at(200));
  Tenure brief(milliseconds(100));
  brief.try_again(at(100));
  EXPECT_EQ(brief.renew_at(), at(105));
}

// One silent server must not use up the time that the others would need.
TEST(Tenure, LeavesTimeForOtherServers) {
  EXPECT_EQ(Tenure(seconds(6)).patience(seconds(2)), seconds(1));
  EXPECT_EQ(Tenure(seconds(60)).patience(seconds(2)), seconds(2));
}

}  // namespace
}  // namespace holdfast::client

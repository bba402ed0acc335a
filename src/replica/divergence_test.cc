#include "replica/divergence.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::replica {
namespace {

constexpr std::size_t kMebi = 1 << 20;
const std::vector<NodeId> kThree = {NodeId(1), NodeId(2), NodeId(3)};

// The judge on node 1. A hash is a letter.
struct Judge {
  explicit Judge(Duration walk = seconds(600), std::size_t bytes = 1000)
      : divergence({.self = NodeId(1), .walk = walk, .bytes = bytes}) {
    divergence.begin_leading(now);
  }
  void own(std::uint64_t index, char hash, keyspace::DigestCursor from = {},
           keyspace::DigestCursor next = {}) {
    divergence.on_own(Index(index), {from, {static_cast<std::uint64_t>(hash), next}}, now);
  }
  void report(std::uint64_t node, std::uint64_t index, char hash) {
    divergence.on_report(NodeId(node), Index(index), static_cast<std::uint64_t>(hash));
  }
  // "right 1 3 wrong 2", "no majority" or "".
  std::string findings(const std::vector<NodeId>& members = kThree) {
    std::string text;
    while (const auto finding = divergence.judge(members, now)) {
      if (finding->no_majority) text += "no majority ";
      if (!finding->right.empty()) text += "right ";
      for (const NodeId node : finding->right) text += std::to_string(node.value) + " ";
      if (!finding->wrong.empty()) text += "wrong ";
      for (const NodeId node : finding->wrong) text += std::to_string(node.value) + " ";
    }
    return text;
  }

  Instant now{1'000'000'000};
  Divergence divergence;
};

TEST(Divergence, TheMajorityIsRightAndOthersAreNamedOnce) {
  Judge judge;
  judge.report(2, 7, 'a');  // it was faster than the leader
  EXPECT_EQ(judge.findings(), "");
  judge.own(7, 'a');
  EXPECT_EQ(judge.findings(), "");
  judge.report(3, 7, 'b');
  EXPECT_EQ(judge.findings(), "right 1 2 wrong 3 ");
  judge.report(3, 7, 'b');
  EXPECT_EQ(judge.findings(), "");
}

TEST(Divergence, ALeaderMayBeTheOneThatIsWrong) {
  Judge judge;
  judge.own(7, 'b');
  judge.report(2, 7, 'a');
  EXPECT_EQ(judge.findings(), "") << "the third decides";
  judge.report(3, 7, 'a');
  EXPECT_EQ(judge.findings(), "right 2 3 wrong 1 ");
}

TEST(Divergence, ThreeThatDifferHaveNoMajorityAtOnce) {
  Judge judge;
  judge.own(7, 'a');
  judge.report(2, 7, 'b');
  judge.report(3, 7, 'c');
  EXPECT_EQ(judge.findings(), "no majority ");
  judge.report(3, 7, 'c');
  EXPECT_EQ(judge.findings(), "") << "said once";
}

TEST(Divergence, TwoThatDifferWaitForTheThirdButNotForEver) {
  Judge judge;
  judge.own(7, 'a');
  judge.report(2, 7, 'b');
  judge.now = judge.now + seconds(4);
  EXPECT_EQ(judge.findings(), "");
  judge.now = judge.now + seconds(1);
  EXPECT_EQ(judge.findings(), "no majority ");
  judge.now = judge.now + seconds(100);
  judge.report(3, 7, 'b');
  EXPECT_EQ(judge.findings(), "right 2 3 wrong 1 ") << "late, and still it decides";
}

TEST(Divergence, WhoIsSilentIsNotSuspected) {
  Judge judge;
  judge.own(7, 'a');
  judge.report(2, 7, 'a');
  EXPECT_EQ(judge.findings(), "");
  judge.now = judge.now + seconds(100);
  EXPECT_EQ(judge.findings(), "");
  judge.own(8, 'a');
  judge.now = judge.now + seconds(100);
  EXPECT_EQ(judge.findings(), "") << "one alone differs from nobody";
}

TEST(Divergence, OfTwoMembersNeitherOutvotesTheOther) {
  Judge judge;
  judge.own(7, 'a');
  judge.report(2, 7, 'b');
  EXPECT_EQ(judge.findings({NodeId(1), NodeId(2)}), "no majority ");
}

TEST(Divergence, AWalkIsCleanOnlyFromItsBeginningToItsEndWithoutADifference) {
  const keyspace::DigestCursor middle{77, 1, 3};
  const auto part = [&](Judge& judge, std::uint64_t index, bool second, char report = 'a') {
    judge.own(index, 'a', second ? middle : keyspace::DigestCursor{},
              second ? keyspace::DigestCursor{} : middle);
    judge.report(2, index, report);
    judge.report(3, index, 'a');
    judge.findings();
  };
  Judge judge;
  part(judge, 1, true);
  EXPECT_FALSE(judge.divergence.take_clean_walk()) << "only its second half";
  part(judge, 2, false);
  part(judge, 3, true);
  EXPECT_TRUE(judge.divergence.take_clean_walk());
  EXPECT_FALSE(judge.divergence.take_clean_walk()) << "told once";
  part(judge, 4, false, 'x');
  part(judge, 5, true);
  EXPECT_FALSE(judge.divergence.take_clean_walk());
  part(judge, 6, false);
  judge.divergence.begin_leading(judge.now);
  part(judge, 7, true);
  EXPECT_FALSE(judge.divergence.take_clean_walk()) << "what was seen as another leader's follower";
}

TEST(Divergence, TheWalkIsSpreadOverItsTime) {
  Judge judge(seconds(600), 256 << 10);
  const auto next = [&](std::size_t bytes, std::uint64_t applied) {
    const Instant at = judge.divergence.wake_at(bytes, Index(applied), false);
    EXPECT_FALSE(judge.divergence.due(at - milliseconds(1), bytes, Index(applied), false));
    EXPECT_TRUE(judge.divergence.due(at, bytes, Index(applied), false));
    return (at - judge.now).ms();
  };
  judge.own(5, 'a');
  judge.report(2, 5, 'a');
  judge.report(3, 5, 'a');
  judge.findings();
  EXPECT_EQ(next(0, 5), 600'000) << "idle";
  EXPECT_EQ(next(0, 6), 10'000) << "where entries are applied anyway";
  EXPECT_EQ(next(1024 * kMebi, 5), 600'000 / 4097);
  EXPECT_EQ(next(1024 * 1024 * kMebi, 5), 20) << "never all of the loop's time";
  EXPECT_TRUE(judge.divergence.due(judge.now + milliseconds(20), 0, Index(5), true)) << "stopped";
}

TEST(Divergence, AWalkStaysWhereThereWasNoMajority) {
  const keyspace::DigestCursor here{5, 0, 0};
  const keyspace::DigestCursor next{6, 0, 0};
  Judge judge;
  const auto check = [&](std::uint64_t index, char own) {
    judge.own(index, own, here, next);
    judge.report(2, index, 'b');
    judge.report(3, index, 'c');
    return judge.findings();
  };
  EXPECT_EQ(check(1, 'a'), "no majority ");
  EXPECT_EQ(judge.divergence.cursor(), here);
  EXPECT_FALSE(judge.divergence.due(judge.now + seconds(4), 0, Index(1), true)) << "in no hurry";
  EXPECT_TRUE(judge.divergence.due(judge.now + seconds(5), 0, Index(1), true));
  EXPECT_EQ(check(2, 'b'), "right 1 2 wrong 3 ");
  EXPECT_EQ(judge.divergence.cursor(), next);
  EXPECT_TRUE(judge.divergence.due(judge.now + milliseconds(20), 0, Index(2), true));
}

TEST(Divergence, TheNextCheckWaitsForWhatTheOthersFoundAtTheLast) {
  Judge judge(seconds(1), 1000);
  judge.own(5, 'a');
  judge.findings();
  EXPECT_FALSE(judge.divergence.due(judge.now + milliseconds(1500), 0, Index(5), false));
  EXPECT_TRUE(judge.divergence.due(judge.now + seconds(2), 0, Index(5), false));
  judge.report(2, 5, 'a');
  judge.findings();
  EXPECT_TRUE(judge.divergence.due(judge.now + milliseconds(1500), 0, Index(5), false));
  judge.divergence.on_proposed();
  EXPECT_FALSE(judge.divergence.due(judge.now + seconds(50), 0, Index(5), false));
  judge.divergence.on_refused(judge.now);
  EXPECT_TRUE(judge.divergence.due(judge.now + seconds(50), 0, Index(5), false));
}

TEST(Divergence, WhatIsRememberedIsBounded) {
  Judge judge;
  for (std::uint64_t index = 1; index <= 10'000; ++index) judge.report(2, index, 'x');
  judge.own(1, 'a');
  judge.report(3, 1, 'y');
  EXPECT_EQ(judge.findings(), "") << "forgotten";
}

}  // namespace
}  // namespace holdfast::replica

#include "cli/holders_view.h"

#include <gtest/gtest.h>

#include "cli/test_values.h"

namespace holdfast::cli {
namespace {

// "held ann 1", "lost ann 1 expired".
std::vector<std::string> told(const std::vector<HolderEvent>& events) {
  std::vector<std::string> lines;
  for (const HolderEvent& event : events) {
    std::string line = event.event;
    if (!event.owner.empty()) line += " " + event.owner;
    line += " " + std::to_string(event.token);
    if (!event.reason.empty()) line += " " + event.reason;
    lines.push_back(line);
  }
  return lines;
}

using Lines = std::vector<std::string>;

Sight sight(std::vector<Holder> holders, std::vector<HolderLoss> losses = {},
            std::uint64_t last = 0) {
  return {.holders = std::move(holders), .losses = std::move(losses), .last_token = last};
}

TEST(Sight, OfALock) {
  const auto seen = read_sight(
      Held::lock,
      list({number(1), text("ann"), number(1), number(1), number(5000), number(1'000'000), text(""),
            number(2), list({list({text("will")})}), text("shared"),
            list({list({text("ann"), number(1), number(5000), number(1'000'000), text(""),
                        list({})}),
                  list({text("bea"), number(2), number(5000), number(1'000'001), text(""),
                        list({})})}),
            number(0), list({list({text("cleo"), number(0), text("expired"), number(999)})})}));
  ASSERT_TRUE(seen);
  ASSERT_EQ(seen->holders.size(), 2u);
  EXPECT_EQ(seen->holders[1].owner, "bea");
  EXPECT_EQ(seen->holders[1].token, 2u);
  EXPECT_EQ(seen->holders[1].fence, 1u) << "of the phase";
  EXPECT_EQ(seen->holders[1].since_ms, 1'000'001);
  EXPECT_EQ(seen->last_token, 2u);
  EXPECT_EQ(seen->waiters, 1u);
  ASSERT_EQ(seen->losses.size(), 1u);
  EXPECT_EQ(seen->losses[0].reason, "expired");
}

// Below level 3 it tells of one holder, and of no losses.
TEST(Sight, OfALockAsItWasBefore) {
  const auto seen =
      read_sight(Held::lock, list({number(1), text("ann"), number(7), number(7), number(5000),
                                   number(1'000'000), text(""), number(7), list({})}));
  ASSERT_TRUE(seen);
  ASSERT_EQ(seen->holders.size(), 1u);
  EXPECT_EQ(seen->holders[0].owner, "ann");
  EXPECT_EQ(seen->holders[0].fence, 7u);
}

TEST(Sight, OfASemaphoreAndAnElection) {
  const auto permits = read_sight(
      Held::semaphore,
      list({number(3), number(2), number(1),
            list({list({text("ann"), number(1), number(2), number(5000), number(1'000'000)})}),
            list({}), list({})}));
  ASSERT_TRUE(permits);
  ASSERT_EQ(permits->holders.size(), 1u);
  EXPECT_EQ(permits->holders[0].permits, 2u);
  EXPECT_EQ(permits->holders[0].since_ms, 1'000'000);
  const auto office =
      read_sight(Held::election, list({number(1), text("ann"), number(4), number(5000),
                                       number(1'000'000), number(4), list({}), list({})}));
  ASSERT_TRUE(office);
  ASSERT_EQ(office->holders.size(), 1u);
  EXPECT_EQ(office->holders[0].owner, "ann");
  EXPECT_EQ(office->holders[0].since_ms, 1'000'000);
}

TEST(Sight, NobodyAndAnythingElse) {
  const auto nobody = read_sight(Held::lock, Value());
  ASSERT_TRUE(nobody);
  EXPECT_TRUE(nobody->holders.empty());
  EXPECT_FALSE(read_sight(Held::lock, number(1)));
  EXPECT_FALSE(read_sight(Held::election, list({number(1), text("ann")})));
}

TEST(HoldersView, TellsWhatHasChanged) {
  HoldersView view;
  EXPECT_EQ(told(view.update(sight({}, {}, 3))), Lines{"free 3"});
  EXPECT_EQ(told(view.update(sight({}, {}, 3))), Lines{});
  EXPECT_EQ(told(view.update(sight({{"ann", 4}, {"bea", 5}}))),
            (Lines{"held ann 4", "held bea 5"}));
  EXPECT_EQ(told(view.update(sight({{"bea", 5}}))), Lines{"released ann 4"});
  EXPECT_EQ(told(view.update(sight({{"cleo", 6}}, {{"bea", 5, "expired"}}))),
            (Lines{"lost bea 5 expired", "held cleo 6"}));
  EXPECT_EQ(told(view.update(sight({{"cleo", 6}}, {{"bea", 5, "expired"}}))), Lines{}) << "once";
}

TEST(HoldersView, LossesOfWhomItNeverSawAreToldToo) {
  HoldersView view;
  EXPECT_EQ(told(view.update(sight({{"ann", 4}}, {{"old", 1, "forced"}}))), Lines{"held ann 4"})
      << "what was before the watch is for inspect to tell";
  EXPECT_EQ(told(view.update(sight({{"dora", 9}}, {{"old", 1, "forced"}, {"bea", 6, "expired"}}))),
            (Lines{"released ann 4", "lost bea 6 expired", "held dora 9"}));
}

TEST(ElectionView, TellsEachChangeOnceWhicheverWayItHears) {
  ElectionView view;
  EXPECT_EQ(told(view.update(sight({{"ann", 4}}))), Lines{"elected ann 4"});
  EXPECT_EQ(told(view.hear("elected 4 ann")), Lines{}) << "known";
  EXPECT_EQ(told(view.hear("vacant 4 expired")), Lines{"vacant 4 expired"});
  EXPECT_EQ(told(view.hear("elected 7 bea the second")), Lines{"elected bea the second 7"});
  EXPECT_EQ(told(view.hear("vacant 4 expired")), Lines{}) << "older than what is known";
  EXPECT_EQ(told(view.update(sight({}, {{"bea", 7, "forced"}}, 7))), Lines{"vacant 7 forced"});
  EXPECT_EQ(told(view.hear("vacant 7 forced")), Lines{});
}

TEST(ElectionView, BeginsWithHowItIs) {
  ElectionView nobody;
  EXPECT_EQ(told(nobody.update(sight({}))), Lines{"vacant 0"});
  EXPECT_EQ(told(nobody.update(sight({}))), Lines{});
}

TEST(ElectionView, WhatIsNoNewsIsPassedOver) {
  ElectionView view;
  EXPECT_EQ(told(view.hear("")), Lines{});
  EXPECT_EQ(told(view.hear("elected")), Lines{});
  EXPECT_EQ(told(view.hear("elected x ann")), Lines{});
  EXPECT_EQ(told(view.hear("elected 4")), Lines{});
  EXPECT_EQ(told(view.hear("retired 4 ann")), Lines{});
}

}  // namespace
}  // namespace holdfast::cli

#include "client/keeper.h"

#include <gtest/gtest.h>

#include "client/scripted_world.h"
#include "client/shared.h"
#include "holdfast/mutex.h"

namespace holdfast::client {
namespace {

const std::string kRenewal = "LOCK.RENEW door 7 TTL 6000";
const std::string kRelease = "LOCK.RELEASE door 7";

// A lock that has just been granted for six seconds.
struct Fixture {
  explicit Fixture(const std::vector<std::string>& names = {"a:1"}) : cluster(names) {
    Held granted{7, 7, Tenure(seconds(6))};
    granted.tenure.confirm(began, seconds(6));
    keeper = std::make_shared<Keeper>(cluster.shared(), std::make_unique<Link>(cluster.shared()),
                                      Wanted{.name = "door", .owner = "me", .ttl = seconds(6)},
                                      granted, [this](std::string_view reason) {
                                        lost.emplace_back(reason);
                                        if (when_lost) when_lost();
                                      });
  }
  void expect(const std::string& words, const std::string& answer) {
    cluster.world->expect("a:1", words, answer);
  }
  void pass(std::int64_t ms) { cluster.world->pass(milliseconds(ms)); }
  std::int64_t step_ms() { return (keeper->step() - began).ms(); }

  ScriptedCluster cluster;
  Instant began = cluster.world->now();
  std::shared_ptr<Keeper> keeper;
  std::vector<std::string> lost;
  std::function<void()> when_lost;
};

TEST(Keeper, RenewsThreeTimesAsOftenAsItMust) {
  Fixture f;
  EXPECT_EQ(f.step_ms(), 2000) << "nothing to do yet";
  f.pass(2000);
  f.expect(kRenewal, ":6000");
  EXPECT_EQ(f.step_ms(), 4000);
  EXPECT_EQ(f.keeper->remaining().ms(), 5988);
  f.pass(5987);
  EXPECT_TRUE(f.keeper->held());
  f.pass(1);
  EXPECT_FALSE(f.keeper->held()) << "by itself, without step()";
  EXPECT_EQ(f.keeper->remaining().ms(), 0);
  EXPECT_TRUE(f.lost.empty()) << "it is step() that tells";
}

TEST(Keeper, GoesOnThroughTrouble) {
  Fixture f;
  f.pass(2000);
  for (const std::string& said :
       {kBreaks, std::string("-NOLEADER none"), std::string("-UNKNOWN hm")}) {
    f.expect(kRenewal, said);
    const std::int64_t next = f.step_ms();
    const std::int64_t now = (f.cluster.world->now() - f.began).ms();
    EXPECT_EQ(next - now, 100);
    f.pass(100);
  }
  f.expect(kRenewal, ":6000");
  EXPECT_EQ(f.step_ms(), 4300);
  EXPECT_TRUE(f.keeper->held());
}

TEST(Keeper, IsLostWhenAServerSaysSo) {
  Fixture f;
  f.pass(2000);
  f.expect(kRenewal, "-LOST token 7 does not hold the lock");
  EXPECT_EQ(f.keeper->step(), Instant::never());
  EXPECT_FALSE(f.keeper->held());
  EXPECT_EQ(f.lost, std::vector<std::string>{"LOST token 7 does not hold the lock"});
  EXPECT_EQ(f.keeper->step(), Instant::never());
  EXPECT_EQ(f.lost.size(), 1u) << "told once";
}

TEST(Keeper, IsLostWhenNobodyConfirmsItInTime) {
  Fixture f;
  for (auto& [name, server] : f.cluster.world->servers) server.up = false;
  f.pass(2000);
  while (f.keeper->step() != Instant::never()) {
    ASSERT_LT((f.cluster.world->now() - f.began).ms(), 6000);
    f.pass(100);
  }
  ASSERT_EQ(f.lost.size(), 1u);
  EXPECT_FALSE(f.keeper->held());
  EXPECT_NE(f.lost[0].find("is down"), std::string::npos) << f.lost[0];
}

// A process that was stopped does not ask first: what it would hear is of the past.
TEST(Keeper, IsLostAfterAPause) {
  Fixture f;
  f.pass(60'000);
  EXPECT_FALSE(f.keeper->held());
  EXPECT_EQ(f.keeper->step(), Instant::never());
  ASSERT_EQ(f.lost.size(), 1u);
  EXPECT_NE(f.lost[0].find("was stopped"), std::string::npos) << f.lost[0];
  EXPECT_TRUE(f.cluster.world->asked.empty());
}

// One that was stopped between asking and hearing knows no more than what was true when it asked.
TEST(Keeper, AnAnswerHeardTooLateIsNone) {
  Fixture f;
  f.pass(2000);
  f.cluster.world->expect("a:1", kRenewal, ":6000", [&f] { f.pass(60'000); });
  f.step_ms();
  EXPECT_FALSE(f.keeper->held());
  EXPECT_EQ(f.keeper->step(), Instant::never());
  EXPECT_EQ(f.lost.size(), 1u);
}

TEST(Keeper, ASilentServerLeavesTimeForTheNext) {
  Fixture f({"a:1", "b:1"});
  f.pass(2000);
  f.expect(kRenewal, kSilent);
  EXPECT_EQ(f.step_ms(), 3100) << "a sixth of the TTL, and a pause";
  f.pass(100);
  f.cluster.world->expect("b:1", kRenewal, ":6000");
  EXPECT_EQ(f.step_ms(), 5100);
}

// ---- releasing

TEST(Keeper, ReleasesAndAnswersAlikeWhenAskedAgain) {
  Fixture f;
  f.expect(kRelease, ":1");
  EXPECT_TRUE(f.keeper->release());
  EXPECT_TRUE(f.keeper->release());
  EXPECT_FALSE(f.keeper->held());
  EXPECT_EQ(f.keeper->step(), Instant::never());
  EXPECT_TRUE(f.lost.empty());
}

TEST(Keeper, ReleasesAgainAfterABreak) {
  Fixture f;
  f.expect(kRelease, kBreaks);
  f.expect(kRelease, "-UNKNOWN hm");
  f.expect(kRelease, ":1");
  EXPECT_TRUE(f.keeper->release());
}

TEST(Keeper, ALockThatWasLostIsNotReleased) {
  Fixture f;
  f.expect(kRelease, "-LOST forced");
  const auto outcome = f.keeper->release();
  EXPECT_EQ(outcome.fate(), Fate::not_done);
  EXPECT_EQ(outcome.failure().kind, "LOST");
}

// Whoever waits for it should not have to wait for its end.
TEST(Keeper, AfterALossTheServersAreToldOnce) {
  Fixture f;
  f.pass(7000);
  f.keeper->step();
  f.expect(kRelease, kBreaks);
  const auto outcome = f.keeper->release();
  EXPECT_EQ(outcome.failure().kind, "LOST");
  EXPECT_EQ(f.cluster.world->left(), 0u);
}

TEST(Keeper, AReleaseGivesUpWhenTheLockHasEndedByItself) {
  Fixture f;
  f.cluster.world->expect("a:1", kRelease, kBreaks,
                          [&f] { f.cluster.world->servers["a:1"].up = false; });
  const auto outcome = f.keeper->release();
  EXPECT_EQ(outcome.fate(), Fate::unknown);
  const std::int64_t took = (f.cluster.world->now() - f.began).ms();
  EXPECT_LE(took, 6000);
  EXPECT_GE(took, 5900);
}

// ---- with its thread

TEST(Keeper, ItsThreadEndsWithTheRelease) {
  Fixture f;
  ASSERT_EQ(f.keeper->start(), "");
  f.expect(kRelease, ":1");
  EXPECT_TRUE(f.keeper->release());
}

TEST(Keeper, TheCallbackMayRelease) {
  Fixture f;
  std::mutex mutex;
  std::condition_variable changed;
  std::string kind;
  f.when_lost = [&] {
    const auto outcome = f.keeper->release();
    const std::lock_guard guard(mutex);
    kind = outcome.failure().kind;
    changed.notify_all();
  };
  f.expect(kRelease, "-LOST long ago");
  f.pass(7000);
  ASSERT_EQ(f.keeper->start(), "");
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return !kind.empty(); });
  EXPECT_EQ(kind, "LOST");
}

// ---- the public face

TEST(Mutex, IsGivenBackWhenItGoes) {
  ScriptedCluster cluster({"a:1"});
  cluster.setup.world = cluster.world;
  const std::string owner = "me";
  Client client(std::make_shared<Shared>(cluster.shared()));
  cluster.world->expect("a:1", "LOCK.ACQUIRE door me TTL 10000",
                        "*4\r\n:7\r\n:10000\r\n:7\r\n$9\r\nexclusive");
  {
    auto lock = holdfast::Mutex::acquire(client, "door", {.owner = owner});
    ASSERT_TRUE(lock);
    EXPECT_TRUE(lock->held());
    EXPECT_EQ(lock->token(), 7u);
    EXPECT_EQ(lock->fence(), 7u);
    EXPECT_EQ(lock->name(), "door");
    EXPECT_EQ(lock->remaining().count(), 9980);
    cluster.world->expect("a:1", kRelease, ":1");
    holdfast::Mutex moved = *std::move(lock);
    EXPECT_TRUE(moved.held());
  }
  EXPECT_EQ(cluster.world->left(), 0u);
}

TEST(Mutex, WhatMakesNoSenseIsSaid) {
  using std::chrono::milliseconds;
  ScriptedCluster cluster({"a:1"});
  Client client(std::make_shared<Shared>(cluster.shared()));
  const auto kind = [&](std::string name, LockOptions options) {
    return holdfast::Mutex::acquire(client, std::move(name), std::move(options)).failure().kind;
  };
  EXPECT_EQ(kind("", {}), "OPTIONS");
  EXPECT_EQ(kind(std::string(64 * 1024 + 1, 'x'), {}), "OPTIONS");
  EXPECT_EQ(kind("door", {.ttl = milliseconds(99)}), "OPTIONS");
  EXPECT_EQ(kind("door", {.wait = milliseconds(-1)}), "OPTIONS");
  EXPECT_EQ(kind("door", {.owner = std::string(1025, 'x')}), "OPTIONS");
  EXPECT_TRUE(cluster.world->dialled.empty());
}

}  // namespace
}  // namespace holdfast::client

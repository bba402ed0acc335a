// What the kinds of holdings promise beyond an exclusive lock: sharing, holds, delays, force,
// permits, leaders. What sessions hold is in session_holdings_test.cc.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "keyspace/holding.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

constexpr GrantMode kShared = GrantMode::shared;

class HoldingKindsTest : public ::testing::Test {
 protected:
  AcquireRequest asking(const std::string& owner, std::int64_t wait_ms = 0) {
    owners_.push_back(owner);
    AcquireRequest request;
    request.owner = owners_.back();
    request.ttl_ms = 100;
    request.wait_ms = wait_ms;
    request.origin = origin_of(1, 1, ++connections_, 1);
    return request;
  }
  AcquireResult share(const std::string& owner, std::int64_t wait_ms = 0) {
    AcquireRequest request = asking(owner, wait_ms);
    request.mode = kShared;
    return locks().acquire(name_, request, now_, Index(connections_));
  }
  AcquireResult own(const std::string& owner, std::int64_t wait_ms = 0,
                    std::int64_t delay_ms = 0) {
    AcquireRequest request = asking(owner, wait_ms);
    request.delay_ms = delay_ms;
    return locks().acquire(name_, request, now_, Index(connections_));
  }
  AcquireResult hold(const std::string& owner, std::string_view hold) {
    AcquireRequest request = asking(owner);
    request.hold = hold;
    return locks().acquire(name_, request, now_, Index(connections_));
  }
  AcquireResult take(const std::string& owner, std::uint64_t permits, std::uint64_t limit,
                     std::int64_t wait_ms = 0) {
    AcquireRequest request = asking(owner, wait_ms);
    request.permits = permits;
    request.limit = limit;
    return semaphores().acquire(name_, request, now_, Index(connections_));
  }
  void at(std::int64_t ms) {
    now_ = {ms};
    keyspace_.expire_due(now_, 1000);
  }
  HoldingTable& locks() { return keyspace_.locks(); }
  HoldingTable& semaphores() { return keyspace_.semaphores(); }
  std::string holders(const HoldingTable& table) {
    std::string text;
    const auto info = table.info(name_, now_);
    if (!info) return text;
    for (const HolderInfo& holder : info->holders) text += holder.owner + " ";
    return text;
  }
  std::string queue(const HoldingTable& table) {
    std::string text;
    const auto info = table.info(name_, now_);
    if (!info) return text;
    for (const WaiterInfo& waiter : info->waiters) text += waiter.owner + " ";
    return text;
  }

  Keyspace keyspace_{1};
  Key name_ = key_named("thing");
  ClusterTime now_;
  std::uint64_t connections_ = 0;
  std::vector<std::string> owners_ = [] {
    std::vector<std::string> owners;
    owners.reserve(1000);  // views into it stay valid
    return owners;
  }();
};

// ---- shared

TEST_F(HoldingKindsTest, SharedHoldersOfAPhaseHaveOneFenceAndATokenEach) {
  const Grant first = share("a").grant;
  const Grant second = share("b").grant;
  EXPECT_EQ(first.fence, first.token);
  EXPECT_EQ(second.fence, first.fence);
  EXPECT_GT(second.token, first.token);
  EXPECT_EQ(second.mode, kShared);
  EXPECT_EQ(locks().fence_of(name_, second.token), first.fence);
  EXPECT_EQ(own("c").outcome, AcquireOutcome::refused);
  // The phase goes on while anybody is in it.
  locks().release(name_, first.token, now_);
  EXPECT_EQ(share("d").grant.fence, first.fence);
  EXPECT_EQ(holders(locks()), "b d ");
  EXPECT_EQ(locks().held(), 1u);
}

TEST_F(HoldingKindsTest, TheNextPhaseHasAnotherFence) {
  const Grant before = share("a").grant;
  locks().release(name_, before.token, now_);
  const Grant after = share("a").grant;
  EXPECT_GT(after.fence, before.token);
  EXPECT_EQ(locks().fence_of(name_, before.token), before.token) << "it is of no phase any more";
}

TEST_F(HoldingKindsTest, AWaitingWriterStopsLaterReadersAndReadersBehindHimComeTogether) {
  const std::uint64_t reader = share("r1").grant.token;
  EXPECT_EQ(own("w", 1000).outcome, AcquireOutcome::queued);
  EXPECT_EQ(share("r2").outcome, AcquireOutcome::refused);
  EXPECT_EQ(share("r2", 1000).outcome, AcquireOutcome::queued);
  EXPECT_EQ(share("r3", 1000).outcome, AcquireOutcome::queued);
  EXPECT_EQ(own("w2", 1000).outcome, AcquireOutcome::queued);
  EXPECT_EQ(share("r4", 1000).outcome, AcquireOutcome::queued);
  locks().release(name_, reader, now_);
  EXPECT_EQ(holders(locks()), "w ");
  locks().release(name_, keyspace_.take_events().back().grant.token, now_);
  EXPECT_EQ(holders(locks()), "r2 r3 ");
  EXPECT_EQ(queue(locks()), "w2 r4 ");
  const auto events = keyspace_.take_events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].grant.fence, events[1].grant.fence);
}

TEST_F(HoldingKindsTest, ReadersGoOnWhenTheWriterAtTheHeadGivesUp) {
  for (const bool by_time : {true, false}) {
    share("r1");
    own("w", 50);
    const Origin writer = origin_of(1, 1, connections_, 1);
    share("r2", 1000);
    if (by_time) {
      at(51);
    } else {
      EXPECT_TRUE(locks().drop_waiter(name_, writer, now_));
    }
    EXPECT_EQ(holders(locks()), "r1 r2 ");
    at(now_.ms + 5000);
  }
}

TEST_F(HoldingKindsTest, AWaitThatIsOverAndNotYetEndedHoldsNobodyUp) {
  share("r1");
  own("w", 50);
  now_ = {60};  // the writer's wait is over, beyond the bound of its entry
  EXPECT_EQ(share("r2").outcome, AcquireOutcome::granted);
  EXPECT_EQ(holders(locks()), "r1 r2 ");
}

TEST_F(HoldingKindsTest, WhoseOwnWaitIsNextWhenHeAsksAgainHasOneHold) {
  share("r1");
  own("w", 50);
  share("r2", 1000);
  now_ = {60};  // the writer's wait is over, beyond the bound of its entry
  const std::uint64_t token = share("r2", 1000).grant.token;
  EXPECT_EQ(holders(locks()), "r1 r2 ");
  EXPECT_EQ(share("r2").grant.token, token);
}

TEST_F(HoldingKindsTest, WhoHoldsInOneModeIsNotGivenAnother) {
  const Grant shared = share("a").grant;
  const AcquireResult other = own("a", 1000);
  EXPECT_EQ(other.outcome, AcquireOutcome::other_terms);
  EXPECT_EQ(other.grant.token, shared.token);
  EXPECT_EQ(share("a").grant.token, shared.token);
}

TEST_F(HoldingKindsTest, AWriterWhoBecomesAReaderInHisPlaceIsLetIn) {
  share("r1");
  own("w", 1000);
  EXPECT_EQ(share("w", 1000).outcome, AcquireOutcome::queued);
  EXPECT_EQ(holders(locks()), "r1 w ");
  const auto events = keyspace_.take_events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_FALSE(events[0].granted) << "who asked before is told that his wait is over";
  EXPECT_TRUE(events[1].granted);
}

TEST_F(HoldingKindsTest, ManySharedHoldersAreFoundQuickly) {
  std::vector<std::uint64_t> tokens;
  for (int i = 0; i < 20'000; ++i) {
    tokens.push_back(
        locks().acquire(name_, [&] {
          AcquireRequest request;
          static std::string owner;
          owner = fmt::format("o{}", i);
          request.owner = owner;
          request.ttl_ms = 1000;
          request.mode = kShared;
          return request;
        }(), now_, Index(1)).grant.token);
  }
  for (const std::uint64_t token : tokens) {
    ASSERT_TRUE(locks().renew(name_, token, 500, now_).has_value());
  }
  for (std::size_t i = tokens.size(); i-- > 1;) {
    ASSERT_EQ(locks().release(name_, tokens[i], now_), ReleaseOutcome::released);
  }
  EXPECT_EQ(holders(locks()), "o0 ");
}

// ---- holds

TEST_F(HoldingKindsTest, ALockIsFreeWhenTheLastHoldIsGivenBack) {
  const std::uint64_t token = hold("a", "one").grant.token;
  EXPECT_EQ(hold("a", "two").grant.token, token);
  EXPECT_EQ(hold("a", "two").grant.token, token) << "a set, not a count";
  EXPECT_EQ(locks().release(name_, token, now_, "two"), ReleaseOutcome::partly);
  EXPECT_EQ(locks().release(name_, token, now_, "two"), ReleaseOutcome::partly) << "as before";
  EXPECT_EQ(locks().release(name_, token, now_, "never"), ReleaseOutcome::partly);
  EXPECT_EQ(locks().info(name_, now_)->holders[0].holds, std::vector<std::string>{"one"});
  EXPECT_EQ(locks().release(name_, token, now_, "one"), ReleaseOutcome::released);
  EXPECT_EQ(locks().release(name_, token, now_, "one"), ReleaseOutcome::repeated);
  EXPECT_EQ(holders(locks()), "");
}

TEST_F(HoldingKindsTest, TheUnnamedHoldIsOneOfThemAndAReleaseWithoutNameGivesAllBack) {
  const std::uint64_t token = own("a").grant.token;
  hold("a", "inner");
  EXPECT_EQ(locks().release(name_, token, now_, "inner"), ReleaseOutcome::partly);
  EXPECT_EQ(holders(locks()), "a ");
  hold("a", "inner");
  EXPECT_EQ(locks().release(name_, token, now_), ReleaseOutcome::released);
}

TEST_F(HoldingKindsTest, AnOwnersHoldsHaveALimit) {
  for (std::size_t i = 0; i + 1 < HoldingTable::kMaxHolds; ++i) {
    ASSERT_EQ(hold("a", fmt::format("h{}", i)).outcome, AcquireOutcome::granted);
  }
  EXPECT_EQ(hold("a", "more").outcome, AcquireOutcome::too_many_holds);
  EXPECT_EQ(hold("a", "h7").outcome, AcquireOutcome::granted);
}

// ---- delay and force

TEST_F(HoldingKindsTest, AfterAHolderFailedOthersAreKeptOutForHisDelay) {
  own("a", 0, 50);
  own("b", 1000);
  at(101);
  EXPECT_EQ(holders(locks()), "");
  EXPECT_EQ(locks().info(name_, now_)->delay_ms, 50);
  EXPECT_EQ(own("c").outcome, AcquireOutcome::refused);
  EXPECT_EQ(own("a").outcome, AcquireOutcome::refused) << "whoever failed as well";
  at(151);
  EXPECT_EQ(holders(locks()), "") << "a whole delay was promised";
  at(152);
  EXPECT_EQ(holders(locks()), "b ");
}

TEST_F(HoldingKindsTest, WhoGivesBackLeavesNoDelay) {
  const std::uint64_t token = own("a", 0, 50).grant.token;
  own("b", 1000);
  locks().release(name_, token, now_);
  EXPECT_EQ(holders(locks()), "b ");
}

TEST_F(HoldingKindsTest, ADelayThatIsOverAndNotYetEndedKeepsNobodyOut) {
  own("a", 0, 50);
  at(101);
  now_ = {152};
  EXPECT_TRUE(locks().due(name_, now_));
  EXPECT_EQ(own("b").outcome, AcquireOutcome::granted);
}

TEST_F(HoldingKindsTest, ForceEndsAllHoldsAndBurnsAToken) {
  const Grant first = share("a").grant;
  share("b");
  own("w", 1000);
  EXPECT_EQ(locks().force(key_named("other"), now_), std::nullopt);
  EXPECT_EQ(locks().force(name_, now_), 2u);
  EXPECT_FALSE(locks().holds(name_, first.token, now_));
  EXPECT_EQ(locks().release(name_, first.token, now_), ReleaseOutcome::lost);
  EXPECT_EQ(holders(locks()), "w ");
  const auto info = locks().info(name_, now_);
  ASSERT_EQ(info->losses.size(), 2u);
  EXPECT_EQ(info->losses[1].owner, "b");
  EXPECT_EQ(info->losses[1].how, Loss::forced);
  EXPECT_EQ(locks().force(name_, now_), 1u);
  const std::uint64_t burnt = locks().info(name_, now_)->last_token;
  EXPECT_EQ(locks().force(name_, now_), 0u);
  EXPECT_GT(locks().info(name_, now_)->last_token, burnt);
}

TEST_F(HoldingKindsTest, ForceAgainEndsTheDelay) {
  own("a", 0, 50);
  EXPECT_EQ(locks().force(name_, now_), 1u);
  EXPECT_EQ(own("b").outcome, AcquireOutcome::refused);
  EXPECT_EQ(locks().force(name_, now_), 0u);
  EXPECT_EQ(own("b").outcome, AcquireOutcome::granted);
}

TEST_F(HoldingKindsTest, TheLastFewLossesAreRemembered) {
  for (int i = 0; i < 6; ++i) {
    own(fmt::format("o{}", i));
    at(now_.ms + 101);
  }
  const auto losses = locks().info(name_, now_)->losses;
  ASSERT_EQ(losses.size(), 4u);
  EXPECT_EQ(losses.front().owner, "o2");
  EXPECT_EQ(losses.back().owner, "o5");
  EXPECT_EQ(losses.back().how, Loss::expired);
}

// ---- semaphores

TEST_F(HoldingKindsTest, PermitsAreGivenUpToTheLimit) {
  const std::uint64_t token = take("a", 2, 3).grant.token;
  EXPECT_EQ(take("b", 2, 3).outcome, AcquireOutcome::refused);
  EXPECT_EQ(take("b", 1, 3).outcome, AcquireOutcome::granted);
  EXPECT_EQ(take("c", 1, 3).outcome, AcquireOutcome::refused);
  EXPECT_EQ(take("a", 2, 3).grant.token, token);
  EXPECT_EQ(take("a", 1, 3).outcome, AcquireOutcome::other_terms);
  EXPECT_EQ(semaphores().info(name_, now_)->used, 3u);
  EXPECT_EQ(semaphores().release(name_, token, now_), ReleaseOutcome::released);
  EXPECT_EQ(take("c", 2, 3).outcome, AcquireOutcome::granted);
}

TEST_F(HoldingKindsTest, ALargeRequestAtTheHeadIsNotOvertaken) {
  const std::uint64_t first = take("a", 2, 3).grant.token;
  EXPECT_EQ(take("large", 3, 3, 1000).outcome, AcquireOutcome::queued);
  EXPECT_EQ(take("small", 1, 3).outcome, AcquireOutcome::refused);
  EXPECT_EQ(take("small", 1, 3, 1000).outcome, AcquireOutcome::queued);
  semaphores().release(name_, first, now_);
  EXPECT_EQ(holders(semaphores()), "large ");
  EXPECT_EQ(queue(semaphores()), "small ");
}

TEST_F(HoldingKindsTest, TheLimitIsFixedUntilItIsChanged) {
  take("a", 2, 2);
  const AcquireResult other = take("b", 1, 5, 1000);
  EXPECT_EQ(other.outcome, AcquireOutcome::other_limit);
  EXPECT_EQ(other.limit, 2u);
  EXPECT_FALSE(semaphores().set_limit(key_named("other"), 3, now_));
  take("b", 1, 2, 1000);
  take("c", 2, 2, 1000);
  EXPECT_TRUE(semaphores().set_limit(name_, 5, now_));
  EXPECT_EQ(holders(semaphores()), "a b c ") << "raising lets waiters in";
  EXPECT_TRUE(semaphores().set_limit(name_, 1, now_));
  EXPECT_EQ(holders(semaphores()), "a b c ") << "lowering lets holders finish";
  EXPECT_EQ(take("d", 1, 1).outcome, AcquireOutcome::refused);
  const auto info = semaphores().info(name_, now_);
  for (const HolderInfo& holder : info->holders) {
    semaphores().release(name_, holder.grant.token, now_);
  }
  EXPECT_EQ(take("d", 1, 1).outcome, AcquireOutcome::granted);
}

// A request that a lowered limit no longer admits keeps the queue until its wait is over.
TEST_F(HoldingKindsTest, ARequestThatHasBecomeTooLargeWaitsInVainAndThenTheOthersGoOn) {
  const std::uint64_t first = take("a", 3, 3).grant.token;
  take("large", 3, 3, 150);
  take("small", 1, 3, 1000);
  semaphores().set_limit(name_, 2, now_);
  semaphores().release(name_, first, now_);
  EXPECT_EQ(holders(semaphores()), "");
  EXPECT_EQ(queue(semaphores()), "large small ");
  at(151);
  EXPECT_EQ(holders(semaphores()), "small ");
}

// ---- what a snapshot carries

TEST_F(HoldingKindsTest, EverythingComesThroughASnapshot) {
  share("r1");
  share("r2");
  own("w", 1000, 25);
  share("r3", 1000);
  take("a", 2, 3);
  take("b", 2, 3, 1000);
  AcquireRequest leads = asking("x");
  keyspace_.elections().acquire(name_, leads, now_, Index(1));
  keyspace_.elections().acquire(name_, asking("y", 1000), now_, Index(2));
  for (int i = 0; i < 10; ++i) {
    Keyspace copy(static_cast<std::uint64_t>(i));
    load(copy, snapshot_of(keyspace_));
    ASSERT_EQ(copy.digest(), keyspace_.digest());
    EXPECT_EQ(copy.locks().waiting(), keyspace_.locks().waiting());
    EXPECT_EQ(copy.semaphores().held(), keyspace_.semaphores().held());
    EXPECT_EQ(copy.elections().names(), keyspace_.elections().names());
    at(now_.ms + 40);
    copy.expire_due(now_, 1000);
    ASSERT_EQ(copy.digest(), keyspace_.digest());
  }
}

}  // namespace
}  // namespace holdfast::keyspace

#include "keyspace/holding.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

class LockTest : public ::testing::Test {
 protected:
  AcquireResult acquire(const std::string& owner, std::int64_t wait_ms = 0,
                        std::uint64_t node = 1) {
    AcquireRequest request;
    request.owner = owner;
    request.ttl_ms = 100;
    request.wait_ms = wait_ms;
    request.origin = origin_of(node, 1, ++connections_, 1);
    last_origin_ = request.origin;
    return locks().acquire(name_, request, now_, Index(connections_));
  }
  std::uint64_t token_of(const std::string& owner) { return acquire(owner).grant.token; }
  void at(std::int64_t ms) {
    now_ = {ms};
    keyspace_.expire_due(now_, 1000);
  }
  HoldingTable& locks() { return keyspace_.locks(); }
  std::string holder() {
    const auto info = locks().info(name_, now_);
    return info && info->held ? info->owner : "";
  }
  std::string queue() {
    std::string text;
    const auto info = locks().info(name_, now_);
    if (!info) return text;
    for (const auto& waiter : info->waiters) text += waiter.owner + " ";
    return text;
  }

  Keyspace keyspace_{1};
  Key name_ = key_named("lock");
  ClusterTime now_;
  std::uint64_t connections_ = 0;
  Origin last_origin_;
};

TEST_F(LockTest, IsGrantedOnceAndRefusedToOthers) {
  const auto granted = acquire("a");
  EXPECT_EQ(granted.outcome, AcquireOutcome::granted);
  EXPECT_GT(granted.grant.token, 0u);
  EXPECT_EQ(granted.grant.fence, granted.grant.token);
  EXPECT_EQ(granted.grant.deadline, ClusterTime{100});
  EXPECT_EQ(acquire("b").outcome, AcquireOutcome::refused);
  EXPECT_TRUE(locks().holds(name_, granted.grant.token, ClusterTime{100}));
  EXPECT_FALSE(locks().holds(name_, granted.grant.token, ClusterTime{101}));
  EXPECT_TRUE(locks().stands(name_, granted.grant.token));
  EXPECT_FALSE(locks().stands(name_, granted.grant.token + 1));
  EXPECT_TRUE(locks().due(name_, ClusterTime{101}));
  EXPECT_EQ(locks().held(), 1u);
}

TEST_F(LockTest, TheHolderWhoAsksAgainGetsTheSameGrant) {
  const auto first = acquire("a");
  now_ = {40};
  const auto again = acquire("a");
  EXPECT_EQ(again.outcome, AcquireOutcome::granted);
  EXPECT_EQ(again.grant.token, first.grant.token);
  EXPECT_EQ(again.grant.deadline, first.grant.deadline);
}

TEST_F(LockTest, ReleaseHandsOverToTheFirstWhoWaits) {
  const std::uint64_t token = token_of("a");
  EXPECT_EQ(acquire("b", 1000).outcome, AcquireOutcome::queued);
  const Origin second = last_origin_;
  acquire("c", 1000);
  EXPECT_EQ(queue(), "b c ");
  EXPECT_EQ(locks().release(name_, token, now_), ReleaseOutcome::released);
  EXPECT_EQ(holder(), "b");
  EXPECT_EQ(queue(), "c ");
  const auto events = keyspace_.take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].granted);
  EXPECT_EQ(events[0].origin, second);
  EXPECT_GT(events[0].grant.token, token);
  EXPECT_TRUE(keyspace_.take_events().empty());
}

TEST_F(LockTest, ARepeatedReleaseAnswersAsBeforeUntilTheNextGrantButOne) {
  const std::uint64_t first = token_of("a");
  EXPECT_EQ(locks().release(name_, first, now_), ReleaseOutcome::released);
  EXPECT_EQ(locks().release(name_, first, now_), ReleaseOutcome::repeated);
  token_of("b");
  EXPECT_EQ(locks().release(name_, first, now_), ReleaseOutcome::repeated);
  at(101);  // b's time is up
  EXPECT_EQ(locks().release(name_, first, now_), ReleaseOutcome::repeated);
  token_of("c");
  EXPECT_EQ(locks().release(name_, first, now_), ReleaseOutcome::lost);
  EXPECT_EQ(holder(), "c");
}

TEST_F(LockTest, ARepeatedReleaseIsForgottenAfterTenMinutes) {
  const std::uint64_t token = token_of("a");
  locks().release(name_, token, now_);
  at(HoldingTable::kRememberedMs);
  EXPECT_EQ(locks().release(name_, token, now_), ReleaseOutcome::repeated);
  EXPECT_TRUE(locks().info(name_, now_).has_value());
  at(HoldingTable::kRememberedMs + 1);
  EXPECT_EQ(locks().release(name_, token, now_), ReleaseOutcome::lost);
  EXPECT_FALSE(locks().info(name_, now_).has_value());
  EXPECT_GT(token_of("b"), token);
}

TEST_F(LockTest, OnlyTheHoldersTokenReleasesAndRenews) {
  const std::uint64_t token = token_of("a");
  EXPECT_EQ(locks().release(name_, token + 1, now_), ReleaseOutcome::lost);
  EXPECT_EQ(locks().release(name_, 0, now_), ReleaseOutcome::lost);
  EXPECT_FALSE(locks().renew(name_, token + 1, 50, now_).has_value());
  EXPECT_FALSE(locks().renew(key_named("other"), token, 50, now_).has_value());
  now_ = {80};
  EXPECT_EQ(locks().renew(name_, token, 500, now_), 500);
  at(580);
  EXPECT_EQ(holder(), "a");
  EXPECT_EQ(locks().remaining(name_, token, now_), 0);
  at(581);
  EXPECT_EQ(holder(), "");
  EXPECT_FALSE(locks().renew(name_, token, 500, now_).has_value());
  EXPECT_EQ(locks().release(name_, token, now_), ReleaseOutcome::lost);
}

TEST_F(LockTest, AHoldThatIsDueEndsBeforeACommandSeesIt) {
  const std::uint64_t token = token_of("a");
  acquire("b", 1000);
  now_ = {101};  // not expired: beyond the bound of its entry
  EXPECT_EQ(locks().release(name_, token, now_), ReleaseOutcome::lost);
  EXPECT_EQ(holder(), "b");
  now_ = {301};
  EXPECT_EQ(acquire("c").outcome, AcquireOutcome::granted);
  EXPECT_EQ(keyspace_.take_events().size(), 1u);
}

TEST_F(LockTest, AWaitEndsAtItsDeadlineAndIsTold) {
  acquire("a");
  acquire("b", 50);
  const Origin origin = last_origin_;
  at(50);
  EXPECT_TRUE(keyspace_.take_events().empty());
  at(51);
  const auto events = keyspace_.take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_FALSE(events[0].granted);
  EXPECT_EQ(events[0].origin, origin);
  EXPECT_EQ(locks().waiting(), 0u);
}

TEST_F(LockTest, WhoseWaitIsOverIsNotGrantedWhenBothAreDueTogether) {
  acquire("a");
  acquire("b", 150);
  acquire("c", 500);
  at(200);  // late: a's hold ended at 100, b's wait at 150
  EXPECT_EQ(holder(), "c");
  const auto events = keyspace_.take_events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_FALSE(events[0].granted);
  EXPECT_TRUE(events[1].granted);
  EXPECT_EQ(events[1].grant.deadline, ClusterTime{300}) << "a grant's time counts from its entry";
}

TEST_F(LockTest, AWaiterWhoAsksAgainKeepsHisPlaceAndTheFormerAskerIsTold) {
  const std::uint64_t token = token_of("a");
  acquire("b", 50);
  const Origin former = last_origin_;
  acquire("c", 1000);
  EXPECT_EQ(acquire("b", 1000).outcome, AcquireOutcome::queued);
  const Origin newest = last_origin_;
  EXPECT_EQ(queue(), "b c ");
  auto events = keyspace_.take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].origin, former);
  EXPECT_FALSE(events[0].granted);
  at(60);
  EXPECT_EQ(queue(), "b c ") << "the new deadline counts";
  EXPECT_EQ(acquire("b").outcome, AcquireOutcome::refused);
  EXPECT_EQ(queue(), "b c ") << "who only tries does not lose his place";
  locks().release(name_, token, now_);
  events = keyspace_.take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].origin, newest);
}

TEST_F(LockTest, AWaiterThatIsGoneLeavesTheQueue) {
  const std::uint64_t token = token_of("a");
  acquire("b", 1000);
  const Origin gone = last_origin_;
  acquire("c", 1000);
  EXPECT_TRUE(locks().drop_waiter(name_, gone, now_));
  EXPECT_FALSE(locks().drop_waiter(name_, gone, now_));
  EXPECT_FALSE(locks().drop_waiter(key_named("other"), gone, now_));
  EXPECT_EQ(queue(), "c ");
  locks().release(name_, token, now_);
  EXPECT_EQ(holder(), "c");
}

TEST_F(LockTest, AGrantThatNobodyAttendsIsWithdrawnAndItsTokenBurnt) {
  const std::uint64_t token = token_of("a");
  acquire("b", 1000);
  const Origin gone = last_origin_;
  acquire("c", 1000);
  locks().release(name_, token, now_);
  const std::uint64_t burnt = keyspace_.take_events()[0].grant.token;
  EXPECT_TRUE(locks().drop_waiter(name_, gone, now_));
  EXPECT_EQ(holder(), "c");
  EXPECT_EQ(locks().release(name_, burnt, now_), ReleaseOutcome::lost);
  const auto events = keyspace_.take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_GT(events[0].grant.token, burnt);
}

TEST_F(LockTest, AGrantWhoseOwnerShowedThatHeKnowsIsNotWithdrawn) {
  for (const bool by_renewal : {true, false}) {
    const std::uint64_t token = token_of("a");
    acquire("b", 1000);
    const Origin waited = last_origin_;
    locks().release(name_, token, now_);
    const std::uint64_t granted = keyspace_.take_events()[0].grant.token;
    if (by_renewal) {
      EXPECT_TRUE(locks().renew(name_, granted, 100, now_).has_value());
    } else {
      EXPECT_EQ(token_of("b"), granted);
    }
    EXPECT_FALSE(locks().drop_waiter(name_, waited, now_));
    EXPECT_EQ(locks().drop_node(NodeId(1), Incarnation(9), ClusterTime{-1}, now_), 0u);
    EXPECT_EQ(holder(), "b");
    locks().release(name_, granted, now_);
  }
}

TEST_F(LockTest, TheWaitersOfADeadNodeLeaveAndItsUnattendedGrantsAreWithdrawn) {
  const std::uint64_t token = token_of("a");
  acquire("b", 1000, 2);
  acquire("c", 1000, 2);
  acquire("d", 1000, 3);
  at(10);
  locks().release(name_, token, now_);
  EXPECT_EQ(holder(), "b");
  EXPECT_EQ(locks().drop_node(NodeId(2), Incarnation(0), ClusterTime{5}, now_), 0u);
  EXPECT_EQ(locks().drop_node(NodeId(2), Incarnation(1), ClusterTime{10}, now_), 1u)
      << "c leaves; b's grant was made while the node was well";
  EXPECT_EQ(holder(), "b");
  EXPECT_EQ(queue(), "d ");
  EXPECT_EQ(locks().drop_node(NodeId(2), Incarnation(1), ClusterTime{9}, now_), 1u);
  EXPECT_EQ(holder(), "d");
}

TEST_F(LockTest, AHundredThousandMayWaitAndLeaveInAnyOrderQuickly) {
  const std::uint64_t token = token_of("a");
  for (std::size_t i = 0; i < HoldingTable::kMaxWaiters; ++i) {
    ASSERT_EQ(acquire(fmt::format("w{}", i), 1000).outcome, AcquireOutcome::queued);
  }
  EXPECT_EQ(acquire("late", 1000).outcome, AcquireOutcome::too_many_waiters);
  EXPECT_EQ(acquire("w95000", 2000).outcome, AcquireOutcome::queued) << "who waits may ask again";
  // From the middle outwards, by origin: a queue that searched would take hours.
  for (std::uint64_t i = 0; i < 40'000; ++i) {
    ASSERT_TRUE(locks().drop_waiter(name_, origin_of(1, 1, 50'000 + i, 1), now_));
  }
  EXPECT_EQ(locks().waiting(), 60'000u);
  std::uint64_t last = token;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(locks().release(name_, last, now_), ReleaseOutcome::released);
    last = keyspace_.take_events().back().grant.token;
  }
  now_ = {1001};
  keyspace_.expire_due(now_, HoldingTable::kMaxWaiters);
  EXPECT_EQ(locks().waiting(), 0u);
  EXPECT_EQ(holder(), "w95000");
}

// ---- ONCE

class LockOnceTest : public LockTest {
 protected:
  void ask(const std::string& owner, const std::string& id) {
    AcquireRequest request;
    request.owner = owner;
    request.ttl_ms = 100;
    request.wait_ms = 1000;
    request.once_id = id;
    request.origin = origin_of(1, 1, ++connections_, 1);
    last_origin_ = request.origin;
    locks().acquire(name_, request, now_, {});
    keyspace_.once().store(name_.slot, id, {1, OnceState::waiting, "", {}, {}}, {5000});
  }
  const OnceRecord* record(const std::string& id) { return keyspace_.once().find(name_.slot, id); }
};

TEST_F(LockOnceTest, TheRecordIsCompletedWhenTheWaitEnds) {
  const std::uint64_t token = token_of("a");
  ask("b", "one");
  ask("c", "two");
  locks().release(name_, token, now_);
  ASSERT_EQ(record("one")->state, OnceState::granted);
  EXPECT_TRUE(locks().holds(name_, record("one")->grant.token, now_));
  EXPECT_EQ(record("two")->state, OnceState::waiting);
  locks().renew(name_, record("one")->grant.token, 5000, now_);
  at(1001);
  EXPECT_EQ(record("two")->state, OnceState::not_granted);
  at(1002 + OnceTable::kKeptMs);
  EXPECT_EQ(keyspace_.once().size(), 0u);
}

TEST_F(LockOnceTest, TheRecordIsForgottenIfTheWaitOrItsGrantIsWithdrawn) {
  const std::uint64_t token = token_of("a");
  ask("b", "one");
  locks().drop_waiter(name_, last_origin_, now_);
  EXPECT_EQ(record("one"), nullptr);
  ask("b", "one");
  locks().release(name_, token, now_);
  EXPECT_EQ(record("one")->state, OnceState::granted);
  locks().drop_waiter(name_, last_origin_, now_);
  EXPECT_EQ(record("one"), nullptr);
  EXPECT_EQ(holder(), "");
}

}  // namespace
}  // namespace holdfast::keyspace

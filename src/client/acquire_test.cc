#include "client/acquire.h"

#include <gtest/gtest.h>

#include "client/scripted_world.h"

namespace holdfast::client {
namespace {

const std::string kTry = "LOCK.ACQUIRE door me TTL 6000";
const std::string kRenew = "LOCK.RENEW door 7 TTL 6000";

std::string grant(int token, int ttl_ms) {
  return "*4\r\n:" + std::to_string(token) + "\r\n:" + std::to_string(ttl_ms) +
         "\r\n:" + std::to_string(token) + "\r\n$9\r\nexclusive";
}

struct AcquireFixture {
  void expect(const std::string& words, const std::string& answer, Duration takes = {}) {
    cluster.world->expect("a:1", words, answer, [this, takes] { cluster.world->pass(takes); });
  }
  Outcome<Held> acquire() {
    Link link(cluster.shared());
    return client::acquire(link, cluster.setup, wanted);
  }
  std::int64_t elapsed_ms() const { return (cluster.world->now() - began).ms(); }
  std::int64_t sure_for_ms(const Held& held) const {
    return (held.tenure.sure_until() - began).ms();
  }

  ScriptedCluster cluster{{"a:1"}};
  Instant began = cluster.world->now();
  Wanted wanted{.name = "door", .owner = "me", .ttl = seconds(6)};
};

void expect_nothing_held(const Outcome<Held>& outcome, Fate fate, const std::string& kind) {
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.fate(), fate) << outcome.failure().message;
  EXPECT_EQ(outcome.failure().kind, kind) << outcome.failure().message;
}

TEST(Acquire, AFreeLockIsAskedForOnce) {
  AcquireFixture f;
  f.wanted.wait = seconds(30);
  f.expect(kTry, grant(7, 6000), milliseconds(500));
  const auto held = f.acquire();
  ASSERT_TRUE(held);
  EXPECT_EQ(held->token, 7u);
  EXPECT_EQ(held->fence, 7u);
  EXPECT_EQ(f.sure_for_ms(*held), 5988) << "from the sending, not from the answer";
  EXPECT_EQ(f.cluster.world->left(), 0u);
}

TEST(Acquire, AsksForWhatIsSharedInItsWords) {
  AcquireFixture f;
  f.wanted.kind = Kind::shared_mutex;
  f.expect(kTry + " SHARED", "*4\r\n:9\r\n:6000\r\n:7\r\n$6\r\nshared");
  const auto held = f.acquire();
  ASSERT_TRUE(held);
  EXPECT_EQ(held->token, 9u);
  EXPECT_EQ(held->fence, 7u);
}

TEST(Acquire, AsksForPermitsInTheirWords) {
  AcquireFixture f;
  f.wanted.kind = Kind::semaphore;
  f.wanted.limit = 5;
  f.wanted.permits = 2;
  f.wanted.wait = seconds(30);
  const std::string words = "SEM.ACQUIRE door me TTL 6000 LIMIT 5 PERMITS 2";
  f.expect(words, "*-1");
  f.expect(words + " WAIT 30000", "*3\r\n:9\r\n:6000\r\n:2");
  f.expect("SEM.RENEW door 9 TTL 6000", ":6000");
  const auto held = f.acquire();
  ASSERT_TRUE(held);
  EXPECT_EQ(held->token, 9u);
  EXPECT_EQ(held->fence, 9u);
  EXPECT_EQ(f.cluster.world->left(), 0u);
}

TEST(Acquire, SaysWhatElseTheLimitIs) {
  AcquireFixture f;
  f.wanted.kind = Kind::semaphore;
  f.wanted.limit = 5;
  f.wanted.permits = 1;
  f.expect("SEM.ACQUIRE door me TTL 6000 LIMIT 5 PERMITS 1", "-MISMATCH nothing was done: 3");
  expect_nothing_held(f.acquire(), Fate::not_done, "MISMATCH");
}

TEST(Acquire, CampaignsInItsWords) {
  AcquireFixture f;
  f.wanted.kind = Kind::election;
  f.expect("ELECT.CAMPAIGN door me TTL 6000", "*3\r\n:9\r\n:6000\r\n$2\r\nme");
  const auto held = f.acquire();
  ASSERT_TRUE(held);
  EXPECT_EQ(held->token, 9u);
}

TEST(Acquire, ItsValueIsSentAlong) {
  AcquireFixture f;
  f.wanted.value = "why";
  f.expect(kTry + " VALUE why", grant(7, 6000));
  EXPECT_TRUE(f.acquire());
}

TEST(Acquire, TakenAndNotReadyToWait) {
  AcquireFixture f;
  f.expect(kTry, "*-1");
  expect_nothing_held(f.acquire(), Fate::not_done, "TAKEN");
  EXPECT_EQ(f.elapsed_ms(), 0);
}

// The grant may have been given long before it was heard of.
TEST(Acquire, AGrantByWaitingIsConfirmed) {
  AcquireFixture f;
  f.wanted.wait = seconds(30);
  f.expect(kTry, "*-1");
  f.expect(kTry + " WAIT 30000", grant(7, 6000), seconds(20));
  f.expect(kRenew, ":6000", milliseconds(100));
  const auto held = f.acquire();
  ASSERT_TRUE(held);
  EXPECT_EQ(f.sure_for_ms(*held), 20'000 + 5988);
}

TEST(Acquire, AGrantThatIsOverBeforeItIsConfirmedIsNone) {
  AcquireFixture f;
  f.wanted.wait = seconds(30);
  f.expect(kTry, "*-1");
  f.expect(kTry + " WAIT 30000", grant(7, 6000), seconds(10));
  f.expect(kRenew, "-LOST too late");
  f.expect(kTry + " WAIT 19950", grant(9, 6000), seconds(1));
  f.expect("LOCK.RENEW door 9 TTL 6000", ":6000");
  const auto held = f.acquire();
  ASSERT_TRUE(held);
  EXPECT_EQ(held->token, 9u);
}

TEST(Acquire, AWaitThatEndsInVain) {
  AcquireFixture f;
  f.wanted.wait = seconds(5);
  f.expect(kTry, "*-1");
  f.expect(kTry + " WAIT 5000", "*-1", seconds(5));
  expect_nothing_held(f.acquire(), Fate::not_done, "TAKEN");
  EXPECT_EQ(f.elapsed_ms(), 5000);
}

TEST(Acquire, TheSameOwnerAsksAgainAfterABreak) {
  AcquireFixture f;
  f.wanted.wait = seconds(30);
  f.expect(kTry, "*-1");
  f.expect(kTry + " WAIT 30000", kBreaks, seconds(1));
  f.expect(kTry + " WAIT 28950", "-NOLEADER none");
  f.expect(kTry + " WAIT 28900", "-UNKNOWN no outcome", seconds(5));
  f.expect(kTry + " WAIT 23850", grant(7, 6000), seconds(1));
  f.expect(kRenew, ":6000");
  EXPECT_TRUE(f.acquire());
  EXPECT_EQ(f.cluster.world->left(), 0u);
}

// It was granted, and the answer was lost; the same owner is told again, and what is left is asked
// for.
TEST(Acquire, AnImmediateGrantWhoseAnswerWasLost) {
  AcquireFixture f;
  f.expect(kTry, kBreaks, seconds(2));
  f.expect(kTry, grant(7, 3900));
  f.expect(kRenew, ":6000");
  const auto held = f.acquire();
  ASSERT_TRUE(held);
  EXPECT_EQ(f.sure_for_ms(*held), 2050 + 5988);
}

TEST(Acquire, InDoubtTheDoubtIsTold) {
  AcquireFixture f;
  f.cluster.setup.timeout = milliseconds(100);
  f.expect(kTry, kBreaks);
  f.expect(kTry, "-NOLEADER none");
  const auto outcome = f.acquire();
  expect_nothing_held(outcome, Fate::unknown, "NOLEADER");
  EXPECT_NE(outcome.failure().message.find("ends by itself 6000 ms after"), std::string::npos);
}

TEST(Acquire, OnceToldThatItIsNotOursThereIsNoDoubtAnyMore) {
  AcquireFixture f;
  f.expect(kTry, kBreaks);
  f.expect(kTry, "*-1");
  expect_nothing_held(f.acquire(), Fate::not_done, "TAKEN");
}

TEST(Acquire, AnErrorOfTheServersEndsIt) {
  AcquireFixture f;
  f.wanted.wait = seconds(30);
  f.expect(kTry, "*-1");
  f.expect(kTry + " WAIT 30000", "-LIMIT too many wait");
  expect_nothing_held(f.acquire(), Fate::not_done, "LIMIT");
}

TEST(Acquire, ServersThatAreDownAreTriedForAWhile) {
  AcquireFixture f;
  for (auto& [name, server] : f.cluster.world->servers) server.up = false;
  f.wanted.wait = seconds(3);
  expect_nothing_held(f.acquire(), Fate::not_done, "NOSERVER");
  EXPECT_LE(f.elapsed_ms(), 13'000);
  EXPECT_GE(f.elapsed_ms(), 12'900) << "the wait and the timeout";
}

TEST(Acquire, AStrangeAnswerIsNoGrant) {
  for (const std::string answer :
       {":1", "*1\r\n:1", "*3\r\n:0\r\n:1\r\n:0", "*3\r\n:7\r\n$1\r\nx\r\n:7"}) {
    AcquireFixture f;
    f.expect(kTry, answer);
    expect_nothing_held(f.acquire(), Fate::unknown, "STRANGE");
  }
}

}  // namespace
}  // namespace holdfast::client

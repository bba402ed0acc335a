#include "holdfast/session.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "client/keeper.h"
#include "client/scripted_world.h"
#include "client/shared.h"

namespace holdfast::client {
namespace {

// Request ids: two random numbers, which a scripted world has as it is told, and a count.
const std::string kIdStem(32, '0');

struct SessionTest : ::testing::Test {
  std::string open_words(int request, const std::string& more) const {
    return "ONCE " + kIdStem + "-" + std::to_string(request) + " SESSION.OPEN " + more;
  }
  void expect(const std::string& words, const std::string& answer,
              std::function<void()> meanwhile = {}) {
    cluster.world->expect("a:1", words, answer, std::move(meanwhile));
  }

  ScriptedCluster cluster{{"a:1"}};
  Client client{std::make_shared<Shared>(cluster.shared())};
};

TEST_F(SessionTest, IsOpenedUnderOnceAndClosedWhenItGoes) {
  expect(open_words(1, "TTL 10000 NAME worker-7"), kBreaks);
  expect(open_words(1, "TTL 10000 NAME worker-7"), ":4711");
  {
    auto session = Session::open(client, {.name = "worker-7"});
    ASSERT_TRUE(session);
    EXPECT_EQ(session->id(), 4711u);
    EXPECT_TRUE(session->alive());
    EXPECT_LE(session->remaining().count(), 9980);
    Session moved = *std::move(session);
    EXPECT_TRUE(moved.alive());
    expect("SESSION.CLOSE 4711", ":1");
  }
  EXPECT_EQ(cluster.world->left(), 0u);
}

TEST_F(SessionTest, AnswersAlikeWhenClosedAgain) {
  expect(open_words(1, "TTL 10000"), ":5");
  auto session = Session::open(client);
  ASSERT_TRUE(session);
  expect("SESSION.CLOSE 5", kBreaks);
  expect("SESSION.CLOSE 5", ":0");
  EXPECT_TRUE(session->close()) << "the first asking has closed it";
  EXPECT_FALSE(session->alive());
  EXPECT_TRUE(session->close());
}

TEST_F(SessionTest, OneThatHadEndedIsNotClosed) {
  expect(open_words(1, "TTL 10000"), ":5");
  auto session = Session::open(client);
  ASSERT_TRUE(session);
  expect("SESSION.CLOSE 5", ":0");
  const auto closed = session->close();
  EXPECT_EQ(closed.fate(), holdfast::Fate::not_done);
  EXPECT_EQ(closed.failure().kind, "LOST");
}

// Its time counts from its opening, which may have been right after the first request was sent.
TEST_F(SessionTest, AnAnswerThatWasLongInComingIsNotBelievedAlone) {
  const auto wait = [this] { cluster.world->pass(holdfast::milliseconds(5000)); };
  expect(open_words(1, "TTL 10000"), ":5", wait);
  expect("SESSION.KEEP 5", ":10000");
  auto session = Session::open(client);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->remaining().count(), 9980);
  expect("SESSION.CLOSE 5", ":1");
  EXPECT_TRUE(session->close());

  expect(open_words(2, "TTL 1000"), ":6", wait);
  expect("SESSION.KEEP 6", "-LOST session 6 has ended");
  const auto late = Session::open(client, {.ttl = std::chrono::milliseconds(1000)});
  EXPECT_EQ(late.fate(), holdfast::Fate::not_done);
  EXPECT_EQ(late.failure().kind, "LOST");
}

TEST_F(SessionTest, BindsKeysOnce) {
  expect(open_words(1, "TTL 10000"), ":5");
  auto session = Session::open(client);
  ASSERT_TRUE(session);
  expect("ONCE " + kIdStem + "-2 SESSION.BIND 5 a b", kBreaks);
  expect("ONCE " + kIdStem + "-2 SESSION.BIND 5 a b", ":2");
  const auto bound = session->bind({"a", "b"});
  ASSERT_TRUE(bound);
  EXPECT_EQ(*bound, 2u);
  expect("ONCE " + kIdStem + "-3 SESSION.BIND 5 none", "-ERR nothing was done: there is no key");
  EXPECT_EQ(session->bind({"none"}).failure().kind, "ERR");
  EXPECT_EQ(session->bind({}).failure().kind, "OPTIONS");
  const std::vector<std::string_view> many(1001, "k");
  EXPECT_EQ(session->bind(many).failure().kind, "OPTIONS");
  expect("SESSION.CLOSE 5", ":1");
  EXPECT_TRUE(session->close());
}

TEST_F(SessionTest, WhatMakesNoSenseIsSaid) {
  const auto kind = [&](SessionOptions options) {
    return Session::open(client, std::move(options)).failure().kind;
  };
  EXPECT_EQ(kind({.ttl = std::chrono::milliseconds(99)}), "OPTIONS");
  EXPECT_EQ(kind({.ttl = std::chrono::hours(24 * 3651)}), "OPTIONS");
  EXPECT_EQ(kind({.name = std::string(1025, 'x')}), "OPTIONS");
  EXPECT_TRUE(cluster.world->dialled.empty());
}

TEST_F(SessionTest, ALevelThatHasNoneIsSaid) {
  expect(open_words(1, "TTL 10000"), "-ERR sessions need level 3 of the cluster");
  EXPECT_EQ(Session::open(client).failure().kind, "ERR");
}

// ---- how it is kept, without the thread

struct KeptSession {
  KeptSession() {
    Held opened{5, 0, Tenure(seconds(6))};
    opened.tenure.confirm(cluster.world->now(), seconds(6));
    keeper = std::make_shared<Keeper>(
        cluster.shared(), std::make_unique<Link>(cluster.shared()),
        Wanted{.kind = Kind::session, .name = "5", .owner = {}, .ttl = seconds(6)}, opened,
        [this](std::string_view reason) { lost.emplace_back(reason); });
  }
  ScriptedCluster cluster{{"a:1"}};
  std::shared_ptr<Keeper> keeper;
  std::vector<std::string> lost;
};

TEST(KeptSession, IsKeptThreeTimesInATtl) {
  KeptSession f;
  for (int i = 0; i < 5; ++i) {
    f.cluster.world->pass(seconds(2));
    f.cluster.world->expect("a:1", "SESSION.KEEP 5", ":6000");
    f.keeper->step();
    EXPECT_TRUE(f.keeper->held());
  }
  EXPECT_TRUE(f.lost.empty());
}

// "Not kept, and not ended either": no node knows whether its end will come about.
TEST(KeptSession, AskedAgainWhileItsEndIsOnItsWay) {
  KeptSession f;
  f.cluster.world->pass(seconds(2));
  f.cluster.world->expect("a:1", "SESSION.KEEP 5", "-NOLEADER it is about to end");
  f.keeper->step();
  EXPECT_TRUE(f.keeper->held()) << "what was confirmed before still counts";
  f.cluster.world->pass(holdfast::milliseconds(100));
  f.cluster.world->expect("a:1", "SESSION.KEEP 5", "-LOST session 5 has ended");
  EXPECT_EQ(f.keeper->step(), Instant::never());
  EXPECT_EQ(f.lost, std::vector<std::string>{"LOST session 5 has ended"});
  EXPECT_FALSE(f.keeper->held());
}

TEST(KeptSession, IsLostAfterAPause) {
  KeptSession f;
  f.cluster.world->pass(seconds(60));
  EXPECT_FALSE(f.keeper->held());
  EXPECT_EQ(f.keeper->step(), Instant::never());
  ASSERT_EQ(f.lost.size(), 1u);
  EXPECT_NE(f.lost[0].find("the session '5' was not confirmed in time"), std::string::npos);
  EXPECT_TRUE(f.cluster.world->asked.empty());
}

}  // namespace
}  // namespace holdfast::client

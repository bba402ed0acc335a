#include "client/link.h"

#include <gtest/gtest.h>

#include "client/scripted_world.h"

namespace holdfast::client {
namespace {

using Fate = Answer::Fate;
using Names = std::vector<std::string>;

Answer ask(Link& link, ScriptedCluster& cluster) {
  return link.ask({"GET", "k"}, seconds(1), cluster.world->now() + seconds(10));
}

TEST(Link, GoesToTheLeader) {
  ScriptedCluster cluster({"a:1", "b:1"});
  cluster.world->next_random = 1;  // begins with b
  Link link(cluster.shared());
  EXPECT_EQ(link.connected_to(), "");
  cluster.world->expect("a:1", "GET k", ":1");
  EXPECT_EQ(ask(link, cluster).fate, Fate::answered);
  EXPECT_EQ(cluster.world->dialled, (Names{"b:1", "a:1"}));
  EXPECT_EQ(link.connected_to(), "a:1");
}

TEST(Link, StaysWhereItIsIfItIsToldTo) {
  ScriptedCluster cluster({"a:1", "b:1"});
  cluster.world->next_random = 1;
  cluster.setup.find_leader = false;
  Link link(cluster.shared());
  cluster.world->expect("b:1", "GET k", ":1");
  EXPECT_EQ(ask(link, cluster).fate, Fate::answered);
  EXPECT_EQ(cluster.world->dialled, Names{"b:1"});
}

// A follower that has not heard of the end of its leader names one that is down, or leads no more.
TEST(Link, AFollowerServesWhileTheLeaderCannotBeHad) {
  for (const bool down : {true, false}) {
    ScriptedCluster cluster({"a:1", "b:1"});
    cluster.world->next_random = 1;
    cluster.world->servers["a:1"].up = !down;
    cluster.world->servers["a:1"].role = "follower";
    Link link(cluster.shared());
    cluster.world->expect("b:1", "GET k", ":1");
    EXPECT_EQ(ask(link, cluster).fate, Fate::answered) << down;
    EXPECT_EQ(link.connected_to(), "b:1");
  }
}

TEST(Link, TriesEachServerOnceAndSaysWhy) {
  ScriptedCluster cluster({"a:1", "b:1", "c:1"});
  for (auto& [name, server] : cluster.world->servers) server.up = false;
  Link link(cluster.shared());
  Answer answer = ask(link, cluster);
  EXPECT_EQ(answer.fate, Fate::unsent);
  EXPECT_EQ(answer.why, "c:1 is down");
  EXPECT_EQ(cluster.world->dialled, (Names{"a:1", "b:1", "c:1"}));
  EXPECT_EQ(answer.refused, "");
}

TEST(Link, LearnsWhoElseBelongsToTheCluster) {
  ScriptedCluster cluster({"a:1"});
  cluster.world->nodes = {"a:1", "x:1", "y:1"};
  cluster.world->servers["x:1"] = {.leader = ""};
  Link link(cluster.shared());
  cluster.world->expect("a:1", "GET k", kBreaks);
  EXPECT_EQ(ask(link, cluster).fate, Fate::lost);
  cluster.world->servers["a:1"].up = false;
  cluster.world->nodes = {"x:1"};  // the others are gone for good
  cluster.world->expect("x:1", "GET k", ":1");
  EXPECT_EQ(ask(link, cluster).fate, Fate::answered) << "its only seed is down";
  ASSERT_EQ(link.known().size(), 2u) << "the seed stays, y:1 is forgotten";
  EXPECT_EQ(link.known()[1].text(), "x:1");
}

TEST(Link, DoesNotLearnWithoutEnd) {
  ScriptedCluster cluster({"a:1"});
  for (int i = 0; i < 1000; ++i) cluster.world->nodes.push_back("x:" + std::to_string(i + 1));
  Link link(cluster.shared());
  cluster.world->expect("a:1", "GET k", ":1");
  EXPECT_EQ(ask(link, cluster).fate, Fate::answered);
  EXPECT_EQ(link.known().size(), 1 + Link::kMostLearned);
}

TEST(Link, ABrokenAnswerIsLostAndTheNextServerIsAsked) {
  ScriptedCluster cluster({"a:1", "b:1"});
  Link link(cluster.shared());
  cluster.world->expect("a:1", "GET k", kBreaks);
  EXPECT_EQ(ask(link, cluster).fate, Fate::lost);
  cluster.world->servers["a:1"].up = false;
  cluster.world->expect("b:1", "GET k", ":1");
  EXPECT_EQ(ask(link, cluster).fate, Fate::answered);
}

// The others may not have noticed yet that their leader has fallen silent.
TEST(Link, WhoHasJustFailedIsNotFollowedTo) {
  ScriptedCluster cluster({"a:1", "b:1", "c:1"});
  Link link(cluster.shared());
  cluster.world->expect("a:1", "GET k", kSilent);
  EXPECT_EQ(ask(link, cluster).fate, Fate::lost);
  cluster.world->servers["a:1"].deaf = true;
  cluster.world->servers["b:1"].up = false;
  cluster.world->expect("c:1", "GET k", kBreaks);
  const Instant began = cluster.world->now();
  EXPECT_EQ(ask(link, cluster).fate, Fate::lost);
  EXPECT_EQ(cluster.world->now(), began) << "nobody waited for a";
  EXPECT_EQ(cluster.world->dialled, (Names{"a:1", "b:1", "c:1"}));

  cluster.world->pass(Link::kShunned);
  cluster.world->servers["a:1"].deaf = false;
  cluster.world->expect("a:1", "GET k", ":1");
  EXPECT_EQ(ask(link, cluster).fate, Fate::answered) << "in time it is as good as any";
}

TEST(Link, WhatWasSentWhenItsServerFellSilentIsLost) {
  ScriptedCluster cluster({"a:1", "b:1"});
  Link link(cluster.shared());
  cluster.world->expect("a:1", "GET k", kSilent);
  const Instant began = cluster.world->now();
  const Answer answer = ask(link, cluster);
  EXPECT_EQ(answer.fate, Fate::lost);
  EXPECT_EQ(answer.why, "a:1 said nothing in time");
  EXPECT_EQ((cluster.world->now() - began).ms(), 1000);
  EXPECT_EQ(answer.sent_at, began);
  EXPECT_EQ(link.connected_to(), "")
      << "a late answer must not be taken for that to another command";
}

TEST(Link, TheMomentOfSendingIsAfterConnecting) {
  ScriptedCluster cluster({"a:1"});
  cluster.world->trip = milliseconds(7);
  Link link(cluster.shared());
  cluster.world->expect("a:1", "GET k", ":1");
  const Instant began = cluster.world->now();
  const Answer answer = ask(link, cluster);
  EXPECT_EQ((answer.sent_at - began).ms(), 14) << "INFO and HOLDFAST NODES";
  EXPECT_EQ((cluster.world->now() - answer.sent_at).ms(), 7);
}

TEST(Link, LogsIn) {
  ScriptedCluster cluster({"a:1"});
  cluster.world->servers["a:1"].password = "secret";
  cluster.setup.password = "wrong";
  Link wrong(cluster.shared());
  const Answer answer = ask(wrong, cluster);
  EXPECT_EQ(answer.fate, Fate::unsent);
  EXPECT_EQ(answer.refused, "WRONGPASS");
  cluster.setup.password = "secret";
  Link right(cluster.shared());
  cluster.world->expect("a:1", "GET k", ":1");
  EXPECT_EQ(ask(right, cluster).fate, Fate::answered);
}

// One node that refuses is no reason to give up while another is only down.
TEST(Link, ARefusalCountsOnlyIfAllRefuse) {
  ScriptedCluster cluster({"a:1", "b:1"});
  cluster.world->servers["a:1"].password = "secret";
  cluster.setup.password = "wrong";
  cluster.world->servers["b:1"].up = false;
  Link link(cluster.shared());
  EXPECT_EQ(ask(link, cluster).refused, "");
}

TEST(Link, AnotherProgramIsNoServer) {
  ScriptedCluster cluster({"a:1"});
  cluster.world->servers["a:1"].foreign = true;
  Link link(cluster.shared());
  EXPECT_EQ(ask(link, cluster).why, "a:1 answers, but is no Holdfast server");
}

TEST(Link, ADeafServerCostsPatienceAndNoMore) {
  ScriptedCluster cluster({"a:1", "b:1"});
  cluster.world->servers["a:1"].deaf = true;
  Link link(cluster.shared());
  cluster.world->expect("b:1", "GET k", ":1");
  const Instant began = cluster.world->now();
  EXPECT_EQ(ask(link, cluster).fate, Fate::answered);
  EXPECT_EQ((cluster.world->now() - began).ms(), 2000)
      << "as a seed, and as who b believes to lead";
}

// ---- commands that wait

Answer wait(Link& link, ScriptedCluster& cluster, Duration time) {
  return link.ask_and_wait({"LOCK.ACQUIRE", "k"}, seconds(1), cluster.world->now() + time);
}

TEST(Link, AWaitLooksNowAndThenWhetherItsServerIsWell) {
  ScriptedCluster cluster({"a:1"});
  Link link(cluster.shared());
  cluster.world->expect("a:1", "LOCK.ACQUIRE k", kSilent);
  cluster.world->expect("a:1", "LOCK.CHECK holdfast:is-well 1", ":0");
  cluster.world->expect("a:1", "LOCK.CHECK holdfast:is-well 1", "-NOLEADER none");
  const Instant began = cluster.world->now();
  const Answer answer = wait(link, cluster, seconds(60));
  EXPECT_EQ(answer.fate, Fate::lost);
  EXPECT_EQ((cluster.world->now() - began).ms(), 2 * Link::kLookEvery.ms());
  EXPECT_EQ(cluster.world->left(), 0u);
}

TEST(Link, AWaitEndsInTime) {
  ScriptedCluster cluster({"a:1"});
  Link link(cluster.shared());
  cluster.world->expect("a:1", "LOCK.ACQUIRE k", kSilent);
  const Instant began = cluster.world->now();
  EXPECT_EQ(wait(link, cluster, seconds(4)).fate, Fate::lost);
  EXPECT_EQ((cluster.world->now() - began).ms(), 4000);
}

}  // namespace
}  // namespace holdfast::client

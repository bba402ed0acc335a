#include "client/calls.h"

#include <gtest/gtest.h>

#include "client/scripted_world.h"
#include "client/shared.h"
#include "holdfast/client.h"
#include "holdfast/counter.h"

namespace holdfast {
namespace {

using client::kBreaks;
using client::kSilent;
using client::ScriptedCluster;

// A client of a scripted cluster; request ids begin with zeros.
struct CallsFixture {
  Client client() { return Client(std::make_shared<client::Shared>(cluster.shared())); }
  void expect(const std::string& words, const std::string& answer) {
    cluster.world->expect("a:1", words, answer);
  }
  std::int64_t elapsed_ms() const { return (cluster.world->now() - began).ms(); }

  ScriptedCluster cluster{{"a:1"}};
  Instant began = cluster.world->now();
};

const std::string kFirstId(std::string(32, '0') + "-1");

void expect_failure(const Outcome<Value>& outcome, Fate fate, const std::string& kind) {
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.fate(), fate) << outcome.failure().message;
  EXPECT_EQ(outcome.failure().kind, kind) << outcome.failure().message;
  EXPECT_FALSE(outcome.failure().message.empty());
}

TEST(Calls, AnswersBecomeValues) {
  CallsFixture f;
  Client client = f.client();
  f.expect("GET k", "$-1");
  EXPECT_TRUE(client.read({"GET", "k"})->is_null());
  f.expect("GET k", "$5\r\nv\r\nxy");
  EXPECT_EQ(client.read({"GET", "k"})->text, "v\r\nxy");
  f.expect("MGET k l", "*2\r\n$1\r\nv\r\n-ERR odd");
  const auto list = client.read({"MGET", "k", "l"});
  ASSERT_EQ(list->items.size(), 2u);
  EXPECT_EQ(list->items[0].text, "v");
  EXPECT_EQ(list->items[1].kind, Value::Kind::error);
}

TEST(Calls, AnErrorOfTheServersIsAFailureWithItsWord) {
  CallsFixture f;
  f.expect("INCR k", "-WRONGTYPE it is a list");
  const auto outcome = f.client().write({"INCR", "k"});
  expect_failure(outcome, Fate::not_done, "WRONGTYPE");
  EXPECT_EQ(outcome.failure().message, "WRONGTYPE it is a list");
}

TEST(Calls, AReadIsRepeatedUntilThereIsAnAnswer) {
  CallsFixture f;
  f.expect("GET k", kBreaks);
  f.expect("GET k", "-NOLEADER none");
  f.expect("GET k", "-LOADING a restore");
  f.expect("GET k", ":1");
  EXPECT_EQ(f.client().read({"GET", "k"})->integer, 1);
  EXPECT_EQ(f.cluster.world->left(), 0u);
}

TEST(Calls, AReadIsNeverUnknown) {
  CallsFixture f;
  f.cluster.setup.timeout = seconds(4);
  f.expect("GET k", kSilent);
  f.expect("GET k", kSilent);
  const auto outcome = f.client().read({"GET", "k"});
  expect_failure(outcome, Fate::not_done, "BROKEN");
  EXPECT_LE(f.elapsed_ms(), 4'000);
}

TEST(Calls, AWriteIsRepeatedWhileItWasCertainlyNotDone) {
  CallsFixture f;
  f.expect("INCR k", "-NOLEADER none");
  f.expect("INCR k", "-BUSY too much");
  f.expect("INCR k", ":1");
  EXPECT_EQ(f.client().write({"INCR", "k"})->integer, 1);
}

TEST(Calls, AWriteWhoseAnswerIsLostIsUnknownAndNotRepeated) {
  CallsFixture f;
  f.expect("INCR k", kBreaks);
  expect_failure(f.client().write({"INCR", "k"}), Fate::unknown, "BROKEN");
  f.expect("INCR k", "-UNKNOWN no outcome");
  expect_failure(f.client().write({"INCR", "k"}), Fate::unknown, "UNKNOWN");
  f.expect("INCR k", "-NOLEADER none");
  f.expect("INCR k", kBreaks);
  expect_failure(f.client().write({"INCR", "k"}), Fate::unknown, "BROKEN");
  EXPECT_EQ(f.cluster.world->left(), 0u);
}

TEST(Calls, AWriteWaitsAsLongAsItMay) {
  CallsFixture f;
  f.expect("INCR k", kSilent);
  expect_failure(f.client().write({"INCR", "k"}), Fate::unknown, "BROKEN");
  EXPECT_EQ(f.elapsed_ms(), 10'000) << "not the patience of one server: it may only be asked once";
}

TEST(Calls, ServersThatAreDownHaveDoneNothing) {
  CallsFixture f;
  for (auto& [name, server] : f.cluster.world->servers) server.up = false;
  for (const bool once : {true, false}) {
    const auto outcome =
        once ? f.client().write_once({"INCR", "k"}) : f.client().write({"INCR", "k"});
    expect_failure(outcome, Fate::not_done, "NOSERVER");
  }
  EXPECT_LE(f.elapsed_ms(), 20'000);
  EXPECT_GE(f.elapsed_ms(), 19'800);
}

TEST(Calls, AWrongPasswordEndsItAtOnce) {
  CallsFixture f;
  for (auto& [name, server] : f.cluster.world->servers) server.password = "secret";
  f.cluster.setup.password = "wrong";
  expect_failure(f.client().write({"INCR", "k"}), Fate::not_done, "WRONGPASS");
  EXPECT_EQ(f.elapsed_ms(), 0);
}

TEST(Calls, WhatStaysRefusedIsNotRepeated) {
  CallsFixture f;
  for (const std::string word : {"NOSPACE", "OOM", "DIVERGED", "LIMIT", "MISMATCH", "FENCED"}) {
    f.expect("ONCE i SET k v", "-" + word + " no");
    expect_failure(f.client().write_once("i", {"SET", "k", "v"}), Fate::not_done, word);
  }
  EXPECT_EQ(f.elapsed_ms(), 0);
}

// ---- once

TEST(Calls, OnceTurnsUnknownIntoExactlyOnce) {
  CallsFixture f;
  const std::string words = "ONCE " + kFirstId + " INCR k";
  for (const auto& said : {kBreaks, std::string("-UNKNOWN no outcome"), kSilent,
                           std::string("-NOLEADER none"), std::string(":7")}) {
    f.expect(words, said);
  }
  EXPECT_EQ(f.client().write_once({"INCR", "k"})->integer, 7);
  EXPECT_EQ(f.cluster.world->left(), 0u);
}

// The first sending may have been done; that the second did not get through says nothing of the
// first.
TEST(Calls, OnceItMayHaveBeenDoneARefusalIsNoAnswer) {
  for (const std::string word : {"NOSPACE", "OOM", "DIVERGED", "LIMIT", "NOLEADER"}) {
    CallsFixture f;
    f.cluster.setup.timeout = milliseconds(100);
    f.expect("ONCE i INCR k", kBreaks);
    f.expect("ONCE i INCR k", "-" + word + " no");
    expect_failure(f.client().write_once("i", {"INCR", "k"}), Fate::unknown, word);
  }
}

TEST(Calls, AnErrorUnderOnceIsTheAnswer) {
  CallsFixture f;
  f.expect("ONCE i INCR k", kBreaks);
  f.expect("ONCE i INCR k", "-WRONGTYPE no number");
  expect_failure(f.client().write_once("i", {"INCR", "k"}), Fate::not_done, "WRONGTYPE");
}

TEST(Calls, EachCallHasAnIdOfItsOwn) {
  CallsFixture f;
  Client client = f.client();
  f.expect("ONCE " + kFirstId + " INCR k", ":1");
  f.expect("ONCE " + std::string(32, '0') + "-2 INCR k", ":2");
  EXPECT_TRUE(client.write_once({"INCR", "k"}));
  EXPECT_TRUE(client.write_once({"INCR", "k"}));
}

TEST(Calls, WhatIsAboutConnectionsIsNotSent) {
  CallsFixture f;
  for (const std::string word : {"MULTI", "watch", "Subscribe", "HELLO", "client"}) {
    expect_failure(f.client().write({word}), Fate::not_done, "OPTIONS");
    expect_failure(f.client().write_once({word}), Fate::not_done, "OPTIONS");
  }
  expect_failure(f.client().read({}), Fate::not_done, "OPTIONS");
  EXPECT_TRUE(f.cluster.world->dialled.empty());
}

// ---- counters

TEST(Counter, CountsUnderOnce) {
  CallsFixture f;
  Counter counter(f.client(), "k");
  f.expect("ONCE " + kFirstId + " INCRBY k 5", kBreaks);
  f.expect("ONCE " + kFirstId + " INCRBY k 5", ":12");
  EXPECT_EQ(*counter.add(5), 12);
  f.expect("GET k", "$2\r\n12");
  EXPECT_EQ(*counter.get(), 12);
  f.expect("GET k", "$-1");
  EXPECT_EQ(*counter.get(), 0);
  f.expect("GET k", "$3\r\n12x");
  EXPECT_EQ(counter.get().failure().kind, "ERR");
  f.expect("ONCE " + std::string(32, '0') + "-2 INCRBY k -1", "+what");
  EXPECT_EQ(counter.add(-1).failure().kind, "STRANGE");
}

// ---- options

TEST(ClientOptions, WhatMakesNoSenseIsSaid) {
  const auto why = [](ClientOptions options) {
    auto client = Client::open(std::move(options));
    return client ? std::string("fine") : client.failure().kind + " " + client.failure().message;
  };
  EXPECT_EQ(why({}), "fine") << "nobody is dialled";
  EXPECT_EQ(why({.servers = {}}), "OPTIONS servers must name 1 to 64 nodes");
  EXPECT_EQ(why({.servers = std::vector<std::string>(65, "a:1")}),
            "OPTIONS servers must name 1 to 64 nodes");
  EXPECT_TRUE(why({.servers = {"nowhere"}}).starts_with("OPTIONS "));
  const std::string times = "OPTIONS timeout and patience must be from 10 ms to 5 min";
  EXPECT_EQ(why({.timeout = std::chrono::milliseconds(9)}), times);
  EXPECT_EQ(why({.timeout = std::chrono::milliseconds(300'001)}), times);
  EXPECT_EQ(why({.patience = std::chrono::milliseconds(-1)}), times);
  EXPECT_NE(why({.tls = {.ca_file = "x"}}).find("not on"), std::string::npos);
  EXPECT_NE(why({.tls = {.on = true, .cert_file = "x"}}).find("tls.key_file"), std::string::npos);
  const std::string missing = why({.tls = {.on = true, .ca_file = "/no/such/ca"}});
  EXPECT_NE(missing.find("tls.ca_file"), std::string::npos) << missing;
}

}  // namespace
}  // namespace holdfast

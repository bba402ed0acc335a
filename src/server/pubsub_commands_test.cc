#include "server/client_test_tools.h"
#include "server/connection.h"
#include "server/pushes.h"

namespace holdfast::server::testing {
namespace {

using keyspace::HoldingKind;
using keyspace::KeyEvents;
using keyspace::Loss;
using keyspace::Notice;
using keyspace::NoticeKind;
using replica::Verdict;

constexpr std::uint8_t kHoldings = static_cast<std::uint8_t>(keyspace::Topic::holdings);
constexpr std::uint8_t kKeys = static_cast<std::uint8_t>(keyspace::Topic::keys);

class PubSubTest : public ClientsTest {
 protected:
  void apply(std::vector<Notice> notices) {
    clients.noticed({Index(++index), {}, std::move(notices)});
  }
  Origin origin_of(std::size_t routed) const { return node.routed.at(routed).origin(); }
  static Notice holding(NoticeKind kind, std::string name, std::uint64_t token, Origin origin = {},
                        Loss loss = Loss::expired) {
    Notice notice;
    notice.kind = kind;
    notice.name = std::move(name);
    notice.owner = "me";
    notice.token = token;
    notice.origin = origin;
    notice.loss = loss;
    return notice;
  }
  static Notice election(NoticeKind kind, std::string name, std::uint64_t token, std::string who) {
    Notice notice = holding(kind, std::move(name), token);
    notice.holding = HoldingKind::election;
    notice.owner = std::move(who);
    return notice;
  }
  static Notice key(KeyEvents events, std::string_view event, std::string name) {
    Notice notice;
    notice.kind = NoticeKind::key;
    notice.events = events;
    notice.event = event;
    notice.name = std::move(name);
    return notice;
  }
  std::uint64_t index = 100;
};

std::string message(std::string_view kind, std::vector<std::string_view> words) {
  std::string text = fmt::format("{}{}\r\n", kind, words.size());
  for (const std::string_view word : words) text += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return text;
}

constexpr std::string_view kLostDoor =
    ">5\r\n$13\r\nholdfast.lost\r\n$4\r\nlock\r\n$4\r\ndoor\r\n:7\r\n$7\r\nexpired\r\n";

// ---- subscribing

TEST_F(PubSubTest, SubscribingIsConfirmedChannelByChannel) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "SUBSCRIBE a b a"),
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n");
  EXPECT_EQ(ask(client, "PSUBSCRIBE x*"), "*3\r\n$10\r\npsubscribe\r\n$2\r\nx*\r\n:3\r\n");
  EXPECT_EQ(ask(client, "UNSUBSCRIBE b"), "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:2\r\n");
  EXPECT_EQ(ask(client, "UNSUBSCRIBE"), "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n");
  EXPECT_EQ(ask(client, "PUNSUBSCRIBE"), "*3\r\n$12\r\npunsubscribe\r\n$2\r\nx*\r\n:0\r\n");
  EXPECT_EQ(ask(client, "PUNSUBSCRIBE"), "*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n");
  EXPECT_EQ(ask(client, "PING"), "+PONG\r\n") << "it listens to nothing any more";
}

TEST_F(PubSubTest, WhoListensInResp2SaysLittleElse) {
  TestClient client(clients);
  ask(client, "SUBSCRIBE a");
  EXPECT_EQ(ask(client, "GET a"),
            "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
            "allowed in this context\r\n");
  EXPECT_TRUE(node.routed.empty());
  EXPECT_EQ(ask(client, "PING"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_EQ(ask(client, "PING hi"), "*2\r\n$4\r\npong\r\n$2\r\nhi\r\n");
  EXPECT_EQ(ask(client, "RESET"), "+RESET\r\n");
  EXPECT_EQ(ask(client, "PING"), "+PONG\r\n");
  EXPECT_EQ(clients.topics(), 0);
}

TEST_F(PubSubTest, WhoListensInResp3SaysWhatHeLikes) {
  TestClient client(clients);
  ask(client, "HELLO 3");
  EXPECT_EQ(ask(client, "SUBSCRIBE a"), ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  client.say("GET a");
  turn();
  ASSERT_EQ(texts(), Texts{"GET a"});
  answer(0, "_\r\n");
  EXPECT_EQ(told(client), "_\r\n");
}

TEST_F(PubSubTest, NotInsideATransaction) {
  TestClient client(clients);
  ask(client, "MULTI");
  EXPECT_EQ(ask(client, "SUBSCRIBE a"), "-ERR Command not allowed inside a transaction\r\n");
  EXPECT_TRUE(ask(client, "EXEC").starts_with("-EXECABORT"));
}

TEST_F(PubSubTest, NamesAndTheirNumberHaveLimits) {
  TestClient client(clients);
  const std::string long_pattern(Channels::kPatternBytes + 1, 'p');
  EXPECT_EQ(ask(client, "PSUBSCRIBE a* " + long_pattern),
            "-LIMIT a pattern has at most 1024 bytes (pattern-bytes)\r\n");
  const std::string name(Channels::kNameBytes + 1, 'c');
  client.handler->on_bytes(fmt::format("*2\r\n$9\r\nSUBSCRIBE\r\n${}\r\n{}\r\n", name.size(), name));
  EXPECT_EQ(told(client), "-LIMIT the name of a channel has at most 65536 bytes (channel-bytes)\r\n");
  std::string many = "*65538\r\n$9\r\nSUBSCRIBE\r\n";
  for (int i = 0; i < 65537; ++i) many += "$1\r\na\r\n";
  client.handler->on_bytes(many);
  EXPECT_EQ(told(client),
            "-LIMIT a connection listens to at most 65536 names of 8388608 bytes together "
            "(subscriptions)\r\n");
  EXPECT_EQ(ask(client, "PING"), "+PONG\r\n") << "nothing of it was done";
  EXPECT_EQ(ask(client, "PUBSUB NUMPAT"), ":0\r\n");
}

TEST_F(PubSubTest, WhoListensIsShown) {
  TestClient listener(clients);
  TestClient other(clients);
  ask(listener, "SUBSCRIBE news sport");
  ask(listener, "PSUBSCRIBE n*");
  EXPECT_EQ(ask(other, "PUBSUB CHANNELS"), "*2\r\n$4\r\nnews\r\n$5\r\nsport\r\n");
  EXPECT_EQ(ask(other, "PUBSUB CHANNELS s*"), "*1\r\n$5\r\nsport\r\n");
  const std::string counts = "*4\r\n$4\r\nnews\r\n:1\r\n$4\r\nnone\r\n:0\r\n";
  EXPECT_EQ(ask(other, "PUBSUB NUMSUB news none"), counts);
  EXPECT_EQ(ask(other, "PUBSUB NUMPAT"), ":1\r\n");
  EXPECT_NE(ask(other, "CLIENT LIST TYPE pubsub").find("sub=2 psub=1"), std::string::npos);
  EXPECT_EQ(ask(other, "CLIENT LIST TYPE normal").find("sub=2"), std::string::npos);
  ask(other, "HELLO 3");
  EXPECT_EQ(ask(other, "PUBSUB NUMSUB news none"), counts) << "no map";
  listener.break_off();
  EXPECT_EQ(ask(other, "PUBSUB CHANNELS"), "*0\r\n");
  EXPECT_EQ(ask(other, "PUBSUB NUMPAT"), ":0\r\n");
}

TEST_F(PubSubTest, WhatIsPublishedIsHeardHereAndSentElsewhere) {
  TestClient listener(clients);
  TestClient client(clients);
  ask(listener, "SUBSCRIBE news");
  ask(listener, "PSUBSCRIBE n*");
  EXPECT_EQ(ask(client, "PUBLISH news hi"), ":2\r\n");
  const std::string heard =
      message("*", {"message", "news", "hi"}) + message("*", {"pmessage", "n*", "news", "hi"});
  EXPECT_EQ(told(listener), heard);
  EXPECT_EQ(node.published, (std::vector<std::string>{"news hi"}));
  EXPECT_EQ(ask(client, "PUBLISH other hi"), ":0\r\n");
  clients.publish("news", "hi");  // of another node
  EXPECT_EQ(told(listener), heard);
  EXPECT_EQ(node.published.size(), 2u) << "it is not sent on";
}

TEST_F(PubSubTest, NotEverythingMayBePublished) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "PUBLISH __holdfast__:lost:door lies"),
            "-ERR channels that begin with __holdfast__: are the cluster's own to use\r\n");
  const std::string large(Channels::kMessageBytes + 1, 'm');
  client.handler->on_bytes(
      fmt::format("*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n${}\r\n{}\r\n", large.size(), large));
  EXPECT_EQ(told(client), "-LIMIT a message has at most 1048576 bytes (message-bytes)\r\n");
  node.level_of_cluster = 2;
  EXPECT_TRUE(ask(client, "PUBLISH a b").starts_with("-ERR 'publish' was not done: it needs level 3"));
  node.level_is_known = false;
  EXPECT_TRUE(ask(client, "PUBLISH a b").starts_with("-NOLEADER 'publish' was not done"));
  EXPECT_TRUE(node.published.empty());
}

// ---- what is lost

TEST_F(PubSubTest, AHolderIsToldOnTheConnectionThatAcquired) {
  TestClient holder(clients);
  TestClient other(clients);
  EXPECT_EQ(clients.topics(), 0);
  ask(holder, "HELLO 3");
  ask(other, "HELLO 3");
  EXPECT_EQ(clients.topics(), kHoldings);
  holder.say("LOCK.ACQUIRE door me TTL 1000");
  turn();
  answer(0, "%0\r\n", 101);
  apply({holding(NoticeKind::granted, "door", 7, origin_of(0))});
  EXPECT_EQ(told(holder), "%0\r\n");
  apply({holding(NoticeKind::lost, "door", 7)});
  EXPECT_EQ(told(holder), kLostDoor);
  EXPECT_EQ(told(other), "");
  apply({holding(NoticeKind::lost, "door", 7)});
  EXPECT_EQ(told(holder), "") << "once";
  holder.break_off();
  other.break_off();
  EXPECT_EQ(clients.topics(), 0);
}

TEST_F(PubSubTest, NobodyIsToldOfWhatHeGaveBack) {
  TestClient holder(clients);
  ask(holder, "HELLO 3");
  holder.say("LOCK.ACQUIRE door me TTL 1000");
  turn();
  answer(0, "%0\r\n", 101);
  apply({holding(NoticeKind::granted, "door", 7, origin_of(0)),
         holding(NoticeKind::released, "door", 7), holding(NoticeKind::lost, "door", 7)});
  EXPECT_EQ(told(holder), "%0\r\n");
}

TEST_F(PubSubTest, WhoAskedAgainOnAnotherConnectionIsToldThereToo) {
  TestClient first(clients);
  TestClient second(clients);
  ask(first, "HELLO 3");
  ask(second, "HELLO 3");
  first.say("LOCK.ACQUIRE door me TTL 1000");
  second.say("LOCK.ACQUIRE door me TTL 1000");
  turn();
  answer(0, "%0\r\n", 101);
  answer(1, "%0\r\n", 102);
  Notice again = holding(NoticeKind::granted, "door", 7, origin_of(1));
  again.again = true;
  apply({holding(NoticeKind::granted, "door", 7, origin_of(0)), again});
  told(first);
  told(second);
  first.break_off();
  apply({holding(NoticeKind::lost, "door", 7)});
  EXPECT_EQ(told(second), kLostDoor);
}

TEST_F(PubSubTest, NobodyHearsOfTheEndOfWhatHeDoesNotKnowThatHeHas) {
  TestClient holder(clients);
  ask(holder, "HELLO 3");
  holder.say("GET a");
  holder.say("LOCK.ACQUIRE door me TTL 1000");
  turn();
  // This node has applied the entry; the answer of the leader to the read before it is late.
  answer(1, "%0\r\n", 101);
  apply({holding(NoticeKind::granted, "door", 7, origin_of(1)),
         holding(NoticeKind::lost, "door", 7)});
  EXPECT_EQ(told(holder), "");
  answer(0, "_\r\n");
  EXPECT_EQ(told(holder), "_\r\n%0\r\n" + std::string(kLostDoor));
}

TEST_F(PubSubTest, OtherNodesAndEarlierProcessesAreNotConcerned) {
  TestClient holder(clients);
  ask(holder, "HELLO 3");
  holder.say("LOCK.ACQUIRE door me TTL 1000");
  turn();
  Origin elsewhere = origin_of(0);
  elsewhere.node = NodeId(9);
  Origin before = origin_of(0);
  before.incarnation = Incarnation(1);
  answer(0, "%0\r\n", 101);
  told(holder);
  apply({holding(NoticeKind::granted, "door", 7, elsewhere),
         holding(NoticeKind::granted, "gate", 8, before), holding(NoticeKind::lost, "door", 7),
         holding(NoticeKind::lost, "gate", 8)});
  EXPECT_EQ(told(holder), "");
}

TEST_F(PubSubTest, WhoListensIsToldOfEveryLoss) {
  TestClient listener(clients);
  ask(listener, "SUBSCRIBE __holdfast__:lost:door");
  ask(listener, "PSUBSCRIBE __holdfast__:lost:*");
  EXPECT_EQ(clients.topics(), kHoldings);
  apply({holding(NoticeKind::lost, "door", 7, {}, Loss::forced)});
  EXPECT_EQ(told(listener),
            message("*", {"message", "__holdfast__:lost:door", "lock 7 forced"}) +
                message("*", {"pmessage", "__holdfast__:lost:*", "__holdfast__:lost:door",
                              "lock 7 forced"}));
  apply({holding(NoticeKind::released, "door", 8), holding(NoticeKind::lost, "gate", 9)});
  EXPECT_EQ(told(listener), message("*", {"pmessage", "__holdfast__:lost:*",
                                          "__holdfast__:lost:gate", "lock 9 expired"}));
}

// A snapshot took the place of entries that this node did not apply.
TEST_F(PubSubTest, WhatWasMissedIsToldToHoldersAndClosesListeners) {
  TestClient holder(clients);
  TestClient listener(clients);
  TestClient reader(clients);
  TestClient answered(clients);
  ask(holder, "HELLO 3");
  ask(answered, "HELLO 3");
  ask(listener, "PSUBSCRIBE __holdfast__:*");
  ask(reader, "SUBSCRIBE news");
  holder.say("LOCK.ACQUIRE door me TTL 1000");
  turn();
  answer(0, "%0\r\n", 90);
  apply({holding(NoticeKind::granted, "door", 7, origin_of(0))});
  told(holder);
  // The leader answered this one; the entry itself never came here.
  answered.say("LOCK.ACQUIRE gate you TTL 1000");
  turn();
  answer(1, "%0\r\n", 150);
  told(answered);
  clients.notices_missed(Index(101));
  const std::string text = told(holder);
  EXPECT_EQ(text,
            ">5\r\n$13\r\nholdfast.lost\r\n$4\r\nlock\r\n$4\r\ndoor\r\n:7\r\n$7\r\nunknown\r\n");
  EXPECT_FALSE(holder.stream->closed);
  EXPECT_TRUE(listener.stream->closed);
  EXPECT_FALSE(reader.stream->closed);
  EXPECT_TRUE(answered.stream->closed);
}

TEST(Holders, WhatIsHeldNoMoreIsToldApartByItsKind) {
  FakeNode node;
  ConnectionTable table(node);
  FakeStream stream("127.0.0.1:50000");
  auto connection = std::make_shared<Connection>(table, stream, table.next_id());
  table.add(connection);
  connection->speak(resp::Version::resp3);
  Notice notice;
  notice.name = "permits";
  notice.token = 5;
  notice.origin = {NodeId(1), Incarnation(5), connection->id(), 0};
  Holders& holders = table.pushes.holders;
  for (const HoldingKind kind : {HoldingKind::semaphore, HoldingKind::lock, HoldingKind::election}) {
    notice.holding = kind;
    holders.granted(notice);
  }
  EXPECT_EQ(holders.size(), 3u);
  holders.compare([](const Holding& holding) { return holding.kind != HoldingKind::semaphore; });
  EXPECT_EQ(holders.size(), 2u);
  holders.push_waiting();
  EXPECT_EQ(holders.told(), 1u);
}

// ---- elections

TEST_F(PubSubTest, ObserversArePushedEveryChange) {
  TestClient old(clients);
  EXPECT_EQ(ask(old, "ELECT.OBSERVE boss"),
            "-ERR ELECT.OBSERVE pushes, which needs RESP3 (HELLO 3); in RESP2 use SUBSCRIBE "
            "__holdfast__:elect:<name>\r\n");
  ask(old, "SUBSCRIBE __holdfast__:elect:boss");
  TestClient client(clients);
  ask(client, "HELLO 3");
  EXPECT_EQ(ask(client, "ELECT.OBSERVE boss"), "+OK\r\n");
  apply({election(NoticeKind::granted, "boss", 5, "ann"),
         election(NoticeKind::granted, "other", 6, "eve")});
  EXPECT_EQ(told(client),
            ">5\r\n$14\r\nholdfast.elect\r\n$4\r\nboss\r\n$7\r\nelected\r\n:5\r\n$3\r\nann\r\n");
  EXPECT_EQ(told(old), message("*", {"message", "__holdfast__:elect:boss", "elected 5 ann"}));
  apply({election(NoticeKind::released, "boss", 5, "ann")});
  EXPECT_EQ(told(client),
            ">5\r\n$14\r\nholdfast.elect\r\n$4\r\nboss\r\n$6\r\nvacant\r\n:5\r\n$8\r\nreleased\r\n");
  EXPECT_EQ(told(old), message("*", {"message", "__holdfast__:elect:boss", "vacant 5 released"}));
  EXPECT_EQ(ask(client, "ELECT.UNOBSERVE boss"), ":1\r\n");
  EXPECT_EQ(ask(client, "ELECT.UNOBSERVE boss"), ":0\r\n");
  apply({election(NoticeKind::granted, "boss", 9, "bob")});
  EXPECT_EQ(told(client), "");
}

// ---- events of keys

TEST_F(PubSubTest, EventsOfKeysArePublishedAsTheSettingSays) {
  TestClient client(clients);
  ask(client, "PSUBSCRIBE __key*");
  EXPECT_EQ(clients.topics(), kHoldings) << "no events of keys are wanted";
  TestClient other(clients);
  EXPECT_EQ(ask(other, "CONFIG SET notify-keyspace-events KEA"), "+OK\r\n");
  EXPECT_EQ(ask(other, "CONFIG GET notify-keyspace-events"),
            "*2\r\n$22\r\nnotify-keyspace-events\r\n$3\r\nAKE\r\n");
  EXPECT_EQ(clients.topics(), kHoldings | kKeys);
  apply({key(KeyEvents::fresh, "new", "k"), key(KeyEvents::string, "set", "k")});
  EXPECT_EQ(told(client), message("*", {"pmessage", "__key*", "__keyspace@0__:k", "set"}) +
                              message("*", {"pmessage", "__key*", "__keyevent@0__:set", "k"}));
  EXPECT_EQ(ask(other, "CONFIG SET notify-keyspace-events Exn"), "+OK\r\n");
  EXPECT_EQ(clients.topics(), kHoldings | kKeys);
  apply({key(KeyEvents::fresh, "new", "k"), key(KeyEvents::string, "set", "k")});
  EXPECT_EQ(told(client), message("*", {"pmessage", "__key*", "__keyevent@0__:new", "k"}));
  EXPECT_TRUE(ask(other, "CONFIG SET notify-keyspace-events KEAm")
                  .starts_with("-ERR CONFIG SET failed (possibly related to argument "
                               "'notify-keyspace-events')"));
  EXPECT_EQ(ask(other, "CONFIG SET notify-keyspace-events ''"), "+OK\r\n");
  EXPECT_EQ(clients.topics(), kHoldings);
}

// ---- who does not take it

TEST_F(PubSubTest, WhoDoesNotTakeMessagesIsClosedAndTheOthersAreNot) {
  TestClient slow(clients);
  TestClient quick(clients);
  for (TestClient* client : {&slow, &quick}) ask(*client, "SUBSCRIBE __holdfast__:lost:door");
  slow.stream->stuck = true;
  const std::string name(60'000, 'x');
  ask(slow, "PSUBSCRIBE __holdfast__:lost:*");
  std::size_t heard = 0;
  for (int i = 0; i < 600 && !slow.stream->closed; ++i) {
    apply({holding(NoticeKind::lost, name, 7), holding(NoticeKind::lost, "door", 8)});
    turn();
    heard += quick.stream->take().empty() ? 0 : 1;
  }
  EXPECT_TRUE(slow.stream->closed);
  EXPECT_LE(slow.stream->stuck_bytes, (32u << 20) + 200'000);
  EXPECT_FALSE(quick.stream->closed);
  EXPECT_GT(heard, 500u);
}

TEST_F(PubSubTest, WhatATurnBringsLeavesInOneWrite) {
  TestClient client(clients);
  ask(client, "PSUBSCRIBE __holdfast__:lost:*");
  const std::size_t before = client.stream->sends;
  apply({holding(NoticeKind::lost, "a", 1), holding(NoticeKind::lost, "b", 2)});
  apply({holding(NoticeKind::lost, "c", 3)});
  turn();
  EXPECT_EQ(client.stream->sends, before + 1);
}

TEST_F(PubSubTest, ListenersAreNotClosedAsIdle) {
  node.settings.timeout_s = 10;
  TestClient client(clients);
  ask(client, "SUBSCRIBE a");
  pass(seconds(100));
  EXPECT_FALSE(client.stream->closed);
}

}  // namespace
}  // namespace holdfast::server::testing

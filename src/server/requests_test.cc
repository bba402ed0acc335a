#include "server/requests.h"

#include "server/client_test_tools.h"

namespace holdfast::server::testing {
namespace {

using replica::Verdict;
using RequestsTest = ClientsTest;

// ---- order

TEST_F(RequestsTest, AnswersInTheOrderOfTheCommandsWhateverTheOrderOfOutcomes) {
  TestClient client(clients);
  client.say("SET a 1\r\nPING\r\nGET a\r\nPING two");
  EXPECT_EQ(texts(), (Texts{"SET a 1", "GET a"}));
  answer(1, "$1\r\n1\r\n");
  EXPECT_EQ(told(client), "");
  answer(0, "+OK\r\n");
  EXPECT_EQ(told(client), "+OK\r\n+PONG\r\n$1\r\n1\r\n$3\r\ntwo\r\n");
}

TEST_F(RequestsTest, OneSendPerTurn) {
  TestClient client(clients);
  client.say("SET a 1\r\nSET b 2\r\nSET c 3");
  for (std::size_t i = 0; i < 3; ++i) answer(i, "+OK\r\n");
  turn();
  EXPECT_EQ(client.stream->sends, 1u);
}

TEST_F(RequestsTest, RecordsSayWhoAsksAndHow) {
  TestClient client(clients);
  client.say("HELLO 3\r\nGET a");
  const auto record = node.routed.at(0).decoded();
  EXPECT_TRUE(record.resp3());
  EXPECT_FALSE(node.routed[0].write);
  EXPECT_EQ(record.origin.node, NodeId(1));
  EXPECT_EQ(record.origin.incarnation, Incarnation(5));
  EXPECT_EQ(record.origin.connection, ConnectionId(1));
  EXPECT_EQ(node.routed[0].under, node.epoch);
}

TEST_F(RequestsTest, TheFirstOutcomeCounts) {
  TestClient client(clients);
  client.say("INCR a\r\nINCR a");
  answer(0, ":1\r\n");
  answer(0, ":7\r\n");
  end(0, Verdict::not_done);
  answer(1, ":2\r\n");
  EXPECT_EQ(told(client), ":1\r\n:2\r\n");
  EXPECT_EQ(node.routed.size(), 2u);
}

TEST_F(RequestsTest, AnOutcomeOfAnEarlierAttemptIsNotTakenForThePresentOne) {
  TestClient client(clients);
  client.say("INCR a");
  new_leader(4);
  clients.epoch_applied(node.epoch);
  turn();
  ASSERT_EQ(node.routed.size(), 2u);
  end(0, Verdict::not_done);  // late: the first attempt's
  answer(0, ":9\r\n");
  turn();
  EXPECT_EQ(node.routed.size(), 2u);
  answer(1, ":1\r\n");
  EXPECT_EQ(told(client), ":1\r\n");
}

TEST_F(RequestsTest, ALaterAttemptHasALowerNumberThanAnyLaterRequest) {
  EXPECT_LT(request_number(7, 1), request_number(7, 0));
  EXPECT_LT(request_number(7, 0), request_number(8, 3));
  EXPECT_EQ(position_of(request_number(7, 3)), 7u);
  EXPECT_EQ(attempt_of(request_number(7, 3)), 3u);
}

// ---- not done: held and routed again

TEST_F(RequestsTest, AReadIsAnsweredAtOnceWhereThatIsRightAndNothingIsBeforeIt) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "GET a"), "");
  answer(0, "$-1\r\n");
  EXPECT_EQ(told(client), "$-1\r\n");
  node.leads_surely = true;
  EXPECT_EQ(ask(client, "GET a\r\nMGET a b"), "+a\r\n+b\r\n");
  // Behind a write, and behind what waits behind it, it takes the long way.
  EXPECT_EQ(ask(client, "SET a 1\r\nGET a\r\nGET b"), "");
  EXPECT_EQ(texts(1), (Texts{"SET a 1", "GET a", "GET b"}));
  answer(1, "+OK\r\n", 7);
  answer(2, "$1\r\n1\r\n");
  answer(3, "$-1\r\n");
  EXPECT_EQ(told(client), "+OK\r\n$1\r\n1\r\n$-1\r\n");
  EXPECT_EQ(ask(client, "GET c"), "+c\r\n");
  // What does more than read keys is no such read.
  EXPECT_EQ(ask(client, "DBSIZE\r\nLOCK.INFO x"), "");
  EXPECT_EQ(texts(4), (Texts{"DBSIZE", "LOCK.INFO x"}));
}

TEST_F(RequestsTest, APausedClientsReadIsNotAnsweredAtOnce) {
  node.leads_surely = true;
  TestClient client(clients);
  TestClient other(clients);
  EXPECT_EQ(ask(other, "CLIENT PAUSE 1000"), "+OK\r\n");
  EXPECT_EQ(ask(client, "GET a"), "");
  EXPECT_EQ(ask(other, "CLIENT UNPAUSE"), "+OK\r\n");
  EXPECT_EQ(texts(), (Texts{"GET a"}));
}

TEST_F(RequestsTest, WhatIsNotDoneIsRoutedAgainInOrderWithAllBehindIt) {
  TestClient client(clients);
  client.say("SET a 1\r\nGET a\r\nSET b 2");
  no_leader();
  for (std::size_t i = 0; i < 3; ++i) end(i, Verdict::not_done);
  client.say("SET c 3");
  turn();
  EXPECT_EQ(node.routed.size(), 3u);
  new_leader(4);
  turn();
  EXPECT_EQ(texts(3), (Texts{"SET a 1", "GET a", "SET b 2", "SET c 3"}));
  EXPECT_EQ(node.routed.back().under, (Epoch{4, NodeId(2)}));
  answer(3, "+OK\r\n");
  answer(4, "$1\r\n1\r\n");
  answer(5, "+OK\r\n");
  answer(6, "+OK\r\n");
  EXPECT_EQ(told(client), "+OK\r\n$1\r\n1\r\n+OK\r\n+OK\r\n");
}

TEST_F(RequestsTest, NothingIsRoutedUnderANewEpochBeforeTheOldIsJudged) {
  TestClient client(clients);
  client.say("SET a 1");
  new_leader(4);
  client.say("SET b 2");
  turn();
  EXPECT_EQ(node.routed.size(), 1u);
  clients.epoch_applied(node.epoch);
  turn();
  EXPECT_EQ(texts(1), (Texts{"SET a 1", "SET b 2"}));
}

TEST_F(RequestsTest, AWriteThatWasDoneUnderTheOldEpochIsNotRoutedAgain) {
  TestClient client(clients);
  client.say("SET a 1\r\nSET b 2");
  new_leader(4);
  answer(0, "+OK\r\n", 8);  // this node's own replica applied it
  clients.epoch_applied(node.epoch);
  turn();
  EXPECT_EQ(texts(2), (Texts{"SET b 2"}));
}

TEST_F(RequestsTest, ReadsUnderWayAreRoutedAgainAtOnceWhenTheLeaderChanges) {
  TestClient client(clients);
  client.say("GET a\r\nGET b");
  new_leader(4);
  turn();
  EXPECT_EQ(texts(2), (Texts{"GET a", "GET b"}));
  answer(0, "$3\r\nold\r\n");
  answer(2, "$1\r\n1\r\n");
  answer(3, "$1\r\n2\r\n");
  EXPECT_EQ(told(client), "$1\r\n1\r\n$1\r\n2\r\n");
}

TEST_F(RequestsTest, AReadWaitsForTheJudgementOfAWriteBehindIt) {
  TestClient client(clients);
  client.say("GET a\r\nSET a 1");
  new_leader(4);
  turn();
  EXPECT_EQ(node.routed.size(), 2u);
  clients.epoch_applied(node.epoch);
  turn();
  EXPECT_EQ(texts(2), (Texts{"GET a", "SET a 1"}));
}

TEST_F(RequestsTest, AReadThatCanNoLongerRunBeforeTheWriteBehindItIsRefused) {
  TestClient client(clients);
  client.say("GET a\r\nSET a 1");
  new_leader(4);
  answer(1, "+OK\r\n", 9);
  const std::string reply = told(client);
  EXPECT_TRUE(reply.starts_with("-NOLEADER the leader changed before this command was done"));
  EXPECT_TRUE(reply.ends_with("\r\n+OK\r\n"));
  EXPECT_EQ(node.routed.size(), 2u);
}

TEST_F(RequestsTest, ABusyLeaderIsAskedAgainInTheNextTurn) {
  TestClient client(clients);
  node.answer_to_route = Services::Routed::busy;
  client.say("SET a 1\r\nSET b 2");
  turn();
  EXPECT_LE(clients.wake_at(), node.time + milliseconds(1));
  node.answer_to_route = Services::Routed::sent;
  pass(milliseconds(1));
  EXPECT_EQ(texts(), (Texts{"SET a 1", "SET b 2"}));
}

TEST_F(RequestsTest, AFullDiskIsSaidAtOnceAndReadsGoOn) {
  TestClient client(clients);
  node.answer_to_route = Services::Routed::no_space;
  EXPECT_TRUE(ask(client, "SET a 1").starts_with("-NOSPACE too many disks are full"));
  node.answer_to_route = Services::Routed::sent;
  client.say("GET a");
  EXPECT_EQ(node.routed.size(), 1u);
}

TEST_F(RequestsTest, AForwardedWriteHearsOfFullDisksAndIsNotTriedAgain) {
  TestClient client(clients);
  client.say("SET a 1\r\nGET a");
  end(0, Verdict::no_space);
  answer(1, "$-1\r\n");
  const std::string reply = told(client);
  EXPECT_TRUE(reply.starts_with("-NOSPACE too many disks are full"));
  EXPECT_TRUE(reply.ends_with("\r\n$-1\r\n"));
  EXPECT_EQ(node.routed.size(), 2u);
}

// ---- NOLEADER and UNKNOWN

TEST_F(RequestsTest, WithoutALeaderACommandIsHeldForLeaderWaitThenRefused) {
  TestClient client(clients);
  no_leader();
  EXPECT_EQ(ask(client, "SET a 1"), "");
  pass(milliseconds(1000));
  client.say("SET b 2");
  pass(milliseconds(999));
  EXPECT_EQ(client.stream->take(), "");
  pass(milliseconds(21));
  const std::string first = client.stream->take();
  EXPECT_TRUE(first.starts_with("-NOLEADER no leader was reachable for 2000 ms; the command was "
                                "not done. Try again"));
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 1);
  // The second has waited for its own two seconds only now.
  new_leader(4);
  turn();
  EXPECT_EQ(texts(), (Texts{"SET b 2"}));
}

TEST_F(RequestsTest, AWriteWithoutOutcomeIsUnknownAndWhatWasReceivedBehindItIsRefused) {
  TestClient client(clients);
  client.say("SET a 1");
  new_leader(4);
  client.say("SET b 2\r\nPING\r\nGET b");
  pass(milliseconds(4990));
  EXPECT_EQ(client.stream->take(), "");
  pass(milliseconds(20));
  const std::string replies = client.stream->take();
  EXPECT_TRUE(replies.starts_with("-UNKNOWN the command may have been done, or may still be done: "
                                  "no outcome came for 5000 ms."));
  EXPECT_NE(replies.find("\r\n-NOLEADER this command was not done, because the outcome of an "
                         "earlier command of this connection is unknown."),
            std::string::npos);
  EXPECT_NE(replies.find("\r\n+PONG\r\n-NOLEADER this command was not done"), std::string::npos);
  EXPECT_EQ(node.routed.size(), 1u);
  // What comes after is a new beginning.
  client.say("SET c 3");
  EXPECT_EQ(texts(1), (Texts{"SET c 3"}));
}

TEST_F(RequestsTest, AWriteUnderWayBehindAnUnknownOneHasAnOutcomeOfItsOwn) {
  TestClient client(clients);
  client.say("SET a 1\r\nSET b 2\r\nSET c 3");
  end(0, Verdict::unknown);
  end(1, Verdict::not_done);
  answer(2, "+OK\r\n");
  const std::string replies = told(client);
  EXPECT_TRUE(replies.starts_with("-UNKNOWN "));
  EXPECT_NE(replies.find("\r\n-NOLEADER "), std::string::npos);
  EXPECT_TRUE(replies.ends_with("\r\n+OK\r\n"));
  EXPECT_EQ(node.routed.size(), 3u);
}

TEST_F(RequestsTest, AReadWithoutAnAnswerIsNotDone) {
  TestClient client(clients);
  client.say("GET a");
  pass(milliseconds(5001));
  EXPECT_TRUE(client.stream->take().starts_with("-NOLEADER no answer came from the leader for"));
}

TEST_F(RequestsTest, ASnapshotInPlaceOfOutcomesMakesWritesUnknownAndReadsGoAgain) {
  TestClient writer(clients);
  TestClient reader(clients);
  writer.say("SET a 1");
  reader.say("GET a");
  clients.outcomes_lost();
  turn();
  EXPECT_TRUE(writer.stream->take().starts_with("-UNKNOWN "));
  EXPECT_EQ(texts(2), (Texts{"GET a"}));
}

TEST_F(RequestsTest, HeldBytesOfTheNodeAreBounded) {
  TestClient client(clients);
  no_leader();
  const std::string value(60 << 20, 'x');
  std::vector<std::unique_ptr<TestClient>> others;
  for (int i = 0; i < 5; ++i) {
    others.push_back(std::make_unique<TestClient>(clients));
    others.back()->handler->on_bytes(
        fmt::format("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n{}\r\n", value.size(), value));
  }
  turn();
  EXPECT_EQ(others[3]->stream->take(), "");
  const std::string refused = others[4]->stream->take();
  EXPECT_TRUE(refused.starts_with("-LIMIT this node holds "));
  EXPECT_NE(refused.find("(held-bytes); the command was not done"), std::string::npos);
}

// ---- waits

TEST_F(RequestsTest, WhatFollowsABlockedCommandWaitsForItsAnswer) {
  TestClient client(clients);
  client.say("LOCK.ACQUIRE l me TTL 1000 WAIT 60000\r\nSET a 1\r\nPING");
  EXPECT_EQ(node.routed.size(), 1u);
  end(0, Verdict::blocked);
  pass(seconds(20));  // no outcome is overdue while it waits
  new_leader(4);
  clients.epoch_applied(node.epoch);
  turn();
  EXPECT_EQ(node.routed.size(), 1u);
  EXPECT_EQ(client.stream->take(), "");
  answer(0, "*-1\r\n");
  EXPECT_EQ(told(client), "*-1\r\n");
  turn();
  EXPECT_EQ(texts(1), (Texts{"SET a 1"}));
  answer(1, "+OK\r\n");
  EXPECT_EQ(told(client), "+OK\r\n+PONG\r\n");
}

// Being queued is an effect: what was sent before it and was not done can no longer be done first.
TEST_F(RequestsTest, ACommandThatWasNotDoneIsNotDoneBehindAWaitThatWasQueued) {
  TestClient client(clients);
  client.say("SET a 1\r\nLOCK.ACQUIRE l me TTL 1000 WAIT 60000");
  ASSERT_EQ(node.routed.size(), 2u);
  end(0, Verdict::not_done);
  end(1, Verdict::blocked);
  turn();
  EXPECT_EQ(node.routed.size(), 2u);
  EXPECT_TRUE(told(client).starts_with("-NOLEADER the leader changed before this command was done"));
}

TEST_F(RequestsTest, AnAcquireThatDoesNotWaitHoldsNobodyUp) {
  TestClient client(clients);
  client.say("LOCK.ACQUIRE l me TTL 1000\r\nSET a 1");
  EXPECT_EQ(node.routed.size(), 2u);
}

TEST_F(RequestsTest, WhoDiesWaitingForOtherThingsIsDroppedInTheirWords) {
  for (const char* said : {"SEM.ACQUIRE l me LIMIT 3 TTL 1000 WAIT 60000",
                           "ELECT.CAMPAIGN l me TTL 1000 WAIT 60000",
                           "LOCK.ACQUIRE l me SHARED TTL 1000 WAIT 60000"}) {
    TestClient client(clients);
    const std::size_t before = node.routed.size();
    client.say(said);
    end(before, Verdict::blocked);
    const Origin origin = node.routed[before].origin();
    client.break_off();
    pass(milliseconds(1010));
    ASSERT_EQ(node.routed.size(), before + 2) << said;
    const std::string_view word(said, std::string_view(said).find('.'));
    EXPECT_EQ(node.routed[before + 1].text(),
              fmt::format("_{}.DROP l 1 5 {} {}", word, origin.connection, origin.request));
    answer(before + 1, ":1\r\n");
  }
}

TEST_F(RequestsTest, WhoDiesWaitingIsDroppedAfterTheGrace) {
  TestClient client(clients);
  client.say("ONCE id LOCK.ACQUIRE l me TTL 1000 WAIT 60000");
  end(0, Verdict::blocked);
  const Origin origin = node.routed[0].origin();
  client.break_off();
  pass(milliseconds(990));
  EXPECT_EQ(node.routed.size(), 1u);
  no_leader();
  node.answer_to_route = Services::Routed::no_leader;
  pass(milliseconds(20));
  node.answer_to_route = Services::Routed::sent;
  new_leader(4);
  pass(milliseconds(60));
  ASSERT_EQ(node.routed.size(), 2u);
  EXPECT_EQ(node.routed[1].text(), fmt::format("_LOCK.DROP l 1 5 1 {}", origin.request));
  EXPECT_TRUE(node.routed[1].write);
  EXPECT_EQ(node.routed[1].origin().connection, ConnectionId(0));
  end(1, Verdict::not_done);
  pass(milliseconds(60));
  ASSERT_EQ(node.routed.size(), 3u);
  answer(2, "+OK\r\n");
  pass(seconds(5));
  EXPECT_EQ(node.routed.size(), 3u);
}

TEST_F(RequestsTest, AGrantThatWasNeverHandedToTheSocketIsGivenUp) {
  TestClient client(clients);
  client.say("LOCK.ACQUIRE l me TTL 1000 WAIT 60000");
  end(0, Verdict::blocked);
  answer(0, "*4\r\n");
  client.break_off();
  pass(milliseconds(1001));
  EXPECT_EQ(node.routed.size(), 2u);
}

TEST_F(RequestsTest, AGrantThatWasToldStays) {
  TestClient client(clients);
  client.say("LOCK.ACQUIRE l me TTL 1000 WAIT 60000");
  answer(0, "*4\r\n");
  turn();
  client.break_off();
  pass(milliseconds(1001));
  EXPECT_EQ(node.routed.size(), 1u);
}

}  // namespace
}  // namespace holdfast::server::testing

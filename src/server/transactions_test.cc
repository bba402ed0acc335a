#include "server/transactions.h"

#include "server/client_test_tools.h"

namespace holdfast::server::testing {
namespace {

using TransactionsTest = ClientsTest;

TEST_F(TransactionsTest, AQueueBecomesOneRecord) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "MULTI\r\nSET a 1\r\nGET a"), "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
  EXPECT_TRUE(node.routed.empty());
  client.say("EXEC");
  ASSERT_EQ(texts(), (Texts{"SET a 1; GET a"}));
  EXPECT_TRUE(node.routed[0].write);
  EXPECT_TRUE(node.routed[0].decoded().transaction());
  answer(0, "*2\r\n+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(told(client), "*2\r\n+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(ask(client, "EXEC"), "-ERR EXEC without MULTI\r\n");
}

TEST_F(TransactionsTest, ReadsOnlyNeedNoLog) {
  TestClient client(clients);
  client.say("MULTI\r\nGET a\r\nGET b\r\nEXEC");
  EXPECT_FALSE(node.routed.at(0).write);
}

TEST_F(TransactionsTest, WatchAsksForRevisionsAndExecCarriesThem) {
  TestClient client(clients);
  client.say("WATCH a b");
  ASSERT_EQ(texts(), (Texts{"_REVISIONS a b"}));
  EXPECT_FALSE(node.routed[0].write);
  answer(0, "*2\r\n:7\r\n:0\r\n");
  EXPECT_EQ(told(client), "+OK\r\n");
  client.say("MULTI\r\nSET a 1\r\nEXEC");
  const auto record = node.routed.at(1).decoded();
  ASSERT_EQ(record.watched.size(), 2u);
  EXPECT_EQ(record.watched[0].name, "a");
  EXPECT_EQ(record.watched[0].revision, 7u);
  EXPECT_EQ(record.watched[1].revision, 0u);
  answer(1, "*-1\r\n");
  told(client);
  client.say("MULTI\r\nSET a 1\r\nEXEC");
  EXPECT_TRUE(node.routed.at(2).decoded().watched.empty());
}

TEST_F(TransactionsTest, ExecWaitsForRevisionsThatAreOnTheirWay) {
  TestClient client(clients);
  client.say("WATCH a\r\nMULTI\r\nSET a 1\r\nEXEC\r\nPING");
  EXPECT_EQ(node.routed.size(), 1u);
  answer(0, "*1\r\n:7\r\n");
  turn();
  turn();
  ASSERT_EQ(node.routed.size(), 2u);
  EXPECT_EQ(node.routed[1].decoded().watched.at(0).revision, 7u);
  answer(1, "*1\r\n+OK\r\n");
  EXPECT_EQ(told(client), "+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n+PONG\r\n");
}

TEST_F(TransactionsTest, AFailedWatchLetsNoExecPass) {
  TestClient client(clients);
  client.say("WATCH a\r\nMULTI\r\nSET a 1\r\nEXEC");
  pass(milliseconds(5001));
  turn();
  const std::string replies = client.stream->take() + told(client);
  EXPECT_TRUE(replies.starts_with("-NOLEADER "));
  EXPECT_NE(replies.find("-NOLEADER the transaction was not run, because a WATCH"),
            std::string::npos);
  EXPECT_EQ(node.routed.size(), 1u);
}

TEST_F(TransactionsTest, UnwatchAndDiscardForget) {
  TestClient client(clients);
  client.say("WATCH a");
  answer(0, "*1\r\n:7\r\n");
  client.say("UNWATCH\r\nMULTI\r\nSET a 1\r\nEXEC");
  EXPECT_TRUE(node.routed.at(1).decoded().watched.empty());
  answer(1, "*1\r\n+OK\r\n");
  client.say("WATCH a");
  answer(2, "*1\r\n:8\r\n");
  EXPECT_EQ(ask(client, "MULTI\r\nSET a 2\r\nDISCARD\r\nDISCARD").substr(0, 0), "");
  client.say("MULTI\r\nSET a 1\r\nEXEC");
  EXPECT_TRUE(node.routed.at(3).decoded().watched.empty());
}

TEST_F(TransactionsTest, AWatchAnsweredAfterUnwatchDoesNotWatch) {
  TestClient client(clients);
  client.say("WATCH a\r\nUNWATCH\r\nMULTI\r\nSET a 1");
  answer(0, "*1\r\n:7\r\n");
  client.say("EXEC");
  ASSERT_EQ(node.routed.size(), 2u);
  EXPECT_TRUE(node.routed[1].decoded().watched.empty());
}

TEST_F(TransactionsTest, WhatIsRefusedWhenQueuedAbortsTheExec) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "MULTI\r\nSET a\r\nNOSUCH x\r\nSET a 1\r\nEXEC"),
            "+OK\r\n-ERR wrong number of arguments for 'set' command\r\n"
            "-ERR unknown command 'NOSUCH', with args beginning with: 'x' \r\n+QUEUED\r\n"
            "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_TRUE(node.routed.empty());
}

TEST_F(TransactionsTest, ErrorsOfRedis) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "DISCARD"), "-ERR DISCARD without MULTI\r\n");
  EXPECT_EQ(ask(client, "MULTI\r\nMULTI\r\nWATCH a\r\nEXEC"),
            "+OK\r\n-ERR MULTI calls can not be nested\r\n"
            "-ERR WATCH inside MULTI is not allowed\r\n*0\r\n");
}

TEST_F(TransactionsTest, TheNodesOwnAnswersStandWhereTheyWereAsked) {
  TestClient client(clients);
  client.say("MULTI\r\nPING\r\nGET a\r\nPING three\r\nSET a 1\r\nUNWATCH\r\nEXEC");
  ASSERT_EQ(texts(), (Texts{"GET a; SET a 1"}));
  answer(0, "*2\r\n$2\r\nhi\r\n+OK\r\n");
  EXPECT_TRUE(told(client).ends_with(
      "*5\r\n+PONG\r\n$2\r\nhi\r\n$5\r\nthree\r\n+OK\r\n+OK\r\n"));
  client.say("WATCH a");
  answer(1, "*1\r\n:7\r\n");
  client.say("MULTI\r\nCLIENT SETNAME late\r\nEXEC");
  answer(2, "*-1\r\n");
  EXPECT_TRUE(told(client).ends_with("*-1\r\n"));
  EXPECT_EQ(ask(client, "CLIENT GETNAME"), "$-1\r\n");
  EXPECT_TRUE(ask(client, "MULTI\r\nPING\r\nEXEC").ends_with("*1\r\n+PONG\r\n"));
}

TEST_F(TransactionsTest, ARefusedExecIsNotDone) {
  TestClient client(clients);
  no_leader();
  client.say("MULTI\r\nPING\r\nSET a 1\r\nEXEC");
  pass(milliseconds(2001));
  pass(milliseconds(21));
  EXPECT_NE(client.stream->take().find("-NOLEADER no leader was reachable"), std::string::npos);
  EXPECT_EQ(ask(client, "EXEC"), "-ERR EXEC without MULTI\r\n");
}

TEST_F(TransactionsTest, OnceAloneCoversATransaction) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "ONCE id"), "-ERR wrong number of arguments for 'once' command\r\n");
  EXPECT_EQ(ask(client, "MULTI\r\nONCE id\r\nINCR a\r\nPING\r\nEXEC"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n"
            "-ERR a transaction under ONCE holds commands on data only\r\n"
            "-EXECABORT Transaction discarded because of previous errors.\r\n");
  client.say("MULTI\r\nONCE id\r\nINCR a\r\nEXEC");
  EXPECT_EQ(texts(), (Texts{"ONCE id; INCR a"}));
}

TEST_F(TransactionsTest, AnAcquireInsideDoesNotHoldUpTheConnection) {
  TestClient client(clients);
  client.say("MULTI\r\nLOCK.ACQUIRE l me TTL 1000 WAIT 1000\r\nEXEC\r\nGET a");
  EXPECT_EQ(node.routed.size(), 2u);
}

TEST(EndOfReply, FindsItForEveryKind) {
  for (const std::string_view reply :
       {"+OK\r\n", "-ERR x\r\n", ":1\r\n", "$3\r\na\r\n\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n",
        "*2\r\n:1\r\n*1\r\n$0\r\n\r\n", "%1\r\n+a\r\n:1\r\n", "~1\r\n_\r\n", "=7\r\ntxt:abc\r\n",
        "#t\r\n", ",1.5\r\n", "(123\r\n", "|1\r\n+a\r\n+b\r\n:1\r\n"}) {
    EXPECT_EQ(end_of_reply(std::string(reply) + "+next\r\n", 0), reply.size()) << reply;
    EXPECT_EQ(end_of_reply(reply.substr(0, reply.size() - 1), 0), std::string_view::npos) << reply;
  }
}

}  // namespace
}  // namespace holdfast::server::testing

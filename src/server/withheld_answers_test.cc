#include "server/withheld_answers.h"

#include "server/client_test_tools.h"

namespace holdfast::server::testing {
namespace {

using replica::Verdict;

// "GET a" as an array; several, one behind the other.
std::string arrays(std::initializer_list<std::vector<std::string>> requests) {
  std::string text;
  for (const auto& words : requests) {
    text += "*" + std::to_string(words.size()) + "\r\n";
    for (const auto& word : words) text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return text;
}

class WithheldTest : public ClientsTest {
 protected:
  WithheldTest() { node.early_ticket = 7; }
  void say(std::initializer_list<std::vector<std::string>> requests) {
    client.handler->on_bytes(arrays(requests));
    turn();
  }
  std::string settled(consensus::ReadTicket ticket, bool right) {
    clients.reads_settled(ticket, right);
    return told(client);
  }

  TestClient client{clients};
};

TEST_F(WithheldTest, LeavesWhenItIsSure) {
  say({{"GET", "a"}, {"MGET", "a", "b"}});
  EXPECT_EQ(told(client), "");
  EXPECT_TRUE(node.routed.empty());
  EXPECT_EQ(settled(6, true), "") << "that was another's";
  EXPECT_EQ(settled(7, true), "+a\r\n+b\r\n");
  EXPECT_EQ(settled(7, true), "");
  EXPECT_TRUE(node.routed.empty());
}

TEST_F(WithheldTest, EachTurnsAnswersLeaveByTheirOwnTicket) {
  say({{"GET", "a"}});
  node.early_ticket = 8;
  say({{"GET", "b"}, {"GET", "c"}});
  EXPECT_EQ(settled(7, true), "+a\r\n");
  node.early_ticket = 9;
  say({{"GET", "d"}});
  EXPECT_EQ(settled(9, true), "+b\r\n+c\r\n+d\r\n");
}

TEST_F(WithheldTest, WhatIsSureWaitsForWhatIsNot) {
  say({{"GET", "a"}});
  node.leads_surely = true;
  say({{"GET", "b"}});
  EXPECT_EQ(told(client), "");
  EXPECT_EQ(settled(7, true), "+a\r\n+b\r\n");
  say({{"GET", "c"}});
  EXPECT_EQ(told(client), "+c\r\n") << "nothing is withheld";
}

TEST_F(WithheldTest, NothingSureOfAnotherKindPassesIt) {
  say({{"GET", "a"}});
  node.leads_surely = true;
  client.say("GET b");  // inline: it could not be asked again from its bytes
  EXPECT_EQ(told(client), "+a\r\n") << "asked again, and sure now";
  EXPECT_EQ(texts(), (Texts{"GET b"}));
}

TEST_F(WithheldTest, WhoWatchesAnElectionTakesTheLongWay) {
  say({{"HELLO", "3"}, {"ELECT.OBSERVE", "e"}});
  told(client);
  const std::size_t before = node.routed.size();
  say({{"GET", "a"}});
  EXPECT_EQ(texts(before), (Texts{"GET a"}));
}

TEST_F(WithheldTest, APauseDoesNotHoldWhatCameBeforeIt) {
  TestClient other(clients);
  say({{"GET", "a"}});
  EXPECT_EQ(ask(other, "CLIENT PAUSE 1000"), "+OK\r\n");
  say({{"GET", "b"}});
  EXPECT_TRUE(node.routed.empty());
  EXPECT_EQ(settled(7, true), "+a\r\n");
  turn();
  EXPECT_TRUE(node.routed.empty()) << "held";
  EXPECT_EQ(ask(other, "CLIENT UNPAUSE"), "+OK\r\n");
  turn();
  EXPECT_EQ(texts(), (Texts{"GET b"}));
}

TEST_F(WithheldTest, NobodyWaitsForEver) {
  say({{"GET", "a"}, {"GET", "b"}});
  pass(milliseconds(node.settings.outcome_wait_ms - 1));
  EXPECT_EQ(told(client), "");
  EXPECT_LE(clients.wake_at(), node.time + milliseconds(1));
  pass(milliseconds(1));
  const std::string error = "-NOLEADER no answer came from the leader for 5000 ms; the command was not "
                            "done. Try again\r\n";
  EXPECT_EQ(told(client), error + error);
  EXPECT_EQ(settled(7, true), "");
}


TEST_F(WithheldTest, IsAskedAgainIfItWasWrong) {
  say({{"GET", "a"}, {"MGET", "a", "b"}});
  clients.reads_settled(7, false);
  EXPECT_TRUE(node.routed.empty()) << "not from inside the replica";
  clients.reads_settled(8, true);
  node.early_ticket = 0;
  EXPECT_EQ(told(client), "");
  EXPECT_EQ(texts(), (Texts{"GET a", "MGET a b"}));
  answer(0, "$1\r\n1\r\n");
  answer(1, "*0\r\n");
  EXPECT_EQ(told(client), "$1\r\n1\r\n*0\r\n");
}

TEST_F(WithheldTest, WhatCameMeanwhileStaysBehindIt) {
  say({{"GET", "a"}});
  clients.reads_settled(7, false);
  client.handler->on_bytes(arrays({{"SET", "b", "1"}, {"GET", "b"}}));
  EXPECT_EQ(texts(), (Texts{"GET a", "SET b 1", "GET b"}));
}

TEST_F(WithheldTest, AWriteBehindItHasItAskedAgainInItsPlace) {
  say({{"GET", "a"}, {"GET", "b"}, {"SET", "c", "1"}, {"GET", "d"}});
  EXPECT_EQ(texts(), (Texts{"GET a", "GET b", "SET c 1", "GET d"}));
  EXPECT_EQ(settled(7, true), "") << "forgotten";
  for (std::size_t i = 0; i < 4; ++i) answer(i, "+" + std::to_string(i) + "\r\n");
  EXPECT_EQ(told(client), "+0\r\n+1\r\n+2\r\n+3\r\n");
  // More of its kind are likely: they are not read twice.
  say({{"GET", "e"}});
  EXPECT_EQ(texts(4), (Texts{"GET e"}));
  answer(4, "+4\r\n");
  EXPECT_EQ(told(client), "+4\r\n");
  for (std::size_t i = 5; i < 300; ++i) {
    say({{"GET", "f"}});
    if (node.routed.size() == i) break;
    answer(i, "+f\r\n");
    told(client);
  }
  EXPECT_LT(node.routed.size(), 300U) << "later it is tried again";
  EXPECT_EQ(settled(7, true), "+f\r\n");
}

TEST_F(WithheldTest, NoAnswerOfThisNodePassesIt) {
  say({{"GET", "a"}, {"PING"}});
  EXPECT_EQ(texts(), (Texts{"GET a"}));
  EXPECT_EQ(told(client), "");
  answer(0, "+a\r\n");
  EXPECT_EQ(told(client), "+a\r\n+PONG\r\n");
}

TEST_F(WithheldTest, NoErrorPassesIt) {
  for (const auto& wrong : {std::vector<std::string>{"GET"}, {"NOSUCH"}, {"GET", "a", "b"}}) {
    TestClient other(clients);
    const std::size_t before = node.routed.size();
    other.handler->on_bytes(arrays({{"GET", "a"}, wrong}));
    EXPECT_EQ(told(other), "");
    ASSERT_EQ(node.routed.size(), before + 1);
    answer(before, "+a\r\n");
    EXPECT_TRUE(told(other).starts_with("+a\r\n-ERR ")) << wrong.front();
  }
}

TEST_F(WithheldTest, NoProtocolErrorPassesIt) {
  client.handler->on_bytes(arrays({{"GET", "a"}}) + "*1\r\n$x\r\n");
  EXPECT_EQ(told(client), "");
  answer(0, "+a\r\n");
  EXPECT_TRUE(told(client).starts_with("+a\r\n-ERR Protocol error"));
  EXPECT_TRUE(client.stream->closed);
}

TEST_F(WithheldTest, ATransactionIsNoPlaceForIt) {
  say({{"GET", "a"}, {"MULTI"}, {"GET", "b"}, {"EXEC"}});
  EXPECT_EQ(texts(), (Texts{"GET a", "GET b"}));
  answer(0, "+a\r\n");
  EXPECT_EQ(told(client), "+a\r\n+OK\r\n+QUEUED\r\n");
}

TEST_F(WithheldTest, TheEndOfTheInputWaitsForIt) {
  client.handler->on_bytes(arrays({{"GET", "a"}}));
  client.handler->on_end_of_input();
  EXPECT_EQ(told(client), "");
  EXPECT_FALSE(client.stream->closed);
  clients.reads_settled(7, true);
  turn();
  EXPECT_EQ(told(client), "+a\r\n");
  EXPECT_TRUE(client.stream->closed);
}

TEST_F(WithheldTest, TheEndOfTheInputWaitsForItToBeAskedAgain) {
  client.handler->on_bytes(arrays({{"GET", "a"}}));
  client.handler->on_end_of_input();
  EXPECT_EQ(settled(7, false), "");
  EXPECT_FALSE(client.stream->closed);
  answer(0, "+a\r\n");
  turn();
  EXPECT_EQ(told(client), "+a\r\n");
  EXPECT_TRUE(client.stream->closed);
}

TEST_F(WithheldTest, AConnectionThatIsGoneIsForgotten) {
  say({{"GET", "a"}});
  client.break_off();
  clients.reads_settled(7, false);
  turn();
  clients.reads_settled(8, true);
  EXPECT_TRUE(node.routed.empty());
  EXPECT_EQ(clients.connected(), 0U);
}

TEST_F(WithheldTest, NoMoreIsReadThanMayBeOutstanding) {
  for (int i = 0; i < 1100; ++i) client.handler->on_bytes(arrays({{"GET", "a"}}));
  std::string all = settled(7, true);
  EXPECT_EQ(all.size(), 1024 * 4U);
  turn();
  EXPECT_EQ(settled(7, true).size(), 76 * 4U);
}

TEST_F(WithheldTest, ItsTimeIsCountedToWhenItLeft) {
  say({{"GET", "a"}});
  node.time = node.time + milliseconds(5);
  EXPECT_EQ(settled(7, true), "+a\r\n");
  const std::string stats = ask(client, "INFO commandstats");
  EXPECT_NE(stats.find("cmdstat_get:calls=1,usec=5000,"), std::string::npos) << stats;
}

}  // namespace
}  // namespace holdfast::server::testing

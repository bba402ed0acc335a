// SESSION.ATTACH: what a node says to the leader in the name of its connections.
#include "server/kept_sessions.h"

#include "server/client_test_tools.h"

namespace holdfast::server {
namespace {

using testing::FakeNode;
using testing::TestClient;

class Attached : public testing::ClientsTest {
 protected:
  // The routed commands since the last call, each answered with this.
  std::string answered(std::string_view reply, replica::Verdict verdict = replica::Verdict::answered) {
    std::string said;
    for (const auto& command : std::exchange(node.routed, {})) {
      said += (said.empty() ? "" : "; ") + command.text();
      EXPECT_FALSE(command.write);
      clients.outcome(command.origin(), verdict, reply, {});
    }
    turn();
    return said;
  }
  void attach(TestClient& client, std::string_view id, std::string_view left = ":900") {
    client.say("SESSION.ATTACH " + std::string(id));
    turn();
    EXPECT_EQ(answered("*1\r\n" + std::string(left) + "\r\n"), "_SESSION.KEEP " + std::string(id));
  }
};

TEST_F(Attached, ASessionIsKeptEveryThirdOfItsTtlAsLongAsAConnectionLives) {
  TestClient client(clients);
  attach(client, "7");
  EXPECT_EQ(client.stream->take(), ":900\r\n");
  pass(milliseconds(299));
  EXPECT_EQ(answered(""), "");
  pass(milliseconds(1));
  EXPECT_EQ(answered("*1\r\n:900\r\n"), "_SESSION.KEEP 7");
  EXPECT_EQ(client.stream->take(), "") << "nobody asked";
  pass(milliseconds(300));
  EXPECT_EQ(answered("*1\r\n:900\r\n"), "_SESSION.KEEP 7");
  client.break_off();
  pass(seconds(5));
  EXPECT_EQ(answered(""), "");
}

TEST_F(Attached, ManyAreKeptWithOneWordAndOneConnectionOfTwoIsEnough) {
  TestClient first(clients);
  TestClient second(clients);
  attach(first, "7");
  attach(first, "8");
  attach(second, "7");
  first.break_off();
  pass(milliseconds(300));
  EXPECT_EQ(answered("*1\r\n:900\r\n"), "_SESSION.KEEP 7");
  attach(second, "9");
  pass(milliseconds(300));
  EXPECT_EQ(answered("*2\r\n:900\r\n:900\r\n"), "_SESSION.KEEP 7 9");
}

TEST_F(Attached, WhoseEndIsOnItsWayIsAskedForAgain) {
  TestClient client(clients);
  client.say("SESSION.ATTACH 7");
  turn();
  answered("*1\r\n:-2\r\n");
  EXPECT_TRUE(client.stream->take().starts_with("-NOLEADER"));
  attach(client, "7");
  pass(milliseconds(300));
  EXPECT_EQ(answered("*1\r\n:-2\r\n"), "_SESSION.KEEP 7");
  pass(milliseconds(20));
  EXPECT_EQ(answered("*1\r\n:900\r\n"), "_SESSION.KEEP 7");
}

TEST_F(Attached, WhatHasEndedIsKeptNoMore) {
  TestClient client(clients);
  client.say("SESSION.ATTACH 5");
  turn();
  answered("*1\r\n:-1\r\n");
  EXPECT_TRUE(client.stream->take().starts_with("-LOST"));
  attach(client, "7");
  pass(milliseconds(300));
  EXPECT_EQ(answered("*1\r\n:-1\r\n"), "_SESSION.KEEP 7");
  pass(seconds(5));
  EXPECT_EQ(answered(""), "");
}

TEST_F(Attached, WhatWasNotDoneOrNotHeardIsSaidAgainUnderALowerNumber) {
  TestClient client(clients);
  attach(client, "7");
  pass(milliseconds(300));
  const std::uint64_t first = node.routed.at(0).origin().request;
  EXPECT_EQ(answered("", replica::Verdict::not_done), "_SESSION.KEEP 7");
  pass(milliseconds(20));
  EXPECT_LT(node.routed.at(0).origin().request, first);
  node.routed.clear();  // lost on its way
  pass(milliseconds(500));
  EXPECT_EQ(answered("*1\r\n:900\r\n"), "_SESSION.KEEP 7");
}

TEST_F(Attached, WithoutALeaderItIsTriedAgain) {
  TestClient client(clients);
  attach(client, "7");
  node.answer_to_route = Services::Routed::no_leader;
  pass(milliseconds(300));
  node.answer_to_route = Services::Routed::sent;
  pass(milliseconds(20));
  EXPECT_EQ(answered("*1\r\n:900\r\n"), "_SESSION.KEEP 7");
}

TEST_F(Attached, DetachAndResetEndIt) {
  TestClient client(clients);
  attach(client, "7");
  attach(client, "8");
  client.stream->take();
  client.say("SESSION.DETACH 7");
  client.say("SESSION.DETACH 7");
  client.say("SESSION.DETACH x");
  turn();
  EXPECT_EQ(client.stream->take(), ":1\r\n:0\r\n-ERR a session's id is an integer above 0\r\n");
  client.say("RESET");
  pass(seconds(5));
  EXPECT_EQ(answered(""), "");
}

TEST_F(Attached, AConnectionKeepsOnlySoManyAndNoneInATransaction) {
  TestClient client(clients);
  for (int i = 1; i <= 100; ++i) attach(client, fmt::to_string(i));
  client.stream->take();
  client.say("SESSION.ATTACH 101");
  turn();
  EXPECT_TRUE(client.stream->take().starts_with("-LIMIT")) << "named in the error";
  attach(client, "100");
  client.stream->take();
  client.say("MULTI");
  client.say("SESSION.ATTACH 100");
  client.say("SESSION.KEEP 100");
  client.say("EXEC");
  turn();
  EXPECT_TRUE(client.stream->take().ends_with("-EXECABORT Transaction discarded because of previous "
                                              "errors.\r\n"));
}

}  // namespace
}  // namespace holdfast::server

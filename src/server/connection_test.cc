#include "server/connection.h"

#include "server/client_test_tools.h"
#include "server/password.h"

namespace holdfast::server::testing {
namespace {

using replica::Verdict;
using ConnectionTest = ClientsTest;

// ---- who may come in

TEST_F(ConnectionTest, ProtectedModeRefusesOthersWhileThereIsNoPassword) {
  TestClient stranger(clients, "10.1.2.3:1000");
  EXPECT_EQ(stranger.handler, nullptr);
  EXPECT_TRUE(stranger.stream->closed);
  EXPECT_TRUE(stranger.stream->take().starts_with("-DENIED Holdfast is in protected mode"));
  TestClient own(clients, "[::1]:1000");
  EXPECT_NE(own.handler, nullptr);
  node.password = encode_password("x", {}, 1);
  TestClient with_password(clients, "10.1.2.3:1000");
  EXPECT_NE(with_password.handler, nullptr);
  node.password.clear();
  node.settings.protected_mode = false;
  TestClient unprotected(clients, "10.1.2.3:1000");
  EXPECT_NE(unprotected.handler, nullptr);
}

TEST_F(ConnectionTest, TooManyClientsAreRefused) {
  node.settings.max_clients = 1;
  TestClient first(clients);
  TestClient second(clients);
  EXPECT_EQ(second.handler, nullptr);
  EXPECT_EQ(second.stream->take(), "-ERR max number of clients reached\r\n");
  first.break_off();
  turn();
  TestClient third(clients);
  EXPECT_NE(third.handler, nullptr);
  EXPECT_EQ(clients.connected(), 1u);
}

TEST_F(ConnectionTest, IdleClientsAreClosedAfterTimeout) {
  node.settings.timeout_s = 10;
  TestClient idle(clients);
  TestClient busy(clients);
  busy.say("LOCK.ACQUIRE l me TTL 1000 WAIT 60000");
  end(0, Verdict::blocked);
  pass(seconds(5));
  pass(seconds(6));
  EXPECT_TRUE(idle.stream->closed);
  EXPECT_FALSE(busy.stream->closed);
}

// ---- bytes that make no sense

TEST_F(ConnectionTest, AProtocolErrorIsAnsweredInItsTurnAndClosed) {
  TestClient client(clients);
  client.handler->on_bytes("GET a\r\n*1\r\n$x\r\nPING\r\n");
  turn();
  EXPECT_FALSE(client.stream->closed);
  answer(0, "$-1\r\n");
  EXPECT_EQ(told(client), "$-1\r\n-ERR Protocol error: invalid bulk length\r\n");
  EXPECT_TRUE(client.stream->closed);
  EXPECT_FALSE(client.stream->closed_at_once);
  EXPECT_EQ(clients.connected(), 0u);
}

TEST_F(ConnectionTest, StrangersHaveSmallLimits) {
  node.password = encode_password("x", {}, 1);
  TestClient client(clients);
  client.handler->on_bytes("*11\r\n");
  EXPECT_EQ(told(client), "-ERR Protocol error: unauthenticated multibulk length\r\n");
  EXPECT_TRUE(client.stream->closed);
}

TEST_F(ConnectionTest, CommandsMayComeInPieces) {
  TestClient client(clients);
  const std::string bytes = "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n";
  for (const char c : bytes) client.handler->on_bytes(std::string_view(&c, 1));
  EXPECT_EQ(told(client), "+PONG\r\n$2\r\nhi\r\n");
}

// ---- back-pressure

TEST_F(ConnectionTest, ReadingStopsWhileTooMuchIsOutstanding) {
  TestClient client(clients);
  std::string pipeline;
  for (int i = 0; i < 1100; ++i) pipeline += "SET a 1\r\n";
  client.handler->on_bytes(pipeline);
  EXPECT_EQ(node.routed.size(), 1024u);
  client.handler->on_bytes(std::string(2 << 20, ' '));
  EXPECT_FALSE(client.stream->reading);
  for (std::size_t i = 0; i < 1024; ++i) answer(i, "+OK\r\n");
  turn();
  turn();
  EXPECT_EQ(node.routed.size(), 1100u);
}

TEST_F(ConnectionTest, AClientThatDoesNotReadIsNotReadEither) {
  TestClient client(clients);
  client.stream->stuck = true;
  client.say("GET big");
  answer(0, std::string(2 << 20, 'x'));
  turn();
  client.say("SET a 1");
  EXPECT_EQ(node.routed.size(), 1u);
  std::string blank_lines;
  for (int i = 0; i < 1 << 20; ++i) blank_lines += "\r\n";
  client.handler->on_bytes(blank_lines);
  EXPECT_FALSE(client.stream->reading);
  EXPECT_FALSE(client.stream->closed);
  client.stream->stuck = false;
  client.handler->on_drained();
  turn();
  EXPECT_EQ(node.routed.size(), 2u);
  EXPECT_TRUE(client.stream->reading);
}

TEST_F(ConnectionTest, AClientThatNeverReadsIsClosedAtTheHardLimit) {
  TestClient client(clients);
  client.stream->stuck = true;
  for (int i = 0; i < 5; ++i) client.say("GET big");
  const std::string big(60 << 20, 'x');
  for (std::size_t i = 0; i < 5; ++i) answer(i, big);
  turn();
  EXPECT_TRUE(client.stream->closed);
  EXPECT_TRUE(client.stream->closed_at_once);
  EXPECT_EQ(clients.connected(), 0u);
}

// ---- ends

TEST_F(ConnectionTest, QuitClosesAfterAllBeforeIsAnswered) {
  TestClient client(clients);
  client.say("SET a 1\r\nQUIT\r\nSET b 2");
  turn();
  EXPECT_EQ(node.routed.size(), 1u);
  EXPECT_FALSE(client.stream->closed);
  answer(0, "+OK\r\n");
  EXPECT_EQ(told(client), "+OK\r\n+OK\r\n");
  EXPECT_TRUE(client.stream->closed);
}

TEST_F(ConnectionTest, AClientThatOnlyEndsItsInputGetsItsAnswers) {
  TestClient client(clients);
  client.say("SET a 1\r\nPING");
  EXPECT_TRUE(client.handler->on_end_of_input());
  turn();
  EXPECT_FALSE(client.stream->closed);
  answer(0, "+OK\r\n");
  EXPECT_EQ(told(client), "+OK\r\n+PONG\r\n");
  EXPECT_TRUE(client.stream->closed);
}

TEST_F(ConnectionTest, AClientThatEndsItsInputWithNothingUnderWayIsClosed) {
  TestClient client(clients);
  client.handler->on_bytes("*2\r\n$4\r\nINCR");
  EXPECT_TRUE(client.handler->on_end_of_input());
  turn();
  EXPECT_TRUE(client.stream->closed);
  EXPECT_TRUE(node.routed.empty());
}

TEST_F(ConnectionTest, AnOutcomeForAClientThatHasGoneHurtsNobody) {
  TestClient client(clients);
  client.say("SET a 1");
  client.break_off();
  answer(0, "+OK\r\n");
  turn();
  EXPECT_EQ(clients.connected(), 0u);
}

// Whoever was told something last is thought of first.
TEST_F(ConnectionTest, NorDoesOneForAClientThatWasToldAnotherBefore) {
  TestClient gone(clients);
  TestClient other(clients);
  gone.say("SET a 1\r\nSET b 2");
  other.say("SET c 3");
  answer(0, "+OK\r\n");
  EXPECT_EQ(told(gone), "+OK\r\n");
  gone.break_off();
  turn();
  answer(1, "+OK\r\n");
  answer(2, "+OK\r\n");
  EXPECT_EQ(told(other), "+OK\r\n");
}

TEST_F(ConnectionTest, DrainingTakesNoNewCommandsAndIsIdleWhenTheRestIsAnswered) {
  TestClient client(clients);
  client.say("SET a 1");
  clients.drain();
  client.say("SET b 2");
  EXPECT_FALSE(clients.idle());
  EXPECT_EQ(node.routed.size(), 1u);
  answer(0, "+OK\r\n");
  EXPECT_EQ(told(client), "+OK\r\n");
  EXPECT_TRUE(clients.idle());
  TestClient late(clients);
  EXPECT_EQ(late.handler, nullptr);
}

// ---- sleep

TEST_F(ConnectionTest, AnIdleNodeSleepsAndABusyOneWakesInTime) {
  TestClient client(clients);
  turn();
  EXPECT_EQ(clients.wake_at(), Instant::never());
  client.say("SET a 1");
  turn();
  EXPECT_LE(clients.wake_at(), node.time + milliseconds(20));
  answer(0, "+OK\r\n");
  EXPECT_LE(clients.wake_at(), node.time);  // there is something to hand over
  turn();
  EXPECT_EQ(clients.wake_at(), Instant::never());
}

}  // namespace
}  // namespace holdfast::server::testing

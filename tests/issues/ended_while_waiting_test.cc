// A client ended its input while a command of it waited for something, so that nothing behind that command
// was read on; when the command was answered nobody looked whether there is anything behind it. The
// connection stayed for ever, and kept the sessions that were attached to it. Found by the simulator
// (swarm 34), as a session that outlived its keeper.
#include "server/client_test_tools.h"

namespace holdfast::server::testing {
namespace {

using EndedWhileWaiting = ClientsTest;

TEST_F(EndedWhileWaiting, IsClosedOnceAnswered) {
  TestClient client(clients);
  client.say("FEED.READ 0 MATCH user: BLOCK 1000");
  EXPECT_TRUE(client.handler->on_end_of_input());
  turn();
  EXPECT_FALSE(client.stream->closed);
  answer(0, "-ERR no such feed\r\n");
  EXPECT_EQ(told(client), "-ERR no such feed\r\n");
  EXPECT_TRUE(client.stream->closed);
  EXPECT_EQ(clients.connected(), 0u);
}

TEST_F(EndedWhileWaiting, NoLongerKeepsItsSessions) {
  TestClient client(clients);
  client.say("SESSION.ATTACH 7");
  answer(0, "*1\r\n:900\r\n");
  EXPECT_EQ(told(client), ":900\r\n");
  client.say("FEED.READ 0 MATCH user: BLOCK 1000");
  EXPECT_TRUE(client.handler->on_end_of_input());
  answer(1, "-ERR no such feed\r\n");
  turn();
  pass(seconds(1));
  EXPECT_EQ(texts(2), Texts()) << "no word that session 7 is kept";
}

}  // namespace
}  // namespace holdfast::server::testing

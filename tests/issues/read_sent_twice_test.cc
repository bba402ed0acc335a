// Seed 100399 of `busy`: a leader was paused and thought lost; the read behind a write that was still
// on its way to it was sent again under the same epoch. When the leader went on it was too busy for
// the write, took the second sending of the read for one sent after that refusal, and answered it:
// the write could no longer be done in order.
#include <gtest/gtest.h>

#include "server/client_test_tools.h"

namespace holdfast::server::testing {
namespace {

class ReadSentTwice : public ClientsTest {
 protected:
  void lose_the_leader_and_find_it_again() {
    const NodeId leader = node.leads;
    no_leader();
    turn();
    node.leads = leader;
    clients.leader_changed();
    turn();
  }
};

TEST_F(ReadSentTwice, AReadBehindAWriteWaitsForWhatBecomesOfTheWrite) {
  TestClient client(clients);
  client.say("DEL a\r\nGET b");
  lose_the_leader_and_find_it_again();
  ASSERT_EQ(node.routed.size(), 2u);  // the leader has both, or will
  end(0, replica::Verdict::not_done);
  end(1, replica::Verdict::not_done);
  turn();
  EXPECT_EQ(texts(2), (Texts{"DEL a", "GET b"}));
  answer(2, ":1\r\n", 9);
  answer(3, "$-1\r\n");
  EXPECT_EQ(told(client), ":1\r\n$-1\r\n");
}

// In front of every write there is nothing that it could pass.
TEST_F(ReadSentTwice, AReadInFrontOfAllWritesGoesAgainAtOnce) {
  TestClient client(clients);
  client.say("GET b");
  lose_the_leader_and_find_it_again();
  EXPECT_EQ(texts(), (Texts{"GET b", "GET b"}));
}

}  // namespace
}  // namespace holdfast::server::testing

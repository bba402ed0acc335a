#include "server/transfer_watch.h"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

constexpr NodeId kSelf{1};
constexpr Epoch kOwn{7, kSelf};

class TransferWatchTest : public ::testing::Test {
 protected:
  void begin(NodeId to) { watch_.begin(to, kOwn, now_, milliseconds(300)); }
  bool look(NodeId leader, Epoch epoch, Duration later = {}) {
    now_ = now_ + later;
    return watch_.look(kSelf, leader, epoch, now_);
  }

  TransferWatch watch_;
  Instant now_ = Instant{} + seconds(5);
};

TEST_F(TransferWatchTest, NoneWasAskedFor) {
  EXPECT_FALSE(look(kSelf, kOwn));
  EXPECT_EQ(watch_.text(), "none");
  EXPECT_EQ(watch_.wake_at(), Instant::never());
}

TEST_F(TransferWatchTest, WhoWasNamedLeads) {
  begin(NodeId(3));
  EXPECT_EQ(watch_.text(), "to node 3: under way");
  EXPECT_EQ(watch_.wake_at(), now_ + milliseconds(300));
  EXPECT_FALSE(look(kSelf, kOwn, milliseconds(10)));
  EXPECT_FALSE(look(NodeId(), {8, NodeId(3)}, milliseconds(10))) << "nobody has won yet";
  EXPECT_TRUE(look(NodeId(3), {8, NodeId(3)}, milliseconds(500)));
  EXPECT_TRUE(watch_.succeeded());
  EXPECT_EQ(watch_.text(), "to node 3: node 3 leads");
  EXPECT_FALSE(look(NodeId(2), {9, NodeId(2)})) << "that is another story";
  EXPECT_EQ(watch_.text(), "to node 3: node 3 leads");
}

TEST_F(TransferWatchTest, AnotherOneLeads) {
  begin(NodeId(3));
  EXPECT_TRUE(look(NodeId(2), {8, NodeId(2)}));
  EXPECT_FALSE(watch_.succeeded());
  EXPECT_EQ(watch_.text(), "to node 3: node 2 leads");
}

TEST_F(TransferWatchTest, ThisNodeWasElectedAgain) {
  begin(NodeId());
  EXPECT_TRUE(look(kSelf, {9, kSelf}));
  EXPECT_FALSE(watch_.succeeded());
  EXPECT_EQ(watch_.text(), "node 1 leads");
}

TEST_F(TransferWatchTest, AnyoneWillDo) {
  begin(NodeId());
  EXPECT_TRUE(look(NodeId(2), {8, NodeId(2)}));
  EXPECT_TRUE(watch_.succeeded());
  EXPECT_EQ(watch_.text(), "node 2 leads");
}

TEST_F(TransferWatchTest, NobodyTookIt) {
  begin(NodeId(3));
  EXPECT_FALSE(look(kSelf, kOwn, milliseconds(299)));
  EXPECT_TRUE(look(kSelf, kOwn, milliseconds(1)));
  EXPECT_FALSE(watch_.succeeded());
  EXPECT_NE(watch_.text().find("to node 3: given up"), std::string::npos);
  begin(NodeId(2));
  EXPECT_EQ(watch_.text(), "to node 2: under way") << "the newest";
}

}  // namespace
}  // namespace holdfast::server

#include "server/acquaintances.h"

#include <gtest/gtest.h>

#include <optional>

#include "storage/test_disk.h"

namespace holdfast::server {
namespace {

constexpr std::uint64_t kCluster = 99;

storage::MetStart start(std::uint64_t node, std::uint64_t incarnation, std::uint64_t id) {
  return {NodeId(node), 7 * node, Incarnation(incarnation), id};
}

class AcquaintancesTest : public ::testing::Test {
 protected:
  storage::MetStarts on_disk() {
    bool damaged = false;
    const auto loaded = storage::load_met_starts(disk_, damaged);
    return loaded ? *loaded : storage::MetStarts{};
  }
  void turn(Duration later = {}) {
    now_ = now_ + later;
    one_->on_turn_end(now_);
    disk_.run_all();
    one_->on_turn_end(now_);
  }

  storage::TestDisk disk_;
  Instant now_ = Instant{} + seconds(100);
  std::unique_ptr<Acquaintances> one_ =
      std::make_unique<Acquaintances>(disk_, kCluster, storage::MetStarts{});
};

TEST_F(AcquaintancesTest, AMeetingIsKnownAtOnceAndSoonOnTheDisk) {
  EXPECT_EQ(one_->of(NodeId(2)), nullptr);
  EXPECT_TRUE(one_->meet(start(2, 5, 0xa)));
  EXPECT_FALSE(one_->meet(start(2, 5, 0xa))) << "nothing new";
  ASSERT_NE(one_->of(NodeId(2)), nullptr);
  EXPECT_EQ(one_->durable(NodeId(2)), nullptr);
  turn();
  ASSERT_NE(one_->durable(NodeId(2)), nullptr);
  EXPECT_EQ(*one_->durable(NodeId(2)), start(2, 5, 0xa));
  EXPECT_EQ(one_->wake_at(), Instant::never());

  one_ = std::make_unique<Acquaintances>(disk_, kCluster, on_disk());
  ASSERT_NE(one_->of(NodeId(2)), nullptr);
  EXPECT_EQ(*one_->of(NodeId(2)), start(2, 5, 0xa));
}

TEST_F(AcquaintancesTest, WhatComesWhileItIsWrittenIsWrittenNext) {
  one_->meet(start(2, 5, 0xa));
  one_->on_turn_end(now_);
  one_->meet(start(3, 1, 0xb));
  one_->meet(start(2, 6, 0xc));
  EXPECT_EQ(one_->durable(NodeId(2)), nullptr);
  turn();
  turn();
  EXPECT_EQ(on_disk().starts, (std::vector{start(2, 6, 0xc), start(3, 1, 0xb)}));
  EXPECT_EQ(*one_->durable(NodeId(2)), start(2, 6, 0xc));
}

TEST_F(AcquaintancesTest, AFullDiskOnlyDelaysIt) {
  disk_.fault = [](const env::DiskOperation&) {
    return std::optional(Error{"no room", true});
  };
  one_->meet(start(2, 5, 0xa));
  turn();
  EXPECT_EQ(one_->durable(NodeId(2)), nullptr);
  EXPECT_EQ(one_->wake_at(), now_ + seconds(5));
  disk_.fault = {};
  turn(seconds(4));
  EXPECT_EQ(one_->durable(NodeId(2)), nullptr);
  turn(seconds(1));
  ASSERT_NE(one_->durable(NodeId(2)), nullptr);
}

TEST_F(AcquaintancesTest, WhoHasLeftIsForgottenAndAnotherClusterSaysNothing) {
  one_->meet(start(2, 5, 0xa));
  one_->meet(start(3, 1, 0xb));
  turn();
  one_->forget(NodeId(2));
  one_->forget(NodeId(9));
  turn();
  EXPECT_EQ(on_disk().starts, std::vector{start(3, 1, 0xb)});
  one_ = std::make_unique<Acquaintances>(disk_, kCluster + 1, on_disk());
  EXPECT_EQ(one_->of(NodeId(3)), nullptr);
}

}  // namespace
}  // namespace holdfast::server

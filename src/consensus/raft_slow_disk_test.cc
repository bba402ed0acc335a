// Elections on disks that take as long to write a promise as an election time-out, and longer.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;

constexpr Duration kStep = milliseconds(5);

// Three replicas whose writes take so long, one after the other; their messages take no time.
class OnSlowDisks {
 public:
  OnSlowDisks(std::uint64_t seed, Duration write) : cluster(options(seed)), write_(write) {}

  // Until somebody leads; the time that took, or `most`.
  Duration elect(Duration most) {
    for (Duration waited; waited < most; waited = waited + kStep) {
      if (leader() != 0) return waited;
      pass();
    }
    return most;
  }

  void pass() {
    now_ = now_ + kStep;
    for (const std::uint64_t node : cluster.nodes()) {
      if (!cluster.up(node)) continue;
      cluster.elapse(node, kStep);
      write(node);
    }
    while (cluster.deliver_one()) {
    }
  }

  std::uint64_t leader() const {
    for (const std::uint64_t node : cluster.nodes()) {
      if (cluster.up(node) && cluster.role(node) == Role::leader) return node;
    }
    return 0;
  }

  Cluster cluster;

 private:
  static ClusterOptions options(std::uint64_t seed) {
    ClusterOptions options;
    options.seed = seed;
    return options;
  }

  // A write begins when the one before it has ended.
  void write(std::uint64_t node) {
    auto& ends = ends_[node];
    while (ends.size() < cluster.writes_under_way(node)) {
      ends.push_back((ends.empty() ? now_ : std::max(now_, ends.back())) + write_);
    }
    while (!ends.empty() && ends.front() <= now_) {
      ends.pop_front();
      cluster.sync(node, 1);
    }
  }

  const Duration write_;
  Instant now_;
  std::map<std::uint64_t, std::deque<Instant>> ends_;
};

class RaftSlowDisk : public ::testing::TestWithParam<std::int64_t> {
 protected:
  // Three elections, one after the other.
  static Duration longest() { return seconds(3) + milliseconds(GetParam()) * 6; }
};

TEST_P(RaftSlowDisk, somebody_is_elected_and_goes_on_leading) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    OnSlowDisks disks(seed, milliseconds(GetParam()));
    EXPECT_LT(disks.elect(seconds(60)), longest()) << "seed " << seed;
    const std::uint64_t leader = disks.leader();
    ASSERT_NE(leader, 0u) << "seed " << seed;
    const Epoch epoch = disks.cluster.epoch(leader);
    for (int i = 0; i < 1000; ++i) disks.pass();
    EXPECT_EQ(disks.cluster.epoch(leader), epoch) << "seed " << seed;
    EXPECT_GE(disks.cluster.commit(leader), 1u) << "seed " << seed;

    disks.cluster.crash(leader);
    EXPECT_LT(disks.elect(seconds(60)), longest()) << "another, seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Milliseconds, RaftSlowDisk,
                         ::testing::Values(1, 100, 300, 400, 550, 700, 1000, 1500));

}  // namespace
}  // namespace holdfast::consensus

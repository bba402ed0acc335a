#include "server/health.h"

#include <gtest/gtest.h>

#include "server/histogram.h"

namespace holdfast::server {
namespace {

Standing well() {
  return {.serving = true, .leader = NodeId(2), .commit = Index(5000), .applied = Index(5000)};
}

std::string reason(const Standing& standing) {
  const Readiness readiness = readiness_of(standing);
  EXPECT_FALSE(readiness.ready);
  return readiness.reason.substr(0, readiness.reason.find_first_of(" :"));
}

TEST(Health, ReadyIsWhoKnowsALeaderAndIsLevel) {
  EXPECT_TRUE(readiness_of(well()).ready);
  Standing standing = well();
  standing.applied = Index(5000 - kSmallLag);
  EXPECT_TRUE(readiness_of(standing).ready);
  standing.applied = Index(5000 - kSmallLag - 1);
  EXPECT_EQ(reason(standing), "catching");
  // Applied and not yet told that it is committed: a snapshot that was just installed.
  standing.applied = Index(6000);
  EXPECT_TRUE(readiness_of(standing).ready);
}

TEST(Health, SaysWhyNot) {
  Standing standing = well();
  standing.leader = NodeId();
  EXPECT_EQ(reason(standing), "no");
  standing = well();
  standing.draining = true;
  EXPECT_EQ(reason(standing), "draining");
  standing.restoring = true;
  EXPECT_EQ(reason(standing), "restoring");
  standing.recovering = true;
  EXPECT_EQ(reason(standing), "recovering");
  standing.agreement = replica::Agreement::rebuilding;
  EXPECT_EQ(reason(standing), "recovering");
  standing.agreement = replica::Agreement::stopped;
  EXPECT_EQ(reason(standing), "stopped");
  standing.serving = false;
  EXPECT_EQ(reason(standing), "not");
  standing.ending = true;
  EXPECT_EQ(reason(standing), "shutting");
  standing.removed = true;
  EXPECT_EQ(reason(standing), "removed");
}

TEST(Histogram, CountsUpToAndWithItsBounds) {
  Histogram histogram;
  histogram.add(microseconds(100));
  histogram.add(microseconds(101));
  histogram.add(seconds(10));
  histogram.add(seconds(11));
  EXPECT_EQ(histogram.within(0), 1u);
  EXPECT_EQ(histogram.within(1), 2u);
  EXPECT_EQ(histogram.within(Histogram::kBounds.size() - 1), 3u);
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_EQ(histogram.sum_us(), 21'000'201u);
}

}  // namespace
}  // namespace holdfast::server

// A lock granted late in a millisecond ended up to a millisecond before its TTL: stamps are cut to
// whole milliseconds, and what was due at the stamp of its deadline was ended by it. Seen as 0.77
// ms by a client that kept its own time.

#include <gtest/gtest.h>

#include "keyspace/keyspace.h"
#include "keyspace/holding.h"
#include "replica/cluster_clock.h"
#include "routing/slot.h"

namespace holdfast {
namespace {

constexpr Instant kStart{1'000'000'000};

TEST(TtlEndedEarly, AHoldLastsAtLeastItsTtl) {
  replica::ClusterClock clock({1000}, kStart);
  keyspace::Keyspace keyspace(1);
  const keyspace::Key name{"door", routing::slot_of("door")};
  keyspace::AcquireRequest request;
  request.owner = "alice";
  request.ttl_ms = 100;
  const Instant granted = kStart + microseconds(900);
  const auto result = keyspace.locks().acquire(name, request, clock.at(granted), Index(1));

  const ClusterTime deadline = result.grant.deadline;
  for (Instant now = granted; now <= granted + milliseconds(100); now = now + microseconds(50)) {
    keyspace.expire_due(clock.at(now), 10);
    ASSERT_TRUE(keyspace.locks().holds(name, result.grant.token, clock.at(now)))
        << (now - granted).ns << " ns after the grant";
    ASSERT_GT(clock.until(deadline, now).ns, 0);
  }
  const Instant over = granted + milliseconds(101);
  EXPECT_EQ(clock.until(deadline, over).ns, 0);
  EXPECT_EQ(keyspace.expire_due(clock.at(over), 10), 1u);
}

}  // namespace
}  // namespace holdfast

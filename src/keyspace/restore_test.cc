// What a backup holds, in a keyspace with revisions and times of its own.
#include <gtest/gtest.h>

#include <limits>

#include "keyspace/test_tools.h"

namespace holdfast::keyspace {

namespace {

constexpr TimeShift kLater{.cluster_ms = 1000, .wall_ms = 5000};

void restore(Keyspace& keyspace, Keyspace& source, const TimeShift& shift = {}) {
  keyspace.lift_revision(source.revision());
  for (const std::string& chunk : snapshot_of(source, 100)) {
    const auto restored = keyspace.restore_chunk(chunk, shift);
    ASSERT_TRUE(restored.ok()) << restored.error().message;
  }
}

AcquireRequest asking(std::string_view owner, std::int64_t wait_ms = 0) {
  AcquireRequest request;
  request.owner = owner;
  request.ttl_ms = 500;
  request.wait_ms = wait_ms;
  request.origin = origin_of(1, 1, owner.back(), 1);
  return request;
}

std::uint64_t token_of(Keyspace& keyspace, std::string_view name, std::string_view owner) {
  const auto result = keyspace.locks().acquire(key_named(name), asking(owner), ClusterTime{0}, {});
  EXPECT_EQ(result.outcome, AcquireOutcome::granted);
  return result.grant.token;
}

}  // namespace

TEST(Restore, KeysComeInTheirOrderAndCountAsChanged) {
  Keyspace source(1);
  for (int i = 0; i < 300; ++i) source.put(key_named(fmt::format("k{}", i)), Value::integer(i));
  source.set_expiry(key_named("k7"), {ClusterTime{100}, {200}});
  Keyspace target(2);
  target.lift_revision(10'000);
  restore(target, source, kLater);

  std::vector<std::string> names, expected;
  source.for_each([&](const Object& object) { return expected.emplace_back(object.name()), true; });
  target.for_each([&](const Object& object) {
    EXPECT_GT(object.modified(), 10'000u);
    return names.emplace_back(object.name()), true;
  });
  EXPECT_EQ(names, expected);
  EXPECT_EQ(target.find(key_named("k7"))->expiry(), (Expiry{ClusterTime{1100}, {5200}}));
  EXPECT_EQ(target.next_deadline(), ClusterTime{1100});
  EXPECT_EQ(target.expiring(), 1u);
}

TEST(Restore, ALockKeepsItsTokenAndWhatIsLeftOfItsTime) {
  Keyspace source(1);
  const std::uint64_t token = token_of(source, "l", "a");
  Keyspace target(2);
  target.lift_revision(1'000'000);
  restore(target, source, kLater);

  const auto info = target.locks().info(key_named("l"), ClusterTime{1000});
  ASSERT_TRUE(info && info->held);
  EXPECT_EQ(info->grant.token, token);
  EXPECT_EQ(info->owner, "a");
  EXPECT_EQ(target.locks().remaining(key_named("l"), token, ClusterTime{1000}), 500);
  EXPECT_EQ(target.locks().held(), 1u);
  ASSERT_EQ(target.locks().release(key_named("l"), token, ClusterTime{1100}),
            ReleaseOutcome::released);
  EXPECT_GT(token_of(target, "l", "b"), 1'000'000u);
}

TEST(Restore, AGrantIsNotWithdrawnForAConnectionOfTheOldCluster) {
  Keyspace source(1);
  const std::uint64_t first = token_of(source, "l", "a");
  source.locks().acquire(key_named("l"), asking("b", 400), ClusterTime{0}, Index(1));
  source.locks().release(key_named("l"), first, ClusterTime{10});
  Keyspace target(2);
  restore(target, source);

  EXPECT_EQ(target.locks().drop_node(NodeId(1), Incarnation(9), ClusterTime{-1}, ClusterTime{20}),
            0u);
  EXPECT_EQ(target.locks().info(key_named("l"), ClusterTime{20})->owner, "b");
}

TEST(Restore, NobodyWaitsInIt) {
  Keyspace source(1);
  token_of(source, "l", "a");
  AcquireRequest waits = asking("b", 400);
  waits.once_id = "id";
  source.locks().acquire(key_named("l"), waits, ClusterTime{0}, Index(1));
  source.once().store(key_named("l").slot, "id", {1, OnceState::waiting, "", {}, {}},
                      ClusterTime{900});
  Keyspace refusing(2);
  refusing.lift_revision(source.revision());
  bool good = true;
  for (const auto& chunk : snapshot_of(source)) {
    good = good && refusing.restore_chunk(chunk, {}).ok();
  }
  EXPECT_FALSE(good);

  source.drop_waits();
  EXPECT_TRUE(source.take_events().empty());
  Keyspace target(3);
  restore(target, source);
  EXPECT_EQ(target.locks().waiting(), 0u);
  EXPECT_EQ(target.once().size(), 0u);
  EXPECT_EQ(target.locks().held(), 1u);
}

TEST(Restore, AnswersGivenOnceAreKept) {
  Keyspace source(1);
  const std::uint64_t token = token_of(source, "l", "a");
  const Slot slot = key_named("l").slot;
  source.once().store(slot, "answered", {7, OnceState::answered, ":1\r\n", {}, {}},
                      ClusterTime{50});
  source.once().store(slot, "granted",
                      {8, OnceState::granted, "", {token, token, ClusterTime{60}}, {}},
                      ClusterTime{70});
  Keyspace target(2);
  restore(target, source, kLater);

  EXPECT_EQ(target.once().find(slot, "answered")->answer, ":1\r\n");
  EXPECT_EQ(target.once().find(slot, "answered")->until, ClusterTime{1050});
  EXPECT_EQ(target.once().find(slot, "granted")->grant.deadline, ClusterTime{1060});
  EXPECT_EQ(target.next_deadline(), ClusterTime{1050});
}

TEST(Restore, AFloorIsRaisedAndNeverLowered) {
  Keyspace source(1);
  source.guards().raise(Slot(1), "low", 5);
  source.guards().raise(Slot(1), "high", 50);
  Keyspace target(2);
  target.guards().raise(Slot(1), "low", 30);
  target.guards().raise(Slot(1), "high", 30);
  restore(target, source);
  EXPECT_EQ(target.guards().floor(Slot(1), "low"), 30u);
  EXPECT_EQ(target.guards().floor(Slot(1), "high"), 50u);
}

TEST(Restore, SettingsStay) {
  Keyspace source(1);
  source.set_setting("nodes", "theirs");
  Keyspace target(2);
  target.set_setting("nodes", "ours");
  restore(target, source);
  EXPECT_EQ(*target.setting("nodes"), "ours");
}

TEST(Restore, TimesAtTheEndsOfTimeStayThere) {
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  Keyspace source(1);
  source.put(key_named("k"), Value::integer(1));
  source.set_expiry(key_named("k"), {ClusterTime{kEnd - 5}, {kEnd - 5}});
  Keyspace target(2);
  restore(target, source, kLater);
  EXPECT_EQ(target.find(key_named("k"))->expiry().deadline, ClusterTime{kEnd - 1});
}

TEST(Restore, CoordinationIsClearedInSteps) {
  Keyspace keyspace(1);
  Prng random(5);
  for (std::int64_t now = 0; now < 4000; ++now) change_at_random(keyspace, random, {now});
  for (int i = 0; i < 20; ++i) token_of(keyspace, fmt::format("held{}", i), "a");
  for (int i = 0; i < 20; ++i) {
    keyspace.locks().acquire(key_named("held0"), asking(fmt::format("w{}", i), 900), {}, Index(1));
  }
  keyspace.guards().raise(Slot(3), "l", 3);
  const std::size_t waiting = keyspace.locks().waiting();
  keyspace.take_events();
  int steps = 1;
  while (!keyspace.clear_coordination(7)) ++steps;

  EXPECT_GT(steps, 5);
  EXPECT_EQ(keyspace.take_events().size(), waiting);
  EXPECT_EQ(keyspace.locks().held(), 0u);
  EXPECT_EQ(keyspace.locks().waiting(), 0u);
  EXPECT_EQ(keyspace.locks().names(), 0u);
  EXPECT_EQ(keyspace.once().size(), 0u);
  EXPECT_EQ(keyspace.guards().floor(Slot(3), "l"), 3u);
  keyspace.clear();
  EXPECT_EQ(keyspace.next_deadline(), ClusterTime::never());
}

// Whatever was there: the restored keyspace can be saved and loaded like any other, and two
// replicas that are given the same are the same.
TEST(Restore, RandomKeyspaces) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Prng random(seed);
    Keyspace source(seed);
    for (std::int64_t now = 0; now < 500; ++now) change_at_random(source, random, {now});
    source.drop_waits();
    Keyspace one(seed + 1), other(seed + 2), loaded(seed + 3);
    restore(one, source, kLater);
    restore(other, source, kLater);
    ASSERT_EQ(one.size(), source.size());
    ASSERT_EQ(one.locks().names(), source.locks().names());
    ASSERT_EQ(one.digest(), other.digest()) << "seed " << seed;
    load(loaded, snapshot_of(one));
    ASSERT_EQ(loaded.digest(), one.digest()) << "seed " << seed;
    while (!one.clear_coordination(50)) continue;
    one.clear();
    ASSERT_EQ(one.next_deadline(), ClusterTime::never()) << "seed " << seed;
  }
}

TEST(Restore, DamagedChunksAreErrors) {
  Keyspace source(1);
  Prng random(3);
  for (std::int64_t now = 0; now < 300; ++now) change_at_random(source, random, {now});
  source.drop_waits();
  const auto chunks = snapshot_of(source, 1 << 20);
  ASSERT_EQ(chunks.size(), 1u);
  for (std::size_t length = 0; length < chunks[0].size(); length += 7) {
    Keyspace target(2);
    target.lift_revision(source.revision());
    // Ends between parts are no damage that a chunk could know of.
    (void)target.restore_chunk(std::string_view(chunks[0]).substr(0, length), {}).ok();
  }
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = chunks[0];
    damaged[random.below(damaged.size())] ^= static_cast<char>(1 + random.below(255));
    Keyspace target(2);
    target.lift_revision(source.revision());
    (void)target.restore_chunk(damaged, kLater).ok();
  }
  Keyspace target(2);
  EXPECT_FALSE(target.restore_chunk("", {}).ok());
  EXPECT_FALSE(target.restore_chunk("\x63", {}).ok());
  // What is there already is not overwritten.
  restore(target, source);
  EXPECT_FALSE(target.restore_chunk(chunks[0], {}).ok());
}

}  // namespace holdfast::keyspace

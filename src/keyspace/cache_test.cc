#include "keyspace/cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

const Key kPage{"page", Slot(7)};

class CacheTest : public ::testing::Test {
 protected:
  CacheGot get(std::uint64_t connection, std::int64_t wait_ms = 0, std::int64_t stale_ms = 0,
               std::uint64_t node = 1) {
    const CacheGetRequest request{.lease_ms = 100,
                                  .stale_ms = stale_ms,
                                  .wait_ms = wait_ms,
                                  .origin = origin_of(node, 1, connection, 1)};
    const CacheGot got = caches_.get(kPage, request, now_, Index(++index_));
    keyspace_.end_step(now_);
    return got;
  }
  bool fill(std::uint64_t lease, std::string_view text, std::int64_t fresh_ms = 1000,
            std::int64_t keep_ms = 0) {
    const bool filled =
        caches_.fill(kPage, lease, text, {now_.plus_ms(fresh_ms), {fresh_ms}}, keep_ms, now_);
    keyspace_.end_step(now_);
    return filled;
  }
  bool erase() {
    const bool erased = keyspace_.erase(kPage);
    keyspace_.end_step(now_);
    return erased;
  }
  void pass(std::int64_t ms) {
    now_ = now_.plus_ms(ms);
    while (keyspace_.expire_due(now_, 10) == 10) {
    }
  }
  // Who was told since the last call, and what: a value, a lease (as !), or nothing.
  std::string told() {
    std::string text;
    for (const WaiterEvent& event : keyspace_.take_events()) {
      EXPECT_EQ(event.kind, WaitKind::cache);
      if (event.granted && event.value == nullptr) lease_ = event.grant.token;
      text += fmt::format("{}:{} ", event.origin.connection.value,
                          event.value ? *event.value : event.granted ? "!" : "-");
    }
    return text;
  }
  // The same digest, and the same again after a snapshot.
  void expect_restorable() {
    Keyspace copy(77);
    load(copy, snapshot_of(keyspace_, 1));
    EXPECT_EQ(copy.digest(), keyspace_.digest());
    EXPECT_EQ(copy.caches().leases(), caches_.leases());
    EXPECT_EQ(copy.caches().waiting(), caches_.waiting());
    EXPECT_EQ(copy.next_deadline(), keyspace_.next_deadline());
    EXPECT_EQ(copy.memory() == 0, keyspace_.memory() == 0);
  }

  Keyspace keyspace_{1};
  CacheTable& caches_ = keyspace_.caches();
  ClusterTime now_{1000};
  std::uint64_t index_ = 0;
  std::uint64_t lease_ = 0;
};

TEST_F(CacheTest, OneFetchesAndTheOthersAreToldWhatHeStores) {
  const CacheGot mine = get(1);
  EXPECT_EQ(mine.outcome, CacheGet::leased);
  EXPECT_GT(mine.lease, 0u);
  EXPECT_EQ(get(2).outcome, CacheGet::busy);
  EXPECT_EQ(get(3, 50).outcome, CacheGet::queued);
  EXPECT_EQ(get(4, 50).outcome, CacheGet::queued);
  EXPECT_EQ(caches_.leases(), 1u);
  EXPECT_EQ(caches_.waiting(), 2u);
  expect_restorable();
  EXPECT_FALSE(fill(mine.lease + 1, "wrong"));
  EXPECT_FALSE(fill(0, "wrong"));
  EXPECT_EQ(told(), "");
  EXPECT_TRUE(fill(mine.lease, "right"));
  EXPECT_EQ(told(), "3:right 4:right ");
  EXPECT_FALSE(fill(mine.lease, "again"));
  EXPECT_EQ(keyspace_.find(kPage)->value().to_string(), "right");
  EXPECT_EQ(caches_.size(), 0u);
  EXPECT_EQ(caches_.leases(), 0u);
  EXPECT_EQ(caches_.waiting(), 0u);
}

TEST_F(CacheTest, WhateverChangesTheKeyVoidsTheLease) {
  const auto lease_after = [&](auto change) {
    const std::uint64_t lease = get(1).lease;
    EXPECT_NE(lease, 0u);
    change();
    keyspace_.end_step(now_);
    EXPECT_FALSE(fill(lease, "stale"));
    erase();
    EXPECT_EQ(caches_.size(), 0u);
  };
  lease_after([&] { keyspace_.put(kPage, Value::string("x")); });
  lease_after([&] { keyspace_.put_text(kPage, "x"); });
  lease_after([&] { EXPECT_FALSE(keyspace_.erase(kPage)); });
  lease_after([&] { EXPECT_TRUE(caches_.invalidate(kPage)); });
  lease_after([&] { keyspace_.clear(); });
  lease_after([&] { pass(101); });
  lease_after([&] {
    keyspace_.put_text(kPage, "x");
    keyspace_.edit_text(kPage, [](std::string& text) { text += "y"; });
    keyspace_.erase(kPage);
  });
  EXPECT_FALSE(caches_.invalidate(kPage));
  const std::uint64_t lease = get(1).lease;
  keyspace_.put_text({"other", Slot(7)}, "x");
  pass(100);
  EXPECT_TRUE(fill(lease, "in time"));
}

TEST_F(CacheTest, TheNextWhoWaitsFetchesWhenALeaseIsNoGood) {
  get(1);
  get(2, 500);
  get(3, 500);
  get(4, 150);
  EXPECT_FALSE(erase());
  EXPECT_EQ(told(), "2:! ");
  const std::uint64_t second = lease_;
  expect_restorable();
  pass(101);  // who has it has died
  EXPECT_EQ(told(), "3:! ");
  EXPECT_FALSE(fill(second, "late"));
  EXPECT_GT(lease_, second);
  pass(50);
  EXPECT_EQ(told(), "4:- ");
  EXPECT_TRUE(fill(lease_, "v"));
  EXPECT_EQ(told(), "");
}

TEST_F(CacheTest, ALeaseThatIsOverAndNotYetEndedGoesToWhoWaitsBefore) {
  get(1);
  get(2, 500);
  now_ = now_.plus_ms(101);
  EXPECT_EQ(get(3).outcome, CacheGet::busy);
  EXPECT_EQ(told(), "2:! ");
  now_ = now_.plus_ms(101);
  EXPECT_FALSE(fill(lease_, "late"));
  EXPECT_EQ(get(3).outcome, CacheGet::leased);
}

TEST_F(CacheTest, WhoeverIsGoneIsDroppedAndHisLeaseWithHim) {
  get(1);
  get(2, 500, 0, 2);
  get(3, 500, 0, 2);
  get(4, 500, 0, 3);
  get(5, 500, 0, 3);
  EXPECT_FALSE(caches_.drop_waiter(kPage, origin_of(9, 1, 9, 1)));
  EXPECT_TRUE(caches_.drop_waiter(kPage, origin_of(2, 1, 2, 1)));
  EXPECT_EQ(told(), "2:- ");
  EXPECT_EQ(caches_.drop_node(NodeId(2), Incarnation(0)), 0u);
  EXPECT_EQ(caches_.drop_node(NodeId(2), Incarnation(1)), 1u);
  EXPECT_EQ(told(), "3:- ");
  EXPECT_TRUE(caches_.drop_waiter(kPage, origin_of(1, 1, 1, 1)));
  keyspace_.end_step(now_);
  EXPECT_EQ(told(), "4:! ");
  EXPECT_TRUE(caches_.drop_waiter(kPage, origin_of(3, 1, 4, 1)));
  keyspace_.end_step(now_);
  EXPECT_EQ(told(), "5:! ");
  EXPECT_EQ(caches_.waiting(), 0u);
}

TEST_F(CacheTest, WithinATransactionOnlyItsEndCounts) {
  get(1);
  get(2, 500);
  get(3, 500);
  keyspace_.erase(kPage);
  keyspace_.put_text(kPage, "a");
  keyspace_.put_text(kPage, "b");
  EXPECT_EQ(told(), "");
  keyspace_.end_step(now_);
  EXPECT_EQ(told(), "2:b 3:b ");
}

TEST_F(CacheTest, WhatIsStaleIsToldToWhoAsksForItOnly) {
  EXPECT_TRUE(fill(get(1).lease, "old", 100, 1000));
  expect_restorable();
  pass(101);
  EXPECT_EQ(keyspace_.find(kPage), nullptr);
  expect_restorable();
  const CacheGot first = get(2, 0, 500);
  EXPECT_EQ(first.outcome, CacheGet::leased);
  ASSERT_NE(first.stale, nullptr);
  EXPECT_EQ(first.stale->view().to_string(), "old");
  expect_restorable();
  EXPECT_EQ(get(3, 0, 500).outcome, CacheGet::stale);
  EXPECT_EQ(get(3, 0, 500).stale->view().to_string(), "old");
  EXPECT_EQ(get(3).outcome, CacheGet::busy);
  pass(50);
  EXPECT_EQ(get(3, 0, 51).outcome, CacheGet::stale);
  EXPECT_EQ(get(3, 0, 50).outcome, CacheGet::busy);
  EXPECT_TRUE(fill(first.lease, "new", 100, 20));
  pass(101);
  EXPECT_EQ(get(3, 0, 500).stale->view().to_string(), "new");
  pass(21);
  EXPECT_EQ(get(4, 0, 500).outcome, CacheGet::busy);
  erase();
  EXPECT_EQ(caches_.size(), 0u);
}

TEST_F(CacheTest, WhoChangesAKeyDoesNotWantWhatWasThereBefore) {
  const auto stale_after = [&](auto change) {
    EXPECT_TRUE(fill(get(1).lease, "old", 100, 1000));
    change();
    keyspace_.end_step(now_);
    pass(101);
    const CacheGot got = get(2, 0, 500);
    erase();
    return got.stale != nullptr;
  };
  EXPECT_TRUE(stale_after([] {}));
  EXPECT_TRUE(stale_after([&] { keyspace_.set_expiry(kPage, {now_.plus_ms(50), {}}); }));
  EXPECT_FALSE(stale_after([&] { keyspace_.set_expiry(kPage, {}), keyspace_.erase(kPage); }));
  EXPECT_FALSE(stale_after([&] { keyspace_.erase(kPage); }));
  EXPECT_FALSE(stale_after([&] { keyspace_.put_text(kPage, "x"); }));
  EXPECT_FALSE(stale_after([&] { keyspace_.clear(); }));
  EXPECT_FALSE(stale_after([&] { pass(101), caches_.invalidate(kPage); }));
  EXPECT_FALSE(stale_after([&] { pass(101), keyspace_.clear(); }));
}

TEST_F(CacheTest, ALargeValueIsToldInSeveralEntries) {
  const CacheGot mine = get(1);
  for (std::uint64_t i = 2; i < 10; ++i) get(i, 5000);
  const std::string large(CacheTable::kServedBytes / 3, 'x');
  EXPECT_FALSE(keyspace_.anything_to_tell());
  EXPECT_TRUE(fill(mine.lease, large));
  EXPECT_TRUE(keyspace_.anything_to_tell());
  EXPECT_EQ(keyspace_.take_events().size(), 3u);
  EXPECT_FALSE(keyspace_.anything_to_tell());
  expect_restorable();
  EXPECT_EQ(keyspace_.expire_due(now_, 10), 0u);
  EXPECT_TRUE(keyspace_.next_deadline().passed(now_.plus_ms(1)));
  pass(1);
  EXPECT_EQ(keyspace_.take_events().size(), 3u);
  // What is there now is told to the rest; when nothing is, the next one fetches it.
  keyspace_.erase(kPage);
  keyspace_.end_step(now_);
  EXPECT_EQ(told(), "8:! ");
  EXPECT_TRUE(fill(lease_, std::string(CacheTable::kServedBytes, 'y')));
  EXPECT_EQ(keyspace_.take_events().size(), 1u);
  EXPECT_EQ(keyspace_.next_deadline(), now_.plus_ms(1000));
  erase();
  EXPECT_EQ(caches_.size(), 0u);
  EXPECT_EQ(keyspace_.memory(), 0u);
}

TEST_F(CacheTest, HasLimits) {
  const auto ask = [&](Key key, std::uint64_t connection, std::int64_t wait_ms) {
    const CacheGetRequest request{
        .lease_ms = 100, .wait_ms = wait_ms, .origin = origin_of(1, 1, connection, 1)};
    return caches_.get(key, request, now_, Index(1)).outcome;
  };
  for (std::size_t i = 0; i < CacheTable::kMaxLeases; ++i) {
    ASSERT_EQ(ask(key_named(fmt::format("k{}", i)), i, 0), CacheGet::leased);
  }
  EXPECT_EQ(ask(key_named("one more"), 1, 0), CacheGet::too_many_leases);
  for (std::size_t i = 0; i < CacheTable::kMaxWaiters; ++i) {
    ASSERT_EQ(ask(key_named("k5"), i, 50), CacheGet::queued);
  }
  EXPECT_EQ(ask(key_named("k5"), CacheTable::kMaxWaiters, 50), CacheGet::too_many_waiters);
  EXPECT_EQ(ask(key_named("k6"), CacheTable::kMaxWaiters, 50), CacheGet::queued);
  EXPECT_GT(keyspace_.memory(), 0u);
  while (!keyspace_.clear_coordination(1000)) {
  }
  EXPECT_EQ(keyspace_.memory(), 0u);
  EXPECT_EQ(caches_.leases(), 0u);
  EXPECT_EQ(keyspace_.take_events().size(), CacheTable::kMaxWaiters + 1);
}

TEST_F(CacheTest, OfABackupTheKeysComeBackAndNothingElse) {
  EXPECT_TRUE(fill(get(1).lease, "v", 1000, 1000));
  const Key other{"other", Slot(7)};
  const CacheGetRequest request{.lease_ms = 100, .wait_ms = 50, .origin = origin_of(1, 1, 1, 1)};
  caches_.get(other, request, now_, Index(1));
  caches_.get(other, request, now_, Index(2));
  Keyspace target(2);
  target.lift_revision(keyspace_.revision());
  for (const auto& chunk : snapshot_of(keyspace_)) {
    const auto restored = target.restore_chunk(chunk, {});
    ASSERT_TRUE(restored.ok()) << restored.error().message;
  }
  EXPECT_EQ(target.size(), 1u);
  EXPECT_EQ(target.caches().size(), 0u);
  // And nobody waits in what is made of a copy.
  keyspace_.drop_waits();
  EXPECT_EQ(caches_.waiting(), 0u);
  EXPECT_EQ(caches_.leases(), 1u);
  EXPECT_TRUE(keyspace_.take_events().empty());
  expect_restorable();
}

TEST_F(CacheTest, WhatIsTakenAwayWithinAStepIsNotSettledAtItsEnd) {
  get(1);
  get(2, 500);
  keyspace_.clear();
  EXPECT_TRUE(keyspace_.clear_coordination(10));
  keyspace_.end_step(now_);
  EXPECT_EQ(told(), "2:- ");
  EXPECT_EQ(caches_.size(), 0u);
  EXPECT_EQ(keyspace_.memory(), 0u);
}

TEST_F(CacheTest, ASnapshotHasWhatWasThereWhenItBegan) {
  const CacheGot mine = get(1);
  get(2, 500);
  const std::uint64_t digest = keyspace_.digest();
  keyspace_.begin_snapshot();
  fill(mine.lease, "v", 100, 100);
  pass(101);
  keyspace_.clear();
  keyspace_.end_step(now_);
  std::vector<std::string> chunks;
  for (std::string chunk; !(chunk = keyspace_.next_chunk(64)).empty();) chunks.push_back(chunk);
  Keyspace copy(3);
  load(copy, chunks);
  EXPECT_EQ(copy.digest(), digest);
}

}  // namespace
}  // namespace holdfast::keyspace

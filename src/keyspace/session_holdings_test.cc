// What sessions hold and wait for: as long as the session lives, and not a moment longer.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "keyspace/session.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

class SessionHoldingsTest : public ::testing::Test {
 protected:
  std::uint64_t open() { return *keyspace_.sessions().open(1000, "", now_); }
  AcquireResult acquire(HoldingTable& table, std::string_view name, std::string_view owner,
                        std::uint64_t session, std::int64_t wait_ms = 0) {
    AcquireRequest request;
    request.owner = owner;
    request.session = session;
    if (session == 0) request.ttl_ms = 100'000;
    request.wait_ms = wait_ms;
    request.origin = origin_of(1, 1, ++connections_, 1);
    return table.acquire(key_named(name), request, now_, Index(connections_));
  }
  void end(std::uint64_t session, std::size_t bound = 1000) {
    keyspace_.sessions().end(session, bound, now_);
  }
  std::string holder(const HoldingTable& table, std::string_view name) {
    const auto info = table.info(key_named(name), now_);
    return info && info->held ? info->owner : "";
  }
  HoldingTable& locks() { return keyspace_.locks(); }

  Keyspace keyspace_{1};
  ClusterTime now_{1000};
  std::uint64_t connections_ = 0;
};

TEST_F(SessionHoldingsTest, AHoldEndsWithItsSessionAndNotBefore) {
  const std::uint64_t session = open();
  for (HoldingTable* table : {&locks(), &keyspace_.semaphores(), &keyspace_.elections()}) {
    const Grant grant = acquire(*table, "thing", "a", session).grant;
    EXPECT_EQ(grant.deadline, ClusterTime::never());
    acquire(*table, "thing", "b", 0, 1'000'000);
  }
  now_.ms += 99'000;
  keyspace_.expire_due(now_, 1000);
  EXPECT_EQ(keyspace_.sessions().info(session)->holds, 3u);
  // What comes out of a snapshot belongs to the session as well.
  Keyspace copy(2);
  load(copy, snapshot_of(keyspace_));
  ASSERT_EQ(copy.digest(), keyspace_.digest());
  for (Keyspace* each : {&keyspace_, &copy}) {
    for (HoldingTable* table : {&each->locks(), &each->semaphores(), &each->elections()}) {
      EXPECT_EQ(holder(*table, "thing"), "a");
    }
    std::size_t bound = 1000;
    EXPECT_TRUE(each->sessions().end(session, bound, now_));
    EXPECT_EQ(bound, 1000u - 4) << "the session and three holds";
    EXPECT_EQ(each->sessions().size(), 0u);
    for (HoldingTable* table : {&each->locks(), &each->semaphores(), &each->elections()}) {
      EXPECT_EQ(holder(*table, "thing"), "b");
      EXPECT_EQ(table->info(key_named("thing"), now_)->losses.at(0).how, Loss::session);
    }
  }
  EXPECT_EQ(copy.digest(), keyspace_.digest());
}

TEST_F(SessionHoldingsTest, RenewingGivesATimeOfItsOwn) {
  const std::uint64_t session = open();
  const Grant grant = acquire(locks(), "thing", "a", session).grant;
  EXPECT_EQ(locks().renew(key_named("thing"), grant.token, 500, now_), 500);
  EXPECT_EQ(keyspace_.sessions().info(session)->holds, 0u);
  end(session);
  EXPECT_EQ(holder(locks(), "thing"), "a");
  now_.ms += 501;
  keyspace_.expire_due(now_, 10);
  EXPECT_EQ(holder(locks(), "thing"), "");
}

TEST_F(SessionHoldingsTest, WhoHoldsOtherwiseIsNotToldOfTheSameGrant) {
  const std::uint64_t session = open();
  const std::uint64_t other = open();
  const Grant grant = acquire(locks(), "thing", "a", session).grant;
  EXPECT_EQ(acquire(locks(), "thing", "a", session).grant.token, grant.token);
  for (const std::uint64_t by : {other, std::uint64_t{0}}) {
    const auto refused = acquire(locks(), "thing", "a", by);
    EXPECT_EQ(refused.outcome, AcquireOutcome::other_terms);
    EXPECT_EQ(refused.session, session);
  }
}

TEST_F(SessionHoldingsTest, ThatFollowsKeysThenWaitsThenHolds) {
  const std::uint64_t session = open();
  acquire(locks(), "held", "a", session);
  acquire(locks(), "other", "x", 0);
  acquire(locks(), "other", "a", session, 1'000'000);
  keyspace_.put(key_named("key"), Value::string("v"));
  const Key keys[] = {key_named("key")};
  keyspace_.sessions().bind(session, keys);
  end(session, 2);
  EXPECT_EQ(keyspace_.find(key_named("key")), nullptr);
  EXPECT_EQ(locks().waiting(), 1u);
  end(session, 2);
  EXPECT_EQ(locks().waiting(), 0u);
  EXPECT_EQ(holder(locks(), "held"), "a") << "the session is ending, and this not yet ended";
  EXPECT_TRUE(keyspace_.sessions().any_ending());
  // Half of an end comes through a snapshot.
  Keyspace copy(2);
  load(copy, snapshot_of(keyspace_));
  ASSERT_EQ(copy.digest(), keyspace_.digest());
  std::size_t bound = 2;
  copy.sessions().end(session, bound, now_);
  end(session, 2);
  EXPECT_EQ(copy.digest(), keyspace_.digest());
  EXPECT_EQ(holder(locks(), "held"), "");
  EXPECT_EQ(keyspace_.sessions().size(), 0u);
}

TEST_F(SessionHoldingsTest, AnEndingSessionIsGivenNothing) {
  const std::uint64_t first = open();
  const std::uint64_t second = open();
  const std::uint64_t third = open();
  acquire(locks(), "thing", "a", first);
  acquire(locks(), "thing", "b", second, 1'000'000);
  acquire(locks(), "thing", "c", third, 1'000'000);
  keyspace_.sessions().begin_end(std::vector<std::uint64_t>{first, second});
  const std::uint64_t before = keyspace_.revision();
  end(first);
  EXPECT_EQ(holder(locks(), "thing"), "c");
  const auto events = keyspace_.take_events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_FALSE(events[0].granted);
  EXPECT_TRUE(events[1].granted);
  EXPECT_GT(events[1].grant.token, before);
  end(second);
  EXPECT_EQ(keyspace_.sessions().size(), 1u);
}

TEST_F(SessionHoldingsTest, ASessionHoldsNoMoreThanItMay) {
  const std::uint64_t session = open();
  for (std::size_t i = 0; i < HoldingTable::kMaxOfSession; ++i) {
    acquire(locks(), "many", "o" + std::to_string(i), session, 1'000'000);
  }
  const std::uint64_t before = keyspace_.digest();
  EXPECT_EQ(acquire(locks(), "one", "a", session).outcome, AcquireOutcome::too_many_of_session);
  EXPECT_EQ(acquire(locks(), "many", "a", session, 1).outcome, AcquireOutcome::too_many_of_session);
  EXPECT_EQ(keyspace_.digest(), before);
  EXPECT_EQ(acquire(locks(), "many", "o0", session).outcome, AcquireOutcome::granted);
  EXPECT_EQ(acquire(locks(), "one", "a", open()).outcome, AcquireOutcome::granted);
}

TEST_F(SessionHoldingsTest, ASnapshotWithoutTheSessionIsRefused) {
  acquire(locks(), "thing", "a", 7);
  Keyspace copy(2);
  for (const std::string& chunk : snapshot_of(keyspace_)) ASSERT_TRUE(copy.load_chunk(chunk).ok());
  const auto finished = copy.finish_load();
  ASSERT_FALSE(finished.ok());
  EXPECT_NE(finished.error().message.find("held by a session that is not there"),
            std::string::npos);
}

TEST_F(SessionHoldingsTest, ABackupIsRestoredWithoutWhatSessionsHeld) {
  acquire(locks(), "mine", "a", open());
  acquire(locks(), "timed", "a", 0);
  keyspace_.drop_waits();
  const std::vector<std::string> backup = snapshot_of(keyspace_);
  Keyspace other(3);
  other.lift_revision(1000);
  for (const std::string& chunk : backup) {
    ASSERT_TRUE(other.restore_chunk(chunk, {.cluster_ms = 500}).ok());
  }
  EXPECT_EQ(holder(other.locks(), "mine"), "");
  EXPECT_EQ(holder(other.locks(), "timed"), "a");
  EXPECT_EQ(other.sessions().size(), 0u);
  const auto info = other.locks().info(key_named("mine"), now_);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->losses.at(0).how, Loss::session);
  EXPECT_EQ(info->losses.at(0).when, ClusterTime{1500}) << "in the times of this cluster";
  // What was made of it can be saved and loaded.
  Keyspace copy(4);
  load(copy, snapshot_of(other));
  EXPECT_EQ(copy.digest(), other.digest());
}

// ---- against a model that does the same in the plainest way: nothing has a time of its own

struct HoldsOfSessions {
  struct Claim {
    std::string owner;
    std::uint64_t session = 0;
  };
  struct Thing {
    std::vector<Claim> holders;  // one at most
    std::deque<Claim> queue;
  };
  std::map<std::string, Thing> things;
  std::vector<std::uint64_t> alive;
  std::map<std::uint64_t, std::size_t> ending;  // never looked at but for membership

  void let_in(Thing& thing) {
    while (thing.holders.empty() && !thing.queue.empty()) {
      const Claim first = thing.queue.front();
      thing.queue.pop_front();
      if (!ending.contains(first.session)) thing.holders.push_back(first);
    }
  }
  void acquire(const std::string& name, const Claim& claim, bool wait) {
    Thing& thing = things[name];
    const auto mine = [&](const Claim& other) { return other.owner == claim.owner; };
    if (std::any_of(thing.holders.begin(), thing.holders.end(), mine)) return;
    if (thing.holders.empty() && thing.queue.empty()) {
      thing.holders.push_back(claim);
      return;
    }
    if (!wait) return;
    const auto queued = std::find_if(thing.queue.begin(), thing.queue.end(), mine);
    if (queued == thing.queue.end()) {
      thing.queue.push_back(claim);
    } else {
      queued->session = claim.session;
    }
  }
  void release(const std::string& name) {
    Thing& thing = things[name];
    thing.holders.clear();
    let_in(thing);
  }
  // All at once.
  void end(const std::vector<std::uint64_t>& ids) {
    for (const std::uint64_t id : ids) {
      ending[id] = 0;
      std::erase(alive, id);
    }
    const auto gone = [&](const Claim& claim) { return ending.contains(claim.session); };
    for (auto& [name, thing] : things) {
      std::erase_if(thing.queue, gone);
      std::erase_if(thing.holders, gone);
      let_in(thing);
    }
  }
  std::string shown(const std::string& name) const {
    const auto found = things.find(name);
    if (found == things.end()) return "";
    std::string text;
    for (const Claim& claim : found->second.holders) text += claim.owner + "!";
    for (const Claim& claim : found->second.queue) text += " " + claim.owner;
    return text;
  }
};

std::string shown(const HoldingTable& table, const std::string& name, ClusterTime now) {
  const auto info = table.info(key_named(name), now);
  if (!info) return "";
  std::string text;
  for (const HolderInfo& holder : info->holders) text += holder.owner + "!";
  for (const WaiterInfo& waiter : info->waiters) text += " " + waiter.owner;
  return text;
}

class SessionHoldingsModelTest : public SessionHoldingsTest {
 protected:
  // One end of several sessions, in bits of random size.
  void end_some(Keyspace& keyspace, const std::vector<std::uint64_t>& ids,
                std::vector<std::size_t> bounds) {
    keyspace.sessions().begin_end(ids);
    for (std::size_t i = 0; keyspace.sessions().any_ending(); ++i) {
      std::size_t bound = bounds[i % bounds.size()];
      keyspace.sessions().end(keyspace.sessions().ending(1).front(), bound, now_);
    }
  }
  void step(Prng& random) {
    HoldingTable& table = random.below(2) == 0 ? locks() : keyspace_.elections();
    HoldsOfSessions& model = &table == &locks() ? locks_ : elections_;
    const std::string name = "n" + std::to_string(random.below(5));
    const std::uint64_t what = random.below(100);
    if (what < 12) {
      alive_.push_back(open());
    } else if (what < 70) {
      const std::uint64_t session = alive_.empty() || random.below(4) == 0
                                        ? 0
                                        : alive_[random.below(alive_.size())];
      const std::string owner = "o" + std::to_string(random.below(12));
      const bool wait = random.below(3) != 0;
      acquire(table, name, owner, session, wait ? 50'000 : 0);
      model.acquire(name, {owner, session}, wait);
    } else if (what < 85) {
      const auto info = table.info(key_named(name), now_);
      if (!info || !info->held) return;
      table.release(key_named(name), info->grant.token, now_);
      model.release(name);
    } else {
      std::vector<std::uint64_t> ids;
      while (!alive_.empty() && random.below(3) != 0) {
        const std::size_t at = random.below(alive_.size());
        ids.push_back(alive_[at]);
        alive_.erase(alive_.begin() + static_cast<std::ptrdiff_t>(at));
      }
      end_some(keyspace_, ids, {2 + random.below(3), 2 + random.below(20)});
      locks_.end(ids);
      elections_.end(ids);
    }
  }

  HoldsOfSessions locks_;
  HoldsOfSessions elections_;
  std::vector<std::uint64_t> alive_;
};

TEST_F(SessionHoldingsModelTest, DoesWhatTheModelDoes) {
  Prng random(5);
  for (int i = 0; i < 6000; ++i) {
    step(random);
    for (int n = 0; n < 5; ++n) {
      const std::string name = "n" + std::to_string(n);
      ASSERT_EQ(shown(locks(), name, now_), locks_.shown(name)) << "step " << i;
      ASSERT_EQ(shown(keyspace_.elections(), name, now_), elections_.shown(name)) << "step " << i;
    }
    ASSERT_EQ(keyspace_.sessions().size(), alive_.size());
    if (i % 500 != 0) continue;
    Keyspace copy(static_cast<std::uint64_t>(i));
    load(copy, snapshot_of(keyspace_));
    ASSERT_EQ(copy.digest(), keyspace_.digest());
  }
}

}  // namespace
}  // namespace holdfast::keyspace

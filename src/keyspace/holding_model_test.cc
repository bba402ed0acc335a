// Locks against a model that is slow and plain, under random requests of a few owners for a few
// names.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/test_rounds.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

struct ModelHold {
  std::string owner;
  std::uint64_t token = 0;
  std::int64_t deadline = 0;
  std::int64_t since = 0;
  std::optional<Origin> told;  // until attended
};

struct ModelWaiter {
  std::string owner;
  Origin origin;
  std::int64_t ttl = 0;
  std::int64_t deadline = 0;
};

struct ModelLock {
  std::optional<ModelHold> hold;
  std::deque<ModelWaiter> queue;
  std::uint64_t last_token = 0;
  std::uint64_t released = 0;
  std::int64_t released_at = 0;
  int grants_since = 0;
};

// What the model expects to be told: who, and whether granted.
using Told = std::multiset<std::pair<Origin, bool>>;

class Model {
 public:
  ModelLock& of(const std::string& name) { return locks_[name]; }
  std::map<std::string, ModelLock>& all() { return locks_; }

  void grant(ModelLock& lock, const std::string& owner, std::int64_t ttl, std::int64_t now,
             std::optional<Origin> waited) {
    ASSERT_FALSE(lock.hold.has_value());
    // The token of a hand-over is learnt from what is told; 0 until then.
    lock.hold = ModelHold{owner, 0, now + ttl, now, waited};
    if (lock.released != 0 && ++lock.grants_since == 2) lock.released = 0;
  }
  void hand_over(ModelLock& lock, std::int64_t now) {
    lock.hold.reset();
    end_waits(lock, now);
    if (lock.queue.empty()) return;
    const ModelWaiter first = lock.queue.front();
    lock.queue.pop_front();
    told.emplace(first.origin, true);
    grant(lock, first.owner, first.ttl, now, first.origin);
  }
  void end_waits(ModelLock& lock, std::int64_t now) {
    std::erase_if(lock.queue, [&](const ModelWaiter& waiter) {
      if (waiter.deadline >= now) return false;
      told.emplace(waiter.origin, false);
      return true;
    });
  }
  void expire(std::int64_t now) {
    for (auto& [name, lock] : locks_) {
      end_waits(lock, now);
      if (lock.hold && lock.hold->deadline < now) hand_over(lock, now);
    }
  }
  AcquireOutcome acquire(ModelLock& lock, const AcquireRequest& request, std::int64_t now) {
    const std::string owner(request.owner);
    if (!lock.hold) {
      grant(lock, owner, request.ttl_ms, now, std::nullopt);
      return AcquireOutcome::granted;
    }
    if (lock.hold->owner == owner) {
      lock.hold->told.reset();
      return AcquireOutcome::granted;
    }
    if (request.wait_ms == 0) return AcquireOutcome::refused;
    for (ModelWaiter& waiter : lock.queue) {
      if (waiter.owner != owner) continue;
      told.emplace(waiter.origin, false);
      waiter = {owner, request.origin, request.ttl_ms, now + request.wait_ms};
      return AcquireOutcome::queued;
    }
    lock.queue.push_back({owner, request.origin, request.ttl_ms, now + request.wait_ms});
    return AcquireOutcome::queued;
  }
  bool drop(ModelLock& lock, const Origin& origin, std::int64_t now) {
    const std::size_t before = lock.queue.size();
    std::erase_if(lock.queue, [&](const ModelWaiter& waiter) { return waiter.origin == origin; });
    if (lock.queue.size() != before) {
      told.emplace(origin, false);
      return true;
    }
    if (!lock.hold || lock.hold->told != origin) return false;
    hand_over(lock, now);
    return true;
  }

  Told told;

 private:
  std::map<std::string, ModelLock> locks_;
};

class Story {
 public:
  explicit Story(std::uint64_t seed) : keyspace_(seed), random_(seed) {}

  void step() {
    now_ += random_.between(0, 8);
    model_.expire(now_);
    keyspace_.expire_due({now_}, 1000);
    compare();
    const std::string name = fmt::format("l{}", random_.below(3));
    ModelLock& lock = model_.of(name);
    const Key key = key_named(name);
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2:
      case 3:
        acquire(lock, key);
        break;
      case 4:
        release(lock, key);
        break;
      case 5:
        renew(lock, key);
        break;
      case 6:
        drop(lock, key);
        break;
      case 7:
        drop_node();
        break;
    }
    compare();
  }
  void finish() {
    now_ += 100'000;
    model_.expire(now_);
    keyspace_.expire_due({now_}, 1000);
    compare();
    EXPECT_EQ(keyspace_.locks().waiting(), 0u) << "a waiter was forgotten";
  }

 private:
  void acquire(ModelLock& lock, Key key) {
    AcquireRequest request;
    const std::string owner = fmt::format("o{}", random_.below(6));
    request.owner = owner;
    request.ttl_ms = random_.between(10, 60);
    request.wait_ms = random_.below(3) == 0 ? 0 : random_.between(1, 60);
    request.origin = origin_of(1 + random_.below(3), 1 + random_.below(2), ++connections_, 1);
    const auto expected = model_.acquire(lock, request, now_);
    const auto got = keyspace_.locks().acquire(key, request, {now_}, Index(connections_));
    ASSERT_EQ(got.outcome, expected);
    if (got.outcome == AcquireOutcome::granted) learn(lock, got.grant);
  }
  void release(ModelLock& lock, Key key) {
    const bool by_holder = lock.hold && random_.below(3) != 0;
    const std::uint64_t token = by_holder ? lock.hold->token : lock.released;
    const auto got = keyspace_.locks().release(key, token, {now_});
    if (by_holder) {
      ASSERT_EQ(got, ReleaseOutcome::released);
      lock.released = token;
      lock.released_at = now_;
      lock.grants_since = 0;
      model_.hand_over(lock, now_);
    } else {
      const bool again = token != 0 && now_ < lock.released_at + HoldingTable::kRememberedMs;
      ASSERT_EQ(got, again ? ReleaseOutcome::repeated : ReleaseOutcome::lost);
    }
  }
  void renew(ModelLock& lock, Key key) {
    if (!lock.hold) return;
    const std::int64_t ttl = random_.between(10, 80);
    const std::uint64_t wrong = random_.below(4) == 0 ? 1 : 0;
    const auto left = keyspace_.locks().renew(key, lock.hold->token + wrong, ttl, {now_});
    ASSERT_EQ(left.has_value(), wrong == 0);
    if (!left) return;
    ASSERT_EQ(*left, ttl);
    lock.hold->deadline = now_ + ttl;
    lock.hold->told.reset();
  }
  void drop(ModelLock& lock, Key key) {
    Origin origin = origin_of(1, 1, 1'000'000, 1);
    if (!lock.queue.empty() && random_.below(2) == 0) {
      origin = lock.queue[random_.below(lock.queue.size())].origin;
    } else if (lock.hold && lock.hold->told) {
      origin = *lock.hold->told;
    }
    const bool expected = model_.drop(lock, origin, now_);
    ASSERT_EQ(keyspace_.locks().drop_waiter(key, origin, {now_}), expected);
  }
  void drop_node() {
    const NodeId node(1 + random_.below(3));
    const Incarnation up_to(random_.below(3));
    const std::int64_t since = now_ - random_.between(0, 30);
    std::size_t expected = 0;
    const auto gone = [&](const Origin& origin) {
      return origin.node == node && origin.incarnation <= up_to;
    };
    for (auto& [name, lock] : model_.all()) {
      expected += std::erase_if(lock.queue, [&](const ModelWaiter& waiter) {
        if (gone(waiter.origin)) model_.told.emplace(waiter.origin, false);
        return gone(waiter.origin);
      });
      if (!lock.hold || !lock.hold->told || !gone(*lock.hold->told)) continue;
      if (lock.hold->since <= since) continue;
      ++expected;
      model_.hand_over(lock, now_);
    }
    ASSERT_EQ(keyspace_.locks().drop_node(node, up_to, {since}, {now_}), expected);
  }

  // A token: new ones are above all of the name, known ones stay.
  void learn(ModelLock& lock, const Grant& grant) {
    ASSERT_TRUE(lock.hold.has_value());
    if (lock.hold->token == 0) {
      ASSERT_GT(grant.token, lock.last_token);
      lock.hold->token = lock.last_token = grant.token;
    }
    ASSERT_EQ(grant.token, lock.hold->token);
    ASSERT_EQ(grant.deadline.ms, lock.hold->deadline);
  }

  void compare() {
    Told told;
    for (const WaiterEvent& event : keyspace_.take_events()) {
      told.emplace(event.origin, event.granted);
      if (!event.granted) continue;
      for (auto& [name, lock] : model_.all()) {
        if (lock.hold && lock.hold->token == 0 && lock.hold->told == event.origin) {
          learn(lock, event.grant);
        }
      }
    }
    ASSERT_EQ(told, model_.told);
    model_.told.clear();
    std::size_t held = 0;
    for (const auto& [name, lock] : model_.all()) {
      const auto info = keyspace_.locks().info(key_named(name), {now_});
      held += lock.hold ? 1 : 0;
      if (!info) {
        ASSERT_FALSE(lock.hold.has_value());
        continue;
      }
      ASSERT_EQ(info->held, lock.hold.has_value());
      ASSERT_FALSE(info->due);
      if (lock.hold) {
        ASSERT_EQ(info->owner, lock.hold->owner);
        ASSERT_EQ(info->grant.token, lock.hold->token);
        ASSERT_EQ(info->grant.deadline.ms, lock.hold->deadline);
      }
      ASSERT_EQ(info->waiters.size(), lock.queue.size());
      for (std::size_t i = 0; i < lock.queue.size(); ++i) {
        ASSERT_EQ(info->waiters[i].owner, lock.queue[i].owner);
        ASSERT_EQ(info->waiters[i].origin, lock.queue[i].origin);
        ASSERT_EQ(info->waiters[i].deadline.ms, lock.queue[i].deadline);
      }
    }
    ASSERT_EQ(keyspace_.locks().held(), held);
  }

  Keyspace keyspace_;
  Prng random_;
  Model model_;
  std::int64_t now_ = 1;
  std::uint64_t connections_ = 0;
};

TEST(LockModel, AgreesUnderRandomRequests) {
  for (std::uint64_t seed = 1; seed <= rounds(200); ++seed) {
    Story run(seed);
    for (int i = 0; i < 400 && !::testing::Test::HasFatalFailure(); ++i) run.step();
    run.finish();
    ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
  }
}

// Expiry that lags behind, as when an entry's bound is too small: still one holder at a time, and
// one answer to each who waited.
TEST(LockModel, HoldsItsPromisesWhenExpiryLags) {
  for (std::uint64_t seed = 1; seed <= rounds(100); ++seed) {
    Keyspace keyspace(seed);
    Prng random(seed);
    std::set<Origin> waiting;
    std::int64_t now = 1;
    std::uint64_t connections = 0;
    const Key key = key_named("lock");
    Grant current;
    const auto granted = [&](const Grant& grant) {
      if (grant.token == current.token) return;
      ASSERT_GT(grant.token, current.token);
      ASSERT_LE(current.deadline.ms, now) << "two holders";
      current = grant;
    };
    const auto listen = [&] {
      for (const WaiterEvent& event : keyspace.take_events()) {
        ASSERT_EQ(waiting.erase(event.origin), 1u) << "told twice";
        if (event.granted) granted(event.grant);
      }
    };
    for (int i = 0; i < 500; ++i) {
      now += random.between(0, 30);
      keyspace.expire_due({now}, random.below(2));
      listen();
      if (random.below(4) == 0) {
        if (keyspace.locks().release(key, current.token, {now}) == ReleaseOutcome::released) {
          current.deadline = {now};
        }
      } else {
        AcquireRequest request;
        const std::string owner = fmt::format("o{}", random.below(5));
        request.owner = owner;
        request.ttl_ms = random.between(10, 60);
        request.wait_ms = random.between(0, 100);
        request.origin = origin_of(1, 1, ++connections, 1);
        waiting.insert(request.origin);
        const auto got = keyspace.locks().acquire(key, request, {now}, {});
        if (got.outcome != AcquireOutcome::queued) waiting.erase(request.origin);
        listen();
        if (got.outcome == AcquireOutcome::granted) granted(got.grant);
      }
      listen();
      ASSERT_EQ(keyspace.locks().waiting(), waiting.size());
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
    }
    keyspace.expire_due({now + 100'000}, 1000);
    listen();
    EXPECT_TRUE(waiting.empty());
  }
}

}  // namespace
}  // namespace holdfast::keyspace

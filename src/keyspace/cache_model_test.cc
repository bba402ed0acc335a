// Caches' leases against a model of one key that is as simple as can be.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/test_rounds.h"
#include "keyspace/cache.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

const Key kName{"page", Slot(7)};

struct OneCache {
  struct Waiter {
    std::uint64_t connection = 0;
    std::int64_t lease_ms = 0;
    std::int64_t until = 0;
    std::uint64_t born = 0;
  };
  struct Copy {
    std::string text;
    std::int64_t since = 0;
    std::int64_t until = 0;
  };

  std::int64_t now = 1000;
  std::uint64_t births = 0;
  std::optional<std::string> text;
  std::uint64_t text_born = 0;
  std::optional<std::int64_t> text_until;
  std::int64_t keep_ms = 0;
  std::optional<Copy> stale;
  bool leased = false;
  std::int64_t lease_until = 0;
  std::uint64_t holder = 0;
  std::uint64_t born = 0;  // of the record
  bool recorded = false;
  std::deque<Waiter> waiters;
  std::string told;

  void lease_to(std::uint64_t connection, std::int64_t ms) {
    leased = true;
    holder = connection;
    lease_until = now + ms;
  }
  void settle() {
    if (text) {
      for (const Waiter& waiter : waiters) told += fmt::format("{}:{} ", waiter.connection, *text);
      waiters.clear();
    } else if (!leased && !waiters.empty()) {
      const Waiter next = waiters.front();
      waiters.pop_front();
      lease_to(next.connection, next.lease_ms);
      told += fmt::format("{}:! ", next.connection);
    }
    recorded = recorded && (leased || stale || keep_ms != 0 || !waiters.empty());
  }
  void changed() {
    leased = false;
    stale.reset();
    keep_ms = 0;
  }
  void put(std::string value) {
    changed();
    if (!text) text_born = ++births, text_until.reset();
    text = std::move(value);
    settle();
  }
  bool erase() {
    const bool there = text.has_value();
    changed();
    text.reset();
    text_until.reset();
    settle();
    return there;
  }
  std::string get(std::uint64_t connection, std::int64_t lease_ms, std::int64_t stale_ms,
                  std::int64_t wait_ms) {
    const bool good = stale && now - stale->since <= stale_ms;
    if (!leased && waiters.empty()) {
      if (!recorded) recorded = true, born = ++births;
      lease_to(connection, lease_ms);
      return "leased" + (good ? " " + stale->text : "");
    }
    if (good) return "stale " + stale->text;
    if (wait_ms == 0) return "busy";
    waiters.push_back({connection, lease_ms, now + wait_ms, ++births});
    return "queued";
  }
  bool fill(bool right, std::string value, std::int64_t fresh_ms, std::int64_t keep) {
    if (!right || !leased) return false;
    put(std::move(value));
    recorded = true;
    text_until = now + fresh_ms;
    keep_ms = keep;
    settle();
    return true;
  }
  bool drop(std::uint64_t connection) {
    const auto found = std::find_if(waiters.begin(), waiters.end(), [&](const Waiter& waiter) {
      return waiter.connection == connection;
    });
    if (found != waiters.end()) {
      told += fmt::format("{}:- ", connection);
      waiters.erase(found);
      settle();
      return true;
    }
    if (!leased || holder != connection) return false;
    leased = false;
    settle();
    return true;
  }
  // One millisecond: what is due ends in the order in which it came to be.
  void pass() {
    ++now;
    struct Due {
      std::uint64_t born;
      std::function<void()> end;
    };
    std::vector<Due> due;
    if (text && text_until && *text_until < now) due.push_back({text_born, [this] { end_text(); }});
    if ((leased && lease_until < now) || (stale && stale->until < now)) {
      due.push_back({born, [this] {
                       if (leased && lease_until < now) leased = false;
                       if (stale && stale->until < now) stale.reset();
                       settle();
                     }});
    }
    for (const Waiter& waiter : waiters) {
      if (waiter.until >= now) continue;
      due.push_back({waiter.born, [this, which = waiter.connection] {
                       const auto gone = std::remove_if(
                           waiters.begin(), waiters.end(),
                           [&](const Waiter& one) { return one.connection == which; });
                       if (gone == waiters.end()) return;
                       waiters.erase(gone, waiters.end());
                       told += fmt::format("{}:- ", which);
                     }});
    }
    std::sort(due.begin(), due.end(), [](const Due& a, const Due& b) { return a.born < b.born; });
    for (const Due& one : due) one.end();
  }
  void end_text() {
    if (keep_ms > 0) stale = Copy{*text, *text_until, *text_until + keep_ms};
    keep_ms = 0;
    text.reset();
    text_until.reset();
    settle();
  }
};

class Trial {
 public:
  explicit Trial(std::uint64_t seed)
      : random_(seed), keyspace_(std::make_unique<Keyspace>(seed)) {}

  void go() {
    for (int i = 0; i < 400 && !::testing::Test::HasFailure(); ++i) {
      change();
      compare();
    }
  }

 private:
  void change() {
    const std::uint64_t what = random_.below(100);
    if (what < 40) {
      get();
    } else if (what < 55) {
      fill();
    } else if (what < 75) {
      for (std::uint64_t ms = 1 + random_.below(12); ms > 0; --ms) {
        model_.pass();
        keyspace_->expire_due(now(), 100);
      }
    } else if (what < 80) {
      keyspace_->put_text(kName, "put");
      keyspace_->end_step(now());
      model_.put("put");
    } else if (what < 88) {
      EXPECT_EQ(keyspace_->erase(kName), model_.erase());
      keyspace_->end_step(now());
    } else if (what < 90) {
      keyspace_->clear();
      keyspace_->end_step(now());
      model_.erase();
    } else if (what < 93) {
      if (keyspace_->find(kName) == nullptr) return;
      const auto ms = static_cast<std::int64_t>(random_.below(20));
      keyspace_->set_expiry(kName, {now().plus_ms(ms), {}});
      keyspace_->end_step(now());
      model_.text_until = model_.now + ms;
    } else if (what < 99) {
      const std::uint64_t connection = connection_ - random_.below(6);
      EXPECT_EQ(keyspace_->caches().drop_waiter(kName, origin_of(1, 1, connection, 1)),
                model_.drop(connection));
      keyspace_->end_step(now());
    } else {
      auto copy = std::make_unique<Keyspace>(random_.next());
      load(*copy, snapshot_of(*keyspace_, 1));
      EXPECT_EQ(copy->digest(), keyspace_->digest());
      keyspace_ = std::move(copy);
    }
  }

  void get() {
    CacheGetRequest request;
    request.lease_ms = static_cast<std::int64_t>(1 + random_.below(30));
    request.stale_ms = random_.below(2) == 0 ? 0 : static_cast<std::int64_t>(random_.below(40));
    request.wait_ms = random_.below(3) == 0 ? 0 : static_cast<std::int64_t>(1 + random_.below(60));
    request.origin = origin_of(1, 1, ++connection_, 1);
    if (keyspace_->find(kName) != nullptr) return;
    const CacheGot got = keyspace_->caches().get(kName, request, now(), Index(1));
    keyspace_->end_step(now());
    std::string outcome;
    if (got.outcome == CacheGet::leased) {
      outcome = "leased";
      new_lease(got.lease);
    }
    if (got.outcome == CacheGet::stale) outcome = "stale";
    if (got.outcome == CacheGet::busy) outcome = "busy";
    if (got.outcome == CacheGet::queued) outcome = "queued";
    if (got.stale != nullptr) outcome += " " + got.stale->view().to_string();
    EXPECT_EQ(outcome, model_.get(connection_, request.lease_ms, request.stale_ms, request.wait_ms));
  }

  void fill() {
    const bool last = random_.below(4) != 0;
    const std::uint64_t lease = last ? lease_ : lease_ - std::min<std::uint64_t>(lease_, 1);
    const auto fresh = static_cast<std::int64_t>(1 + random_.below(30));
    const auto keep = random_.below(2) == 0 ? 0 : static_cast<std::int64_t>(1 + random_.below(30));
    const std::string text = fmt::format("v{}", ++values_);
    EXPECT_EQ(keyspace_->caches().fill(kName, lease, text, {now().plus_ms(fresh), {}}, keep, now()),
              model_.fill(last, text, fresh, keep));
    keyspace_->end_step(now());
  }

  void compare() {
    std::string told;
    for (const WaiterEvent& event : keyspace_->take_events()) {
      const bool leased = event.granted && event.value == nullptr;
      if (leased) new_lease(event.grant.token);
      told += fmt::format("{}:{} ", event.origin.connection.value,
                          leased ? "!" : event.granted ? *event.value : "-");
    }
    EXPECT_EQ(told, std::exchange(model_.told, {}));
    const Object* object = keyspace_->find(kName);
    EXPECT_EQ(object == nullptr ? "" : object->value().to_string(), model_.text.value_or(""));
    const auto info = keyspace_->caches().info(kName, now());
    EXPECT_EQ(info.has_value(), model_.recorded);
    EXPECT_EQ(keyspace_->caches().leases(), model_.leased ? 1u : 0u);
    EXPECT_EQ(keyspace_->caches().waiting(), model_.waiters.size());
    if (!info) return;
    EXPECT_EQ(info->lease != 0, model_.leased);
    EXPECT_EQ(info->keep_ms, model_.keep_ms);
    EXPECT_EQ(info->stale_since.has_value(), model_.stale.has_value());
  }

  void new_lease(std::uint64_t lease) {
    EXPECT_GT(lease, lease_);
    lease_ = lease;
  }
  ClusterTime now() const { return {model_.now}; }

  Prng random_;
  std::unique_ptr<Keyspace> keyspace_;
  OneCache model_;
  std::uint64_t connection_ = 10;
  std::uint64_t lease_ = 0;
  int values_ = 0;
};

TEST(CacheModel, SaysTheSame) {
  for (std::uint64_t seed = 1; seed <= rounds(80); ++seed) {
    SCOPED_TRACE(seed);
    Trial(seed).go();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace holdfast::keyspace

// Shared locks, semaphores and elections against a model that is slow and plain, under random
// requests of a few owners. What an exclusive lock alone does is in holding_model_test.cc.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/test_rounds.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

struct KindHold {
  std::string owner;
  std::uint64_t token = 0;  // learnt from what is told; 0 until then
  std::uint64_t phase = 0;  // of a shared lock: which phase it is of
  bool shared = false;
  std::uint64_t permits = 1;
  std::int64_t deadline = 0;
  std::int64_t delay = 0;
  std::set<std::string> names;
  std::optional<Origin> told;
};

struct KindWaiter {
  std::string owner;
  Origin origin;
  std::int64_t ttl = 0;
  std::int64_t deadline = 0;
  bool shared = false;
  std::uint64_t permits = 1;
  std::int64_t delay = 0;
  std::string name;
};

using KindTold = std::multiset<std::pair<Origin, bool>>;

class KindModel {
 public:
  explicit KindModel(HoldingKind kind) : kind_(kind) {}

  std::uint64_t used() const {
    std::uint64_t sum = 0;
    for (const KindHold& hold : holds) sum += hold.permits;
    return sum;
  }
  bool fits(bool shared, std::uint64_t permits) const {
    if (delay_until) return false;
    if (kind_ == HoldingKind::semaphore) return used() + permits <= limit;
    if (holds.empty()) return true;
    return shared && holds.front().shared;
  }
  void grant(const KindWaiter& who, std::int64_t now, bool waited) {
    if (holds.empty()) ++phase_;
    KindHold hold{who.owner,     0,         phase_,     who.shared,  who.permits,
                  now + who.ttl, who.delay, {who.name}, std::nullopt};
    if (waited) hold.told = who.origin;
    holds.push_back(hold);
  }
  // Those at the head who fit. Waits that are over are ended before this is called.
  void let_in(std::int64_t now) {
    while (!queue.empty() && fits(queue.front().shared, queue.front().permits)) {
      const KindWaiter first = queue.front();
      queue.pop_front();
      told.emplace(first.origin, true);
      grant(first, now, true);
    }
  }
  void end(std::size_t which, bool lost, std::int64_t now) {
    if (lost && holds[which].delay > 0) {
      delay_until = std::max(delay_until.value_or(0), now + holds[which].delay);
    }
    holds.erase(holds.begin() + static_cast<std::ptrdiff_t>(which));
  }
  // One after the other, in the order of deadlines, and others are let in each time.
  void expire(std::int64_t now) {
    for (;;) {
      std::int64_t soonest = now;
      for (const KindHold& hold : holds) soonest = std::min(soonest, hold.deadline);
      for (const KindWaiter& waiter : queue) soonest = std::min(soonest, waiter.deadline);
      if (delay_until) soonest = std::min(soonest, *delay_until);
      if (soonest >= now) return;
      if (end_one(soonest, now)) let_in_living(now);
    }
  }

  std::vector<KindHold> holds;
  std::deque<KindWaiter> queue;
  std::optional<std::int64_t> delay_until;
  std::uint64_t limit = 0;
  KindTold told;

 private:
  // True: something ended that may have let others in.
  bool end_one(std::int64_t deadline, std::int64_t now) {
    for (std::size_t i = 0; i < holds.size(); ++i) {
      if (holds[i].deadline != deadline) continue;
      end(i, true, now);
      return true;
    }
    if (delay_until == deadline) {
      delay_until.reset();
      return true;
    }
    for (std::size_t i = 0; i < queue.size(); ++i) {
      if (queue[i].deadline != deadline) continue;
      told.emplace(queue[i].origin, false);
      queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(i));
      return true;
    }
    return false;
  }
  // As let_in, but who is at the head and whose wait is over is sent away.
  void let_in_living(std::int64_t now) {
    while (!queue.empty()) {
      const bool open = fits(true, 1);
      if (open && queue.front().deadline < now) {
        told.emplace(queue.front().origin, false);
        queue.pop_front();
      } else if (fits(queue.front().shared, queue.front().permits)) {
        const KindWaiter first = queue.front();
        queue.pop_front();
        told.emplace(first.origin, true);
        grant(first, now, true);
      } else {
        return;
      }
    }
  }

  HoldingKind kind_;
  std::uint64_t phase_ = 0;
};

class KindStory {
 public:
  KindStory(HoldingKind kind, std::uint64_t seed)
      : kind_(kind), keyspace_(seed), random_(seed), model_(kind) {
    model_.limit = kind == HoldingKind::semaphore ? 3 : 1;
  }

  void step() {
    // Even, and delays odd, so that the model need not say which of two ends comes first.
    now_ += 2 * random_.between(0, 4);
    model_.expire(now_);
    keyspace_->expire_due({now_}, 1000);
    compare();
    const std::uint64_t what = random_.below(100);
    if (what < 55) {
      acquire();
    } else if (what < 75) {
      release();
    } else if (what < 82) {
      renew();
    } else if (what < 90) {
      drop();
    } else if (what < 94) {
      force();
    } else if (kind_ == HoldingKind::semaphore) {
      set_limit();
    }
    compare();
    if (random_.below(40) == 0) reload();
  }

 private:
  HoldingTable& table() {
    if (kind_ == HoldingKind::semaphore) return keyspace_->semaphores();
    return kind_ == HoldingKind::election ? keyspace_->elections() : keyspace_->locks();
  }
  std::size_t find(const std::string& owner) const {
    std::size_t i = 0;
    while (i < model_.holds.size() && model_.holds[i].owner != owner) ++i;
    return i;
  }

  void acquire() {
    AcquireRequest request;
    const std::string owner = fmt::format("o{}", random_.below(7));
    const std::string name = random_.below(3) == 0 ? fmt::format("h{}", random_.below(3)) : "";
    request.owner = owner;
    request.ttl_ms = 2 * random_.between(5, 30);
    request.wait_ms = random_.below(3) == 0 ? 0 : random_.between(1, 60);
    request.origin = origin_of(1 + random_.below(3), 1, ++connections_, 1);
    if (kind_ == HoldingKind::lock) {
      if (random_.below(3) != 0) request.mode = GrantMode::shared;
      if (random_.below(6) == 0) request.delay_ms = 1 + 2 * random_.between(0, 15);
      request.hold = name;
    }
    if (kind_ == HoldingKind::semaphore) {
      request.limit = model_.limit + (random_.below(20) == 0 ? 1 : 0);
      request.permits = 1 + random_.below(model_.limit);
    }
    const KindWaiter who{owner,
                         request.origin,
                         request.ttl_ms,
                         now_ + request.wait_ms,
                         request.mode == GrantMode::shared,
                         request.permits,
                         request.delay_ms,
                         std::string(request.hold)};
    const AcquireOutcome expected = expect(who, request);
    const AcquireResult got = table().acquire(key_, request, {now_}, Index(connections_));
    ASSERT_EQ(got.outcome, expected);
    if (got.outcome == AcquireOutcome::granted) learn(find(owner), got.grant);
  }
  AcquireOutcome expect(const KindWaiter& who, const AcquireRequest& request) {
    const bool known = known_;
    known_ = true;
    if (!known && kind_ == HoldingKind::semaphore) model_.limit = request.limit;
    if (kind_ == HoldingKind::semaphore && request.limit != model_.limit) {
      return AcquireOutcome::other_limit;
    }
    if (const std::size_t i = find(who.owner); i < model_.holds.size()) {
      KindHold& hold = model_.holds[i];
      if (hold.shared != who.shared || hold.permits != who.permits) {
        return AcquireOutcome::other_terms;
      }
      hold.names.insert(who.name);
      hold.told.reset();
      return AcquireOutcome::granted;
    }
    if (model_.queue.empty() && model_.fits(who.shared, who.permits)) {
      model_.grant(who, now_, false);
      return AcquireOutcome::granted;
    }
    if (request.wait_ms == 0) return AcquireOutcome::refused;
    for (KindWaiter& waiter : model_.queue) {
      if (waiter.owner != who.owner) continue;
      model_.told.emplace(waiter.origin, false);
      waiter = who;
      model_.let_in(now_);
      return AcquireOutcome::queued;
    }
    model_.queue.push_back(who);
    return AcquireOutcome::queued;
  }

  void release() {
    if (model_.holds.empty()) return;
    const std::size_t i = random_.below(model_.holds.size());
    KindHold& hold = model_.holds[i];
    std::optional<std::string> name;
    if (kind_ == HoldingKind::lock && random_.below(2) == 0) {
      name = fmt::format("h{}", random_.below(3));
    }
    const auto got = table().release(key_, hold.token, {now_}, name);
    if (name) {
      hold.names.erase(*name);
      hold.told.reset();
      if (!hold.names.empty()) {
        ASSERT_EQ(got, ReleaseOutcome::partly);
        return;
      }
    }
    ASSERT_EQ(got, ReleaseOutcome::released);
    ASSERT_EQ(table().release(key_, hold.token, {now_}), ReleaseOutcome::repeated);
    model_.end(i, false, now_);
    model_.let_in(now_);
  }
  void renew() {
    if (model_.holds.empty()) return;
    KindHold& hold = model_.holds[random_.below(model_.holds.size())];
    const std::int64_t ttl = 2 * random_.between(5, 40);
    ASSERT_EQ(table().renew(key_, hold.token, ttl, {now_}), ttl);
    hold.deadline = now_ + ttl;
    hold.told.reset();
  }
  void drop() {
    std::vector<Origin> origins;
    for (const KindWaiter& waiter : model_.queue) origins.push_back(waiter.origin);
    for (const KindHold& hold : model_.holds) {
      if (hold.told) origins.push_back(*hold.told);
    }
    if (origins.empty()) return;
    const Origin origin = origins[random_.below(origins.size())];
    ASSERT_TRUE(table().drop_waiter(key_, origin, {now_}));
    for (std::size_t i = 0; i < model_.holds.size(); ++i) {
      if (model_.holds[i].told != origin) continue;
      model_.end(i, true, now_);
      model_.let_in(now_);
      return;
    }
    std::erase_if(model_.queue, [&](const KindWaiter& waiter) { return waiter.origin == origin; });
    model_.told.emplace(origin, false);
    model_.let_in(now_);
  }
  void force() {
    const auto ended = table().force(key_, {now_});
    ASSERT_EQ(ended.has_value(), known_);
    if (!known_) return;
    ASSERT_EQ(*ended, model_.holds.size());
    if (model_.holds.empty()) model_.delay_until.reset();
    while (!model_.holds.empty()) model_.end(0, true, now_);
    model_.let_in(now_);
  }
  void set_limit() {
    const std::uint64_t limit = 1 + random_.below(5);
    ASSERT_EQ(table().set_limit(key_, limit, {now_}), known_);
    if (!known_) return;
    model_.limit = limit;
    model_.let_in(now_);
  }
  // The same goes on from a snapshot.
  void reload() {
    auto copy = std::make_unique<Keyspace>(random_.next());
    load(*copy, snapshot_of(*keyspace_));
    ASSERT_EQ(copy->digest(), keyspace_->digest());
    keyspace_.reset(std::move(copy));
  }

  // New tokens are above all before, and one phase has one fence.
  void learn(std::size_t which, const Grant& grant) {
    ASSERT_LT(which, model_.holds.size());
    KindHold& hold = model_.holds[which];
    if (hold.token == 0) {
      ASSERT_GT(grant.token, last_token_);
      hold.token = last_token_ = grant.token;
    }
    ASSERT_EQ(grant.token, hold.token);
    ASSERT_EQ(grant.deadline.ms, hold.deadline);
    ASSERT_EQ(grant.permits, hold.permits);
    if (!hold.shared) {
      ASSERT_EQ(grant.fence, grant.token);
      return;
    }
    if (hold.phase != last_phase_) {
      ASSERT_GT(grant.fence, last_fence_);
      last_phase_ = hold.phase;
      last_fence_ = grant.fence;
    }
    ASSERT_EQ(grant.fence, last_fence_);
    ASSERT_EQ(table().fence_of(key_, grant.token), last_fence_);
  }
  void compare() {
    KindTold told;
    for (const WaiterEvent& event : keyspace_->take_events()) {
      told.emplace(event.origin, event.granted);
      if (!event.granted) continue;
      for (std::size_t i = 0; i < model_.holds.size(); ++i) {
        if (model_.holds[i].token == 0 && model_.holds[i].told == event.origin) {
          learn(i, event.grant);
        }
      }
    }
    ASSERT_EQ(told, model_.told);
    model_.told.clear();
    const auto info = table().info(key_, {now_});
    ASSERT_EQ(table().held(), model_.holds.empty() ? 0u : 1u);
    ASSERT_EQ(table().waiting(), model_.queue.size());
    if (!info) return;
    ASSERT_FALSE(info->due);
    ASSERT_EQ(info->holders.size(), model_.holds.size());
    for (std::size_t i = 0; i < model_.holds.size(); ++i) {
      ASSERT_EQ(info->holders[i].owner, model_.holds[i].owner);
      ASSERT_EQ(info->holders[i].grant.token, model_.holds[i].token);
      const auto& names = info->holders[i].holds;
      ASSERT_EQ(std::set<std::string>(names.begin(), names.end()), model_.holds[i].names);
      ASSERT_EQ(names.size(), model_.holds[i].names.size());
    }
    ASSERT_EQ(info->waiters.size(), model_.queue.size());
    for (std::size_t i = 0; i < model_.queue.size(); ++i) {
      ASSERT_EQ(info->waiters[i].owner, model_.queue[i].owner);
      ASSERT_EQ(info->waiters[i].permits, model_.queue[i].permits);
    }
    ASSERT_EQ(info->delay_ms, model_.delay_until ? *model_.delay_until - now_ : 0);
    if (kind_ == HoldingKind::semaphore) {
      ASSERT_EQ(info->limit, model_.limit);
      ASSERT_EQ(info->used, model_.used());
    }
  }

  // A keyspace that another can take the place of.
  class Place {
   public:
    explicit Place(std::uint64_t seed) : keyspace_(std::make_unique<Keyspace>(seed)) {}
    Keyspace* operator->() { return keyspace_.get(); }
    Keyspace& operator*() { return *keyspace_; }
    void reset(std::unique_ptr<Keyspace> other) { keyspace_ = std::move(other); }

   private:
    std::unique_ptr<Keyspace> keyspace_;
  };

  HoldingKind kind_;
  Place keyspace_;
  Prng random_;
  KindModel model_;
  Key key_ = key_named("thing");
  bool known_ = false;
  std::int64_t now_ = 2;
  std::uint64_t connections_ = 0;
  std::uint64_t last_token_ = 0;
  std::uint64_t last_phase_ = 0;
  std::uint64_t last_fence_ = 0;
};

class HoldingKindsModel : public ::testing::TestWithParam<HoldingKind> {};

TEST_P(HoldingKindsModel, AgreesUnderRandomRequests) {
  for (std::uint64_t seed = 1; seed <= rounds(40); ++seed) {
    KindStory run(GetParam(), seed);
    for (int i = 0; i < 400 && !::testing::Test::HasFatalFailure(); ++i) run.step();
    ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, HoldingKindsModel,
                         ::testing::Values(HoldingKind::lock, HoldingKind::semaphore,
                                           HoldingKind::election),
                         [](const auto& one) { return std::string(name_of(one.param)); });

}  // namespace
}  // namespace holdfast::keyspace

#include "keyspace/latch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

const Key kStart{"start", Slot(7)};

LatchWaitRequest from(std::uint64_t node, std::uint64_t connection, std::int64_t wait_ms) {
  return {.wait_ms = wait_ms, .origin = origin_of(node, 1, connection, 1), .resp3 = false};
}

class LatchTest : public ::testing::Test {
 protected:
  LatchWait wait(std::uint64_t node, std::uint64_t connection, std::int64_t wait_ms) {
    return latches_.wait(kStart, from(node, connection, wait_ms), now_, Index(++index_));
  }
  // Who was told since the last call, and what.
  std::string told() {
    std::string text;
    for (const WaiterEvent& event : keyspace_.take_events()) {
      EXPECT_EQ(event.kind, WaitKind::latch);
      text += fmt::format("{}:{} ", event.origin.connection.value, event.granted ? 1 : 0);
    }
    return text;
  }

  Keyspace keyspace_{1};
  LatchTable& latches_ = keyspace_.latches();
  ClusterTime now_{1000};
  std::uint64_t index_ = 0;
  std::uint64_t left_ = 0;
};

TEST_F(LatchTest, OpeningTellsAllInTheOrderInWhichTheyCame) {
  EXPECT_EQ(latches_.set(kStart, 2, now_), LatchSet::set);
  EXPECT_EQ(wait(1, 9, 100), LatchWait::queued);
  EXPECT_EQ(wait(2, 3, 100), LatchWait::queued);
  EXPECT_EQ(wait(1, 5, 50), LatchWait::queued);
  EXPECT_EQ(latches_.down(kStart, 1, "", left_), LatchDown::counted);
  EXPECT_EQ(told(), "");
  EXPECT_EQ(latches_.down(kStart, 1, "", left_), LatchDown::counted);
  EXPECT_EQ(told(), "9:1 3:1 5:1 ");
  EXPECT_EQ(keyspace_.next_deadline(), ClusterTime::never());
  EXPECT_EQ(keyspace_.locks().waiting(), 0u);
  EXPECT_EQ(wait(1, 9, 100), LatchWait::open);
}

TEST_F(LatchTest, AWaitEndsByTimeAndWhoeverIsGoneIsDropped) {
  latches_.set(kStart, 1, now_);
  wait(1, 1, 50);
  wait(2, 2, 500);
  wait(2, 3, 500);
  wait(3, 4, 500);
  EXPECT_EQ(keyspace_.expire_due(now_.plus_ms(50), 10), 0u);
  EXPECT_EQ(keyspace_.expire_due(now_.plus_ms(51), 10), 1u);
  EXPECT_EQ(told(), "1:0 ");
  EXPECT_FALSE(latches_.drop_waiter(kStart, origin_of(1, 1, 1, 1)));
  EXPECT_TRUE(latches_.drop_waiter(kStart, origin_of(3, 1, 4, 1)));
  EXPECT_EQ(told(), "4:0 ");
  EXPECT_EQ(latches_.drop_node(NodeId(2), Incarnation(0)), 0u);
  EXPECT_EQ(latches_.drop_node(NodeId(2), Incarnation(1)), 2u);
  EXPECT_EQ(told(), "2:0 3:0 ");
  EXPECT_EQ(latches_.down(kStart, 1, "", left_), LatchDown::counted);
  EXPECT_EQ(told(), "");
}

TEST_F(LatchTest, HasLimits) {
  latches_.set(kStart, 1'000'000, now_);
  for (std::size_t i = 0; i < LatchTable::kMaxWaiters; ++i) {
    ASSERT_EQ(wait(1, i, 100), LatchWait::queued);
  }
  EXPECT_EQ(wait(1, LatchTable::kMaxWaiters, 100), LatchWait::too_many);
  for (std::size_t i = 0; i < LatchTable::kMaxOwners; ++i) {
    ASSERT_EQ(latches_.down(kStart, 1, fmt::to_string(i), left_), LatchDown::counted);
  }
  EXPECT_EQ(latches_.down(kStart, 1, "one more", left_), LatchDown::too_many_owners);
  EXPECT_EQ(latches_.down(kStart, 1, "5", left_), LatchDown::repeated);
  EXPECT_EQ(left_, 900'000u);
  for (std::size_t i = 1; i < LatchTable::kMaxLatches; ++i) {
    ASSERT_EQ(latches_.set(key_named(fmt::format("l{}", i)), 1, now_), LatchSet::set);
  }
  EXPECT_EQ(latches_.set(key_named("one more"), 1, now_), LatchSet::too_many);
  EXPECT_EQ(latches_.set(kStart, 1, now_), LatchSet::closed_already);
  std::set<std::string, std::less<>> names;
  std::uint64_t cursor = 0;
  do {
    cursor = latches_.scan(cursor, 999, [&](std::string_view name) { names.emplace(name); });
  } while (cursor != 0);
  EXPECT_EQ(names.size(), LatchTable::kMaxLatches);
  const std::size_t memory = keyspace_.memory();
  EXPECT_GT(memory, 0u);
  while (!keyspace_.clear_coordination(1000)) {
  }
  EXPECT_EQ(keyspace_.memory(), 0u);
  EXPECT_EQ(keyspace_.take_events().size(), LatchTable::kMaxWaiters);
}

TEST(LatchRestore, KeepsWhatIsLeftAndWhoHasCountedAndNobodyWaits) {
  Keyspace source(1);
  std::uint64_t left = 0;
  source.latches().set(kStart, 3, ClusterTime{100});
  source.latches().down(kStart, 1, "a", left);
  source.latches().wait(kStart, from(1, 1, 500), ClusterTime{100}, Index(1));
  Keyspace refusing(2);
  refusing.lift_revision(source.revision());
  bool good = true;
  for (const auto& chunk : snapshot_of(source)) good = good && refusing.restore_chunk(chunk, {}).ok();
  EXPECT_FALSE(good);

  source.drop_waits();
  Keyspace target(3);
  target.lift_revision(source.revision());
  for (const auto& chunk : snapshot_of(source)) {
    ASSERT_TRUE(target.restore_chunk(chunk, {.cluster_ms = 1000}).ok());
  }
  const auto info = target.latches().info(kStart, ClusterTime{1100});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->count, 3u);
  EXPECT_EQ(info->left, 2u);
  EXPECT_EQ(info->since, ClusterTime{1100});
  EXPECT_TRUE(info->waiters.empty());
  EXPECT_EQ(target.latches().down(kStart, 1, "a", left), LatchDown::repeated);
  EXPECT_TRUE(target.clear_coordination(10));
  EXPECT_EQ(target.latches().size(), 0u);
}

// What a latch means, without a thought for how; and the real one beside it.
class NaiveLatches {
 public:
  explicit NaiveLatches(std::uint64_t seed)
      : random_(seed), keyspace_(std::make_unique<Keyspace>(seed)) {}

  void step(std::uint64_t number) {
    step_ = number;
    name_ = fmt::format("k{}", random_.below(4));
    switch (random_.below(8)) {
      case 0:
      case 1:
        set();
        break;
      case 2:
      case 3:
        down();
        break;
      case 4:
      case 5:
        wait();
        break;
      case 6:
        if (random_.below(4) != 0) break;
        random_.below(2) == 0 ? drop() : restore();
        break;
      default:
        pass_time();
    }
    for (const auto& event : keyspace_->take_events()) note(event);
    ASSERT_EQ(told_, expected_) << number;
  }

 private:
  struct Naive {
    std::uint64_t left = 0;
    std::set<std::string> owners;
    std::vector<std::pair<std::uint64_t, ClusterTime>> waits;  // connection, deadline
  };

  LatchTable& latches() { return keyspace_->latches(); }
  Key key() const { return key_named(name_); }
  bool there() const { return naive_.contains(name_); }

  void tell(Naive& latch, bool opened) {
    for (const auto& [who, deadline] : latch.waits) expected_ += text(who, opened);
    latch.waits.clear();
  }
  void note(const WaiterEvent& event) {
    told_ += text(event.origin.connection.value, event.granted);
  }
  static std::string text(std::uint64_t who, bool opened) {
    return fmt::format("{}:{} ", who, opened ? 1 : 0);
  }

  void set() {
    const std::uint64_t count = 1 + random_.below(4);
    Naive& latch = naive_[name_];
    const bool sets = latch.left == 0;
    EXPECT_EQ(latches().set(key(), count, now_) == LatchSet::set, sets);
    if (sets) latch = {count, {}, {}};
  }

  void down() {
    const std::uint64_t n = 1 + random_.below(4);
    const std::string owner = random_.below(2) == 0 ? "" : fmt::format("o{}", n);
    std::uint64_t left = 0;
    const auto outcome = latches().down(key(), n, owner, left);
    if (!there()) {
      EXPECT_EQ(outcome, LatchDown::absent);
      return;
    }
    Naive& latch = naive_[name_];
    if (latch.left != 0 && (owner.empty() || latch.owners.insert(owner).second)) {
      latch.left -= std::min(n, latch.left);
      if (latch.left == 0) tell(latch, true);
    }
    EXPECT_EQ(left, latch.left);
  }

  void wait() {
    const std::int64_t wait_ms = random_.between(0, 60);
    const auto outcome =
        latches().wait(key(), from(1 + step_ % 2, step_, wait_ms), now_, Index(step_));
    if (!there()) {
      EXPECT_EQ(outcome, LatchWait::absent);
    } else if (naive_[name_].left == 0) {
      EXPECT_EQ(outcome, LatchWait::open);
    } else {
      EXPECT_EQ(outcome, wait_ms > 0 ? LatchWait::queued : LatchWait::closed);
      if (wait_ms > 0) naive_[name_].waits.emplace_back(step_, now_.plus_ms(wait_ms));
    }
  }

  void drop() {
    EXPECT_EQ(latches().drop(key()), there());
    tell(naive_[name_], false);
    naive_.erase(name_);
  }

  void restore() {
    auto copy = std::make_unique<Keyspace>(step_);
    for (const std::string& chunk : snapshot_of(*keyspace_)) {
      ASSERT_TRUE(copy->load_chunk(chunk).ok());
    }
    ASSERT_TRUE(copy->finish_load().ok());
    ASSERT_EQ(copy->digest(), keyspace_->digest());
    ASSERT_EQ(copy->memory(), keyspace_->memory());
    keyspace_ = std::move(copy);
  }

  // Whose time is over is told so; in which order is the affair of deadlines.
  void pass_time() {
    now_ = now_.plus_ms(random_.between(0, 20));
    keyspace_->expire_due(now_, 1000);
    std::set<std::uint64_t> ended;
    for (auto& [name, latch] : naive_) {
      std::erase_if(latch.waits, [&](const auto& wait) {
        return wait.second.passed(now_) && ended.insert(wait.first).second;
      });
    }
    for (const auto& event : keyspace_->take_events()) {
      note(event);
      expected_ += text(event.origin.connection.value, false);
      EXPECT_EQ(ended.erase(event.origin.connection.value), 1u);
    }
    EXPECT_TRUE(ended.empty());
  }

  Prng random_;
  std::unique_ptr<Keyspace> keyspace_;
  std::map<std::string, Naive> naive_;
  std::string name_;
  std::uint64_t step_ = 0;
  ClusterTime now_{1000};
  std::string told_;
  std::string expected_;
};

TEST(LatchModel, AgreesWithTheNaiveOneThroughSnapshots) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    NaiveLatches model(seed);
    for (std::uint64_t step = 1; step <= 400 && !::testing::Test::HasFatalFailure(); ++step) {
      model.step(step);
    }
  }
}

}  // namespace
}  // namespace holdfast::keyspace

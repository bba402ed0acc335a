#include "keyspace/feed.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/test_rounds.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

std::string text_of(const FeedPage& page) {
  std::string text = page.compacted ? "compacted " : "";
  for (const FeedChange& change : page.changes) {
    text += fmt::format("{}:{}{} ", change.key, name_of(change.operation),
                        change.value ? "=" + *change.value : "");
  }
  return text;
}

class FeedTest : public ::testing::Test {
 protected:
  void put(std::string_view name, std::string_view text) {
    keyspace_.put_text(key_named(name), text);
    keyspace_.end_step({});
  }
  FeedPage read(std::uint64_t position, std::size_t count = 100, std::string_view match = "") {
    return keyspace_.feeds().read("", match, position, count);
  }
  // A keyspace loaded from this one's snapshot.
  std::unique_ptr<Keyspace> copy() {
    auto copy = std::make_unique<Keyspace>(9);
    for (const std::string& chunk : snapshot_of(keyspace_)) {
      EXPECT_TRUE(copy->load_chunk(chunk).ok());
    }
    EXPECT_TRUE(copy->finish_load().ok());
    EXPECT_EQ(copy->digest(), keyspace_.digest());
    EXPECT_EQ(copy->memory(), keyspace_.memory());
    return copy;
  }

  Keyspace keyspace_{1};
};

TEST_F(FeedTest, TellsOfGroupsWhole) {
  keyspace_.feeds().declare("", {.entries = 100});
  keyspace_.end_step({});
  const std::uint64_t begin = keyspace_.feeds().now();
  keyspace_.put_text(key_named("a"), "1");
  keyspace_.put_text(key_named("b"), "1");
  // What is under way is not told of.
  EXPECT_EQ(text_of(read(begin)), "");
  EXPECT_EQ(read(begin).position, begin);
  keyspace_.end_step({});
  EXPECT_EQ(text_of(read(begin, 1)), "a:set=1 b:set=1 ");
  put("a", "2");
  EXPECT_EQ(text_of(read(begin, 1)), "a:set=1 b:set=1 ");
  EXPECT_EQ(text_of(read(begin, 3)), "a:set=1 b:set=1 a:set=2 ");
  const FeedPage first = read(begin, 2);
  EXPECT_EQ(text_of(read(first.position)), "a:set=2 ");
  EXPECT_EQ(read(first.position).position, keyspace_.revision());
  EXPECT_TRUE(read(keyspace_.revision() + 1).later);
}

TEST_F(FeedTest, LeavesOutLongValuesAndKeepsThoseThatAreNot) {
  keyspace_.feeds().declare("", {.entries = 100});
  keyspace_.end_step({});
  put("a", std::string(kFeedValueBytes, 'x'));
  put("a", std::string(kFeedValueBytes + 1, 'x'));
  const FeedPage page = read(1);
  ASSERT_EQ(page.changes.size(), 2u);
  EXPECT_EQ(page.changes[0].value->size(), kFeedValueBytes);
  EXPECT_FALSE(page.changes[1].value.has_value());
}

TEST_F(FeedTest, RetainsWhatItIsToAndNotMuchMore) {
  keyspace_.feeds().declare("", {.entries = 100});
  keyspace_.end_step({});
  const std::uint64_t begin = keyspace_.feeds().now();
  for (int i = 0; i < 1000; ++i) {
    put("a", fmt::to_string(i));
    const auto info = keyspace_.feeds().info("");
    EXPECT_LE(info->entries, 113u);
    if (i >= 100) {
      EXPECT_GE(info->entries, 100u);
    }
  }
  EXPECT_TRUE(read(begin).compacted);
  const std::uint64_t oldest = read(begin).position;
  EXPECT_FALSE(read(oldest).compacted);
  EXPECT_TRUE(read(oldest - 1).compacted);
  keyspace_.feeds().declare("", {.bytes = 2000});
  EXPECT_LE(keyspace_.feeds().info("")->bytes, 2000u);
  for (int i = 0; i < 1000; ++i) put("a", std::string(100, 'b'));
  EXPECT_LE(keyspace_.feeds().info("")->bytes, 2000u);
  EXPECT_GT(keyspace_.feeds().info("")->bytes, 1400u);
  keyspace_.end_step({});
  copy();
  keyspace_.feeds().drop("");
  keyspace_.clear();
  EXPECT_EQ(keyspace_.memory(), 0u);
}

TEST_F(FeedTest, APageIsBoundedByBytes) {
  keyspace_.feeds().declare("", {.entries = 1000});
  keyspace_.end_step({});
  for (int i = 0; i < 40; ++i) put("a", std::string(kFeedValueBytes, 'x'));
  std::size_t seen = 0;
  std::size_t pages = 0;
  for (std::uint64_t position = keyspace_.feeds().info("")->oldest; seen < 40; ++pages) {
    const FeedPage page = read(position, 1000);
    ASSERT_FALSE(page.changes.empty());
    ASSERT_LE(page.changes.size(), 17u);
    seen += page.changes.size();
    position = page.position;
  }
  EXPECT_GE(pages, 3u);
}

// A copy of the keys that is made of nothing but what a feed tells, through snapshots of it and in
// pages of any size, is always the same as the keys.
TEST(FeedModel, WhoReadsAlongKnowsAll) {
  for (std::uint64_t seed = 1; seed <= rounds(12); ++seed) {
    Prng random(seed);
    auto keyspace = std::make_unique<Keyspace>(seed);
    keyspace->feeds().declare("", {.bytes = FeedTable::kMaxBytes});
    keyspace->end_step({});
    std::uint64_t position = keyspace->feeds().now();
    std::map<std::string, std::pair<std::string, std::int64_t>> known;  // value, calendar time
    ClusterTime now{1000};
    std::uint64_t last = 0;
    for (int step = 0; step < 1500; ++step) {
      now = now.plus_ms(random.between(0, 3));
      change_at_random(*keyspace, random, now);
      if (random.below(3) != 0) keyspace->end_step({});
      keyspace->take_events();
      if (random.below(20) != 0) continue;
      keyspace->end_step({});
      if (random.below(6) == 0) {
        auto copy = std::make_unique<Keyspace>(seed + 1);
        for (const auto& chunk : snapshot_of(*keyspace)) ASSERT_TRUE(copy->load_chunk(chunk).ok());
        ASSERT_TRUE(copy->finish_load().ok());
        ASSERT_EQ(copy->digest(), keyspace->digest());
        keyspace = std::move(copy);
      }
      for (bool more = true; more;) {
        const FeedPage page = keyspace->feeds().read("", "", position, 1 + random.below(9));
        ASSERT_FALSE(page.compacted || page.later);
        more = !page.changes.empty();
        position = page.position;
        for (const FeedChange& change : page.changes) {
          ASSERT_GT(change.revision, last);
          last = change.revision;
          switch (change.operation) {
            case FeedOperation::set:
              known[change.key].first = *change.value;
              break;
            case FeedOperation::expire:
              known[change.key].second = std::stoll(*change.value);
              break;
            case FeedOperation::persist:
              known[change.key].second = 0;
              break;
            case FeedOperation::del:
            case FeedOperation::expired:
              known.erase(change.key);
              break;
            case FeedOperation::flush:
              known.clear();
              break;
          }
        }
      }
      std::map<std::string, std::pair<std::string, std::int64_t>> present;
      keyspace->for_each([&](const Object& object) {
        present[std::string(object.name())] = {
            object.value().to_string(), object.expiry().set() ? object.expiry().wall.ms : 0};
        return true;
      });
      ASSERT_EQ(known, present) << seed << " " << step;
    }
  }
}

TEST(FeedRestore, WhatWasDeclaredIsDeclaredAndWhatComesIsToldOf) {
  Keyspace before(1);
  before.feeds().declare("k", {.entries = 10});
  before.end_step({});
  before.put_text(key_named("k1"), "old");
  before.end_step({});
  Keyspace after(2);
  after.lift_revision(before.revision());
  for (const std::string& chunk : snapshot_of(before)) {
    ASSERT_TRUE(after.restore_chunk(chunk, {}).ok());
  }
  after.end_step({});
  ASSERT_TRUE(after.feeds().info("k").has_value());
  EXPECT_EQ(text_of(after.feeds().read("k", "k", after.feeds().info("k")->oldest, 10)),
            "k1:set=old ");
}

}  // namespace
}  // namespace holdfast::keyspace

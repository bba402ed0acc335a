// Snapshots and digests: what is restored is what was there when the snapshot began.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "base/test_rounds.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

TEST(Snapshot, OfNothingRestoresNothing) {
  Keyspace empty(1);
  Keyspace restored(2);
  load(restored, snapshot_of(empty));
  EXPECT_EQ(restored.digest(), empty.digest());
  EXPECT_FALSE(empty.snapshotting());
}

TEST(Snapshot, RestoresEverything) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Keyspace keyspace(seed);
    Prng random(seed);
    std::int64_t now = 1;
    for (; now < 600; ++now) change_at_random(keyspace, random, ClusterTime{now});
    keyspace.take_events();
    Keyspace restored(seed + 1000);
    load(restored, snapshot_of(keyspace, 1 + random.below(3000)));
    ASSERT_EQ(listing(restored), listing(keyspace));
    ASSERT_EQ(restored.digest(), keyspace.digest());
    ASSERT_EQ(restored.next_deadline(), keyspace.next_deadline());
    ASSERT_EQ(restored.locks().held(), keyspace.locks().held());
    ASSERT_EQ(restored.locks().waiting(), keyspace.locks().waiting());
    ASSERT_EQ(restored.once().size(), keyspace.once().size());

    // And both go the same way from here, to the last event.
    Prng one = random;
    Prng other = random;
    for (; now < 900; ++now) {
      change_at_random(keyspace, one, ClusterTime{now});
      change_at_random(restored, other, ClusterTime{now});
      const auto events = keyspace.take_events();
      const auto same = restored.take_events();
      ASSERT_EQ(events.size(), same.size());
      for (std::size_t i = 0; i < events.size(); ++i) {
        ASSERT_EQ(events[i].origin, same[i].origin);
        ASSERT_EQ(events[i].grant.token, same[i].grant.token);
      }
    }
    ASSERT_EQ(restored.digest(), keyspace.digest());
  }
}

TEST(Snapshot, WalkSeesTheStateAtItsBeginningThoughItGoesOnChanging) {
  for (std::uint64_t seed = 1; seed <= rounds(150); ++seed) {
    Keyspace keyspace(seed);
    Prng random(seed);
    std::int64_t now = 1;
    for (; now < 300; ++now) change_at_random(keyspace, random, ClusterTime{now});
    const std::uint64_t digest = keyspace.digest();
    const std::string before = listing(keyspace);

    keyspace.begin_snapshot();
    std::vector<std::string> chunks;
    for (;;) {
      for (std::uint64_t i = random.below(20); i > 0; --i) {
        change_at_random(keyspace, random, ClusterTime{++now});
      }
      if (random.below(15) == 0) keyspace.clear();
      chunks.push_back(keyspace.next_chunk(1 + random.below(500)));
      if (chunks.back().empty()) break;
    }
    chunks.pop_back();
    EXPECT_EQ(keyspace.snapshot_backlog(), 0u);

    Keyspace restored(seed + 1000);
    load(restored, chunks);
    ASSERT_EQ(listing(restored), before) << "seed " << seed;
    ASSERT_EQ(restored.digest(), digest) << "seed " << seed;
  }
}

TEST(Snapshot, AWalkThatStandsStillKeepsOnlyWhatChanged) {
  Keyspace keyspace(1);
  for (const char* name : {"a", "b", "c"}) {
    keyspace.put(key_named(name), Value::string(std::string(1000, 'x')));
  }
  keyspace.begin_snapshot();
  EXPECT_EQ(keyspace.snapshot_backlog(), 0u);
  keyspace.put(key_named("b"), Value::string("y"));
  EXPECT_GT(keyspace.snapshot_backlog(), 1000u);
  EXPECT_LT(keyspace.snapshot_backlog(), 2000u);
  keyspace.abandon_snapshot();
  EXPECT_EQ(keyspace.snapshot_backlog(), 0u);
  EXPECT_FALSE(keyspace.snapshotting());
}

TEST(Snapshot, AChangeBesideALongTextDoesNotCopyIt) {
  constexpr std::size_t kLong = 1 << 20;
  const Slot slot(700);
  Keyspace keyspace(1);
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    keyspace.put(Key{name, slot}, Value::string(std::string(kLong, *name)));
  }
  const std::string before = listing(keyspace);
  keyspace.begin_snapshot();
  keyspace.put(Key{"small", slot}, Value::string("x"));
  EXPECT_LT(keyspace.snapshot_backlog(), 1000u) << "five texts of a MiB are in that slot";

  // Whatever happens to them, what is read later is what they were.
  keyspace.put_text(Key{"a", slot}, std::string(kLong, 'A'));
  EXPECT_GT(keyspace.snapshot_backlog(), kLong);
  keyspace.edit_text(Key{"b", slot}, [](std::string& text) { text[7] = 'B'; });
  keyspace.erase(Key{"c", slot});
  keyspace.set_expiry(Key{"d", slot}, Expiry{ClusterTime{5}, {5}});
  keyspace.expire_due(ClusterTime{9}, 10);
  EXPECT_LT(keyspace.snapshot_backlog(), 4 * kLong + 2000u) << "nobody has touched e";
  keyspace.clear();
  keyspace.put(Key{"e", slot}, Value::string(std::string(kLong, 'E')));
  keyspace.clear();
  EXPECT_LT(keyspace.snapshot_backlog(), 4 * kLong + 2000u) << "a FLUSH hands it over";

  std::vector<std::string> chunks;
  do {
    chunks.push_back(keyspace.next_chunk(100'000));
  } while (!chunks.back().empty());
  chunks.pop_back();
  Keyspace restored(2);
  load(restored, chunks);
  EXPECT_TRUE(listing(restored) == before);
}

TEST(Snapshot, TellsHowFarItHasCome) {
  Keyspace keyspace(1);
  for (const int slot : {5, 9000}) {
    for (int i = 0; i < 100; ++i) {
      keyspace.put(Key{fmt::format("{}:{}", slot, i), Slot(static_cast<std::uint16_t>(slot))},
                   Value::string(std::string(1000, 'x')));
    }
  }
  EXPECT_EQ(keyspace.snapshot_slots(), 0u) << "none is being taken";
  keyspace.begin_snapshot();
  EXPECT_EQ(keyspace.snapshot_slots(), 0u);
  keyspace.next_chunk(1000);
  EXPECT_EQ(keyspace.snapshot_slots(), 5u);
  while (keyspace.snapshot_slots() == 5) ASSERT_FALSE(keyspace.next_chunk(1000).empty());
  EXPECT_EQ(keyspace.snapshot_slots(), 9000u);
}

TEST(Snapshot, ChunksAreAboutAsLargeAsAsked) {
  Keyspace keyspace(1);
  for (int i = 0; i < 5000; ++i) {
    keyspace.put(Key{fmt::format("k{}", i), Slot(5)}, Value::string(std::string(100, 'x')));
  }
  const auto chunks = snapshot_of(keyspace, 100'000);
  EXPECT_GT(chunks.size(), 4u);
  for (const std::string& chunk : chunks) EXPECT_LT(chunk.size(), 200'000u);
}

TEST(Snapshot, AChunkIsMadeInTheRoomThatItIsGiven) {
  Keyspace keyspace(1);
  for (int i = 0; i < 4; ++i) {
    keyspace.put({"k" + std::to_string(i), Slot(static_cast<std::uint16_t>(i))},
                 Value::string(std::string(100'000, static_cast<char>('a' + i))));
  }
  std::vector<std::string> chunks;
  std::string room;
  room.reserve(200'000);
  const char* const begin = room.data();
  for (keyspace.begin_snapshot();;) {
    room = keyspace.next_chunk(50'000, std::move(room));
    EXPECT_EQ(room.data(), begin);
    if (room.empty()) break;
    chunks.push_back(room);
  }
  EXPECT_GE(chunks.size(), 4u);
  Keyspace restored(2);
  load(restored, chunks);
  EXPECT_EQ(listing(restored), listing(keyspace));
}

TEST(Snapshot, DamageIsAnErrorAndNeverACrash) {
  Keyspace keyspace(1);
  Prng random(7);
  for (std::int64_t now = 1; now < 500; ++now) {
    change_at_random(keyspace, random, ClusterTime{now});
  }
  const auto whole = snapshot_of(keyspace, 700);
  std::size_t found = 0;
  constexpr std::size_t kRounds = 2000;
  for (std::size_t round = 0; round < kRounds; ++round) {
    std::vector<std::string> chunks = whole;
    std::string& chunk = chunks[random.below(chunks.size())];
    switch (random.below(4)) {
      case 0:
        chunk[random.below(chunk.size())] ^= static_cast<char>(1u << random.below(8));
        break;
      case 1:
        chunk.resize(random.below(chunk.size()));
        break;
      case 2:
        chunk.append(random.below(20) + 1, static_cast<char>(random.below(256)));
        break;
      case 3:
        std::swap(chunks[random.below(chunks.size())], chunk);
        break;
    }
    if (chunks == whole) {
      ++found;
      continue;
    }
    Keyspace restored(2);
    bool good = true;
    for (const std::string& each : chunks) good = good && restored.load_chunk(each).ok();
    good = good && restored.finish_load().ok();
    if (!good) ++found;
  }
  EXPECT_EQ(found, kRounds);
}

TEST(Snapshot, APartThatIsMissingIsFound) {
  Keyspace keyspace(1);
  for (const char* name : {"a", "b", "c"}) keyspace.put(key_named(name), Value::string("x"));
  const auto whole = snapshot_of(keyspace, 1);
  ASSERT_GT(whole.size(), 4u);
  for (std::size_t missing = 0; missing < whole.size(); ++missing) {
    Keyspace restored(2);
    bool good = true;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (i != missing) good = good && restored.load_chunk(whole[i]).ok();
    }
    EXPECT_FALSE(good && restored.finish_load().ok()) << missing;
  }
  Keyspace nothing(3);
  EXPECT_FALSE(nothing.finish_load().ok());
}

TEST(Snapshot, RemovalsAreRestoredAsTheyWereAtItsBeginning) {
  Keyspace keyspace(1);
  for (const char* name : {"a", "b", "c"}) {
    keyspace.put(key_named(name), Value::string("x"));
    keyspace.erase(key_named(name));
  }
  const std::uint64_t digest = keyspace.digest();
  keyspace.begin_snapshot();
  keyspace.put(key_named("a"), Value::string("x"));
  keyspace.clear();
  std::vector<std::string> chunks;
  while (chunks.empty() || !chunks.back().empty()) chunks.push_back(keyspace.next_chunk(1));
  chunks.pop_back();
  Keyspace restored(2);
  load(restored, chunks);
  EXPECT_EQ(restored.watched(key_named("a")), 2u);
  EXPECT_EQ(restored.watched(key_named("c")), 6u);
  EXPECT_EQ(restored.watched(key_named("d")), 0u);
  EXPECT_EQ(restored.digest(), digest);
}

TEST(Snapshot, OfVersion1KnowsOfNoRemovals) {
  Keyspace keyspace(1);
  keyspace.remember_removals(false);
  for (const char* name : {"a", "b"}) keyspace.put(key_named(name), Value::string("x"));
  keyspace.erase(key_named("a"));
  keyspace.use_format(2);
  auto chunks = snapshot_of(keyspace, 1);
  for (std::string& chunk : chunks) chunk.front() = '\x01';
  Keyspace restored(2);
  load(restored, chunks);
  EXPECT_EQ(restored.digest(), keyspace.digest());
  EXPECT_EQ(restored.watched(key_named("a")), 0u);
}

TEST(Snapshot, ANewerFormatIsRefusedByName) {
  Keyspace keyspace(1);
  const auto loaded = keyspace.load_chunk(std::string(1, '\x04'));
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.error().message.find("newer"), std::string::npos);
}

TEST(Snapshot, IsWrittenInTheFormatThatOlderProgramsRead) {
  Keyspace keyspace(1);
  Prng random(5);
  for (std::int64_t now = 1; now < 200; ++now) {
    change_at_random(keyspace, random, ClusterTime{now}, false);
  }
  keyspace.use_format(2);
  const auto older = snapshot_of(keyspace);
  const std::uint64_t digest = keyspace.digest();
  keyspace.use_format(3);
  const auto newer = snapshot_of(keyspace);
  for (const std::string& chunk : older) EXPECT_EQ(chunk.front(), '\x02');
  for (const std::string& chunk : newer) EXPECT_EQ(chunk.front(), '\x03');

  for (const auto& chunks : {older, newer}) {
    Keyspace restored(2);
    load(restored, chunks);
    EXPECT_EQ(listing(restored), listing(keyspace));
    restored.use_format(2);
    EXPECT_EQ(restored.digest(), digest);
  }
}

TEST(Snapshot, ChunksOfSeveralFormatsAreRefused) {
  Keyspace keyspace(1);
  Prng random(5);
  for (std::int64_t now = 1; now < 200; ++now) change_at_random(keyspace, random, ClusterTime{now});
  auto chunks = snapshot_of(keyspace, 100);
  ASSERT_GT(chunks.size(), 2u);
  chunks[1].front() = '\x02';
  Keyspace restored(2);
  ASSERT_TRUE(restored.load_chunk(chunks[0]).ok());
  EXPECT_FALSE(restored.load_chunk(chunks[1]).ok());
}

TEST(Digest, IsEqualOnReplicasFedTheSameAndTellsThemApartOtherwise) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Keyspace one(seed);
    Keyspace other(seed + 99);
    Prng random_one(seed);
    Prng random_other(seed);
    for (std::int64_t now = 1; now < 300; ++now) {
      change_at_random(one, random_one, ClusterTime{now});
      change_at_random(other, random_other, ClusterTime{now});
      if (now % 10 == 0) {
        ASSERT_EQ(one.digest(), other.digest());
      }
    }
    one.put(Key{"new", Slot(77)}, Value::string("x"));
    other.put(Key{"new", Slot(77)}, Value::string("y"));
    EXPECT_NE(one.digest(), other.digest());
    EXPECT_NE(one.digest(77, 1), other.digest(77, 1));
    EXPECT_EQ(one.digest(0, 77), other.digest(0, 77));
    EXPECT_EQ(one.digest(78, kSlotCount - 78), other.digest(78, kSlotCount - 78));
  }
}

TEST(Digest, KnowsTheOrderOfTheKeys) {
  Keyspace one(1);
  Keyspace other(1);
  for (const char* name : {"a", "b", "c"}) one.put(Key{name, Slot(3)}, Value::string("x"));
  for (const char* name : {"a", "c", "b"}) other.put(Key{name, Slot(3)}, Value::string("x"));
  EXPECT_NE(one.digest(), other.digest());
}

// Below the level of format 3 a keyspace remembers no more than format 2 has room for, so that those
// that were loaded and those that were not agree; and what was loaded goes on in its format.
TEST(Snapshot, WhatIsLoadedGoesOnInItsFormat) {
  for (const std::uint8_t format : std::initializer_list<std::uint8_t>{2, 3}) {
    Keyspace keyspace(1);
    keyspace.use_format(format);
    AcquireRequest request;
    request.owner = "a";
    request.ttl_ms = 100;
    request.origin = origin_of(1, 1, 1, 1);
    keyspace.locks().acquire(key_named("door"), request, {}, Index(1));
    keyspace.locks().acquire(key_named("gate"), request, {}, Index(1));
    keyspace.expire_due({101}, 1);  // one is lost
    Keyspace copy(2);
    load(copy, snapshot_of(keyspace));
    EXPECT_EQ(copy.digest(), keyspace.digest());
    for (Keyspace* each : {&keyspace, &copy}) {
      each->expire_due({101}, 10);
      each->use_format(3);
    }
    EXPECT_EQ(copy.digest(), keyspace.digest());
    EXPECT_EQ(keyspace.locks().info(key_named("door"), {})->losses.size(), format == 3 ? 1u : 0u);
  }
}

}  // namespace
}  // namespace holdfast::keyspace

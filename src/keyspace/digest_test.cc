// Digests of parts: equal for equal states, and a walk of them finds whatever differs, also while
// the data goes on changing.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/test_rounds.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

char& first_of(std::string_view bytes) { return const_cast<char&>(bytes.front()); }

// As a bit that flips in memory: behind the back of everything that counts changes. Another flip
// mends it.
void flip(const Object& object) {
  const ValueView value = object.value();
  if (!value.is_integer() && !value.text().empty()) {
    char& flipped = first_of(value.text());
    flipped = static_cast<char>(flipped ^ 4);
    return;
  }
  const ValueView flipped = value.is_integer() ? ValueView::integer(value.as_integer() ^ 4)
                            : value.is_raw()   ? ValueView::plain({})
                                               : ValueView::raw({});
  ASSERT_EQ(const_cast<Object&>(object).assign(flipped), nullptr);
}

// The number of parts of a walk, and how many of them differ.
struct Walk {
  std::size_t parts = 0;
  std::size_t different = 0;
};

Walk walk(
    const Keyspace& one, const Keyspace& other, std::size_t bytes,
    const std::function<void()>& between = [] {}) {
  Walk result;
  DigestCursor at;
  do {
    const DigestPart here = one.digest_part(at, bytes);
    const DigestPart there = other.digest_part(at, bytes);
    ++result.parts;
    if (here.hash != there.hash) ++result.different;
    at = here.next;
    between();
  } while (at != DigestCursor{});
  return result;
}

void change_both(Keyspace& one, Keyspace& other, Prng& random, std::int64_t& now) {
  Prng same = random;
  change_at_random(one, random, ClusterTime{now});
  change_at_random(other, same, ClusterTime{now});
  ++now;
}

TEST(DigestPart, WalksOfEqualStatesAreEqual) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Keyspace one(seed);
    Keyspace other(seed + 99);
    Prng random(seed);
    for (std::int64_t now = 1; now < 300;) change_both(one, other, random, now);
    Keyspace restored(7);
    load(restored, snapshot_of(one, 1000));
    for (const std::size_t bytes : {1UL, 100UL, 5000UL, 1'000'000UL}) {
      EXPECT_EQ(walk(one, other, bytes).different, 0U);
      EXPECT_EQ(walk(one, restored, bytes).different, 0U);
    }
    EXPECT_EQ(walk(one, other, 1'000'000).parts, 1U);
    EXPECT_GT(walk(one, other, 1).parts, 30U) << "a part is as small as one is ready to ask for";
  }
}

TEST(DigestPart, AWalkFindsEveryFlippedKeyInOnePart) {
  Keyspace one(1);
  Keyspace other(2);
  Prng random(3);
  for (std::int64_t now = 1; now < 300;) change_both(one, other, random, now);
  std::vector<const Object*> objects;
  other.for_each([&](const Object& object) {
    objects.push_back(&object);
    return true;
  });
  ASSERT_GT(objects.size(), 5U);
  for (const Object* object : objects) {
    flip(*object);
    for (const std::size_t bytes : {1UL, 300UL, 1'000'000UL}) {
      EXPECT_EQ(walk(one, other, bytes).different, 1U) << object->name();
    }
    flip(*object);
    EXPECT_EQ(walk(one, other, 300).different, 0U) << object->name();
  }
}

TEST(DigestPart, FindsDeadlinesRevisionsOrderAndWhatBelongsToNoSlot) {
  const auto differs = [](const std::function<void(Keyspace&)>& change) {
    Keyspace one(1);
    Keyspace other(2);
    for (Keyspace* keyspace : {&one, &other}) {
      for (const char* name : {"a", "b", "c"}) {
        keyspace->put(Key{name, Slot(3)}, Value::string("x"));
        keyspace->set_expiry(Key{name, Slot(3)}, {ClusterTime{50}, {50}});
      }
    }
    EXPECT_EQ(walk(one, other, 10).different, 0U);
    change(other);
    return walk(one, other, 10).different;
  };
  const auto object = [](Keyspace& keyspace) {
    return const_cast<Object*>(keyspace.find(Key{"b", Slot(3)}));
  };
  EXPECT_EQ(differs([&](Keyspace& k) { object(k)->ending()->expiry.deadline = {51}; }), 1U);
  EXPECT_EQ(differs([&](Keyspace& k) { object(k)->ending()->expiry.wall = {51}; }), 1U);
  EXPECT_EQ(differs([&](Keyspace& k) {
              const std::uint64_t modified = object(k)->modified();
              object(k)->restore(object(k)->created() + 1);
              object(k)->touch(modified);
            }),
            1U);
  EXPECT_EQ(differs([&](Keyspace& k) { object(k)->touch(object(k)->modified() + 1); }), 1U);
  EXPECT_GT(differs([&](Keyspace& k) {
              std::swap(first_of(object(k)->name()), first_of(k.nth(0).name()));
            }),
            0U);
  EXPECT_GT(differs([](Keyspace& k) { k.next_revision(); }), 1U) << "in every part";
}

// The shard's revision, which is in every part, is the same on both sides here.
TEST(DigestPart, AWalkFindsARemovalThatIsNotRemembered) {
  for (const std::size_t bytes : {1UL, 20UL, 1'000'000UL}) {
    Keyspace one(1);
    Keyspace other(2);
    for (Keyspace* keyspace : {&one, &other}) {
      for (const char* name : {"a", "b", "c", "d", "e"}) {
        keyspace->put(key_named(name), Value::string("x"));
        keyspace->remember_removals(keyspace == &one || name[0] != 'c');
        keyspace->erase(key_named(name));
        keyspace->put(key_named(name), Value::string("x"));
      }
    }
    EXPECT_EQ(walk(one, one, bytes).different, 0U);
    EXPECT_NE(one.digest(), other.digest());
    EXPECT_GT(walk(one, other, bytes).different, 0U);
  }
}

// Nodes of two versions compare what they find: these are the hashes of the first program that took digests.
TEST(DigestPart, LongTextsAreHashedAsTheyEverWere) {
  Keyspace keyspace(1);
  int number = 0;
  for (const std::size_t size : {10, 1000, 65'000, 65'535, 65'536, 65'537, 200'000, 1 << 20, 3 << 20, 5}) {
    const std::string name = "key:" + std::to_string(++number);
    keyspace.put({name, Slot(static_cast<std::uint16_t>(number % 3))},
                 Value::string(std::string(size, static_cast<char>('a' + number))));
  }
  EXPECT_EQ(keyspace.digest(0, kSlotCount), 5768552635722387387u);
  std::vector<std::uint64_t> hashes;
  DigestCursor at;
  do {
    const DigestPart part = keyspace.digest_part(at, 256 << 10);
    hashes.push_back(part.hash);
    at = part.next;
  } while (at != DigestCursor{});
  const std::vector<std::uint64_t> first = {9355402845067749091u, 6338424190854884478u, 475237742950154224u,
                                            9032819878838015205u};
  EXPECT_EQ(hashes, first);
}

// A removal in every bucket is work for many parts.
TEST(DigestPart, RemovalsCountAsWork) {
  Keyspace keyspace(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = fmt::format("k{}", i);
    keyspace.put(Key{name, Slot(5)}, Value::string("x"));
    keyspace.erase(Key{name, Slot(5)});
  }
  EXPECT_GT(walk(keyspace, keyspace, 1000).parts, 40U);
  EXPECT_EQ(walk(keyspace, keyspace, 1000).different, 0U);
}

// Removals move items about in the dense arrays: none may slip past the walk.
TEST(DigestPart, NothingSlipsPastAWalkWhileTheDataChanges) {
  for (std::uint64_t seed = 1; seed <= rounds(200); ++seed) {
    Keyspace one(seed);
    Keyspace other(seed + 99);
    Prng random(seed);
    std::int64_t now = 1;
    while (now < 100) change_both(one, other, random, now);
    const Key bad{"never touched", Slot(77)};
    one.put(bad, Value::string("right"));
    other.put(bad, Value::string("right"));
    while (now < 250) change_both(one, other, random, now);
    if (one.find(bad) == nullptr) continue;  // a FLUSH
    flip(*other.find(bad));
    bool gone = false;
    const Walk found = walk(one, other, 1 + random.below(400), [&] {
      change_both(one, other, random, now);
      gone = gone || one.find(bad) == nullptr;
    });
    EXPECT_TRUE(found.different > 0 || gone) << "seed " << seed;
  }
}

}  // namespace
}  // namespace holdfast::keyspace

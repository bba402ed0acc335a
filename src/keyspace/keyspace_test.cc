#include "keyspace/keyspace.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>

#include "base/prng.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

TEST(Keyspace, RevisionsCountChangesAndKeysKnowTheirs) {
  Keyspace keyspace(1);
  const Key key = key_named("a");
  EXPECT_EQ(keyspace.modified(key), 0u);
  keyspace.put(key, Value::string("x"));
  keyspace.put(key, Value::string("y"));
  const Object* object = keyspace.find(key);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(object->created(), 1u);
  EXPECT_EQ(object->modified(), 2u);
  EXPECT_EQ(keyspace.modified(key), 2u);
  EXPECT_TRUE(keyspace.erase(key));
  EXPECT_FALSE(keyspace.erase(key));
  EXPECT_EQ(keyspace.revision(), 3u);
  keyspace.clear();
  EXPECT_EQ(keyspace.revision(), 3u) << "clearing nothing changes nothing";
}

TEST(Keyspace, WhatIsWatchedChangesWheneverTheKeyDoes) {
  Keyspace keyspace(1);
  const Key key = key_named("a");
  EXPECT_EQ(keyspace.watched(key), 0u);
  keyspace.put(key, Value::string("x"));
  EXPECT_EQ(keyspace.watched(key), 1u);
  keyspace.put(key, Value::string("y"));
  EXPECT_EQ(keyspace.watched(key), 2u);
  keyspace.erase(key);
  EXPECT_EQ(keyspace.watched(key), 3u);
  EXPECT_EQ(keyspace.modified(key), 0u);
  keyspace.erase(key);
  EXPECT_EQ(keyspace.watched(key), 3u) << "it was absent already";

  keyspace.put(key, Value::string("x"));
  keyspace.set_expiry(key, {ClusterTime{10}, {}});
  EXPECT_EQ(keyspace.watched(key), 5u);
  keyspace.expire_due(ClusterTime{11}, 10);
  EXPECT_EQ(keyspace.watched(key), 6u);

  keyspace.put(key, Value::string("x"));
  keyspace.clear();
  EXPECT_EQ(keyspace.watched(key), 8u);
  keyspace.put(key_named("b"), Value::string("x"));
  keyspace.clear();
  EXPECT_EQ(keyspace.watched(key), 8u) << "it was not among what was cleared";
  EXPECT_EQ(keyspace.revision(), 10u) << "each removal counts one revision";
}

TEST(Keyspace, RemovalsAreToldApartAlsoWithinASlot) {
  Keyspace keyspace(1);
  keyspace.put(Key{"{tag}a", Slot(3)}, Value::string("x"));
  keyspace.erase(Key{"{tag}a", Slot(3)});
  EXPECT_EQ(keyspace.watched(Key{"{tag}b", Slot(3)}), 0u);
}

// As entries from before removals were remembered leave it.
TEST(Keyspace, RemovalsThatAreNotToBeRememberedLeaveNothing) {
  Keyspace keyspace(1);
  Keyspace other(2);
  const Key key = key_named("a");
  for (Keyspace* each : {&keyspace, &other}) each->put(key, Value::string("x"));
  keyspace.remember_removals(false);
  keyspace.erase(key);
  other.erase(key);
  EXPECT_EQ(keyspace.watched(key), 0u);
  EXPECT_EQ(keyspace.revision(), other.revision());
  EXPECT_NE(keyspace.digest(), other.digest());
  keyspace.remember_removals(true);
  keyspace.put(key, Value::string("x"));
  keyspace.erase(key);
  EXPECT_EQ(keyspace.watched(key), 4u);
}

TEST(Keyspace, OverwritingKeepsTheExpiryAndANewKeyHasNone) {
  Keyspace keyspace(1);
  const Key key = key_named("a");
  keyspace.put(key, Value::string("x"));
  keyspace.set_expiry(key, {ClusterTime{100}, WallTime{5}});
  keyspace.put(key, Value::string("y"));
  EXPECT_TRUE(keyspace.find(key)->due(ClusterTime{101}));
  EXPECT_FALSE(keyspace.find(key)->due(ClusterTime{100}));
  EXPECT_EQ(keyspace.expiring(), 1u);
  keyspace.erase(key);
  keyspace.put(key, Value::string("z"));
  EXPECT_FALSE(keyspace.find(key)->expiry().set());
  EXPECT_EQ(keyspace.expiring(), 0u);
}

TEST(Keyspace, DueKeysEndInOrderAndWithinTheBound) {
  Keyspace keyspace(1);
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    keyspace.put(key_named(name), Value::string("x"));
    keyspace.set_expiry(key_named(name), {ClusterTime{name[0] == 'c' ? 10 : 20}, {}});
  }
  EXPECT_EQ(keyspace.next_deadline(), ClusterTime{10});
  EXPECT_EQ(keyspace.expire_due(ClusterTime{10}, 100), 0u);  // not before it is past
  EXPECT_EQ(keyspace.expire_due(ClusterTime{21}, 1), 1u);
  EXPECT_EQ(keyspace.find(key_named("c")), nullptr);
  EXPECT_EQ(keyspace.expire_due(ClusterTime{21}, 3), 3u);
  EXPECT_EQ(keyspace.size(), 1u);
  EXPECT_EQ(keyspace.expire_due(ClusterTime{21}, 3), 1u);
  EXPECT_EQ(keyspace.next_deadline(), ClusterTime::never());
  EXPECT_EQ(keyspace.expired_keys(), 5u);
}

TEST(Keyspace, ClearLeavesCoordinationAlone) {
  Keyspace keyspace(1);
  keyspace.put(key_named("a"), Value::string("x"));
  keyspace.set_expiry(key_named("a"), {ClusterTime{10}, {}});
  AcquireRequest request;
  request.owner = "me";
  request.ttl_ms = 50;
  const auto granted = keyspace.locks().acquire(key_named("a"), request, {}, {});
  keyspace.clear();
  EXPECT_EQ(keyspace.size(), 0u);
  EXPECT_EQ(keyspace.expiring(), 0u);
  EXPECT_TRUE(keyspace.locks().holds(key_named("a"), granted.grant.token, {}));
  EXPECT_EQ(keyspace.next_deadline(), ClusterTime{50});
}

TEST(Keyspace, SettingsAreRemembered) {
  Keyspace keyspace(1);
  EXPECT_EQ(keyspace.setting("password"), nullptr);
  keyspace.set_setting("password", "hash");
  ASSERT_NE(keyspace.setting("password"), nullptr);
  EXPECT_EQ(*keyspace.setting("password"), "hash");
}

TEST(Keyspace, MemoryGoesBackToWhereItWas) {
  Keyspace keyspace(1);
  const std::size_t empty = keyspace.memory();
  for (int i = 0; i < 100; ++i) {
    const std::string name = fmt::format("key with a long name, number {}", i);
    keyspace.put(key_named(name), Value::string(std::string(500, 'x')));
    keyspace.edit_text(key_named(name), [](std::string& text) { text.append(300, 'y'); });
    keyspace.set_expiry(key_named(name), {ClusterTime{10}, {}});
  }
  EXPECT_GT(keyspace.memory(), empty + 100 * 800);
  EXPECT_LT(keyspace.memory(), empty + 100 * 2500);
  for (int i = 0; i < 50; ++i) {
    keyspace.erase(key_named(fmt::format("key with a long name, number {}", i)));
  }
  keyspace.clear();
  EXPECT_EQ(keyspace.memory(), empty);
}

TEST(Keyspace, MemoryOfEverythingGoesBackToWhereItWas) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Keyspace keyspace(seed);
    Prng random(seed);
    for (std::int64_t step = 0; step < 500; ++step) {
      change_at_random(keyspace, random, ClusterTime{step});
    }
    keyspace.clear();
    // The last to end are names of locks, ten minutes after their last hold.
    while (keyspace.next_deadline() != ClusterTime::never()) {
      keyspace.expire_due(keyspace.next_deadline().plus_ms(1), 1000);
    }
    Keyspace other(seed);
    for (int lock = 0; lock < 6; ++lock) {
      for (const char* name : {"a", "b", "c", "d", "e"}) {
        const std::string floor = fmt::format("l{}", lock);
        const Slot slot = key_named(name).slot;
        if (keyspace.guards().floor(slot, floor) > 0) other.guards().raise(slot, floor, 1);
      }
    }
    EXPECT_EQ(keyspace.memory(), other.memory());
    EXPECT_EQ(keyspace.locks().held() + keyspace.locks().waiting() + keyspace.once().size(), 0u);
  }
}

// ---- against a simple model

struct ModelKey {
  std::string text;
  std::int64_t deadline = 0;  // 0: none
  std::uint64_t created = 0;
};

TEST(Keyspace, AgreesWithAMapUnderRandomChanges) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Keyspace keyspace(seed);
    Prng random(seed);
    std::map<std::string, ModelKey> model;
    for (std::int64_t now = 1; now <= 400; ++now) {
      const std::string name = fmt::format("k{}", random.below(30));
      const Key key = key_named(name);
      const bool there = model.contains(name);
      const std::string text = fmt::to_string(random.below(1000));
      switch (random.below(7)) {
        case 0:
        case 1:
        case 2:
          keyspace.put(key, Value::string(text));
          if (!there) model[name].created = keyspace.revision();
          model[name].text = text;
          break;
        case 3:
          if (!there) break;
          keyspace.edit_text(key, [&](std::string& held) { held += text; });
          model[name].text += text;
          break;
        case 4:
          if (!there) break;
          model[name].deadline = now + random.between(1, 50);
          keyspace.set_expiry(key, {ClusterTime{model[name].deadline}, {}});
          break;
        case 5:
          EXPECT_EQ(keyspace.erase(key), model.erase(name) == 1);
          break;
        case 6:
          if (random.below(40) == 0) {
            keyspace.clear();
            model.clear();
          }
          keyspace.expire_due(ClusterTime{now}, 1000);
          std::erase_if(model, [&](const auto& each) {
            return each.second.deadline != 0 && each.second.deadline < now;
          });
          break;
      }
      ASSERT_EQ(keyspace.size(), model.size());
    }
    std::map<std::string, ModelKey> seen;
    std::size_t nth = 0;
    keyspace.for_each([&](const Object& object) {
      EXPECT_EQ(&keyspace.nth(nth++), &object);
      EXPECT_EQ(keyspace.find(key_named(object.name())), &object);
      seen[std::string(object.name())] = {
          object.value().to_string(), object.expiry().set() ? object.expiry().deadline.ms : 0,
          object.created()};
      return true;
    });
    ASSERT_EQ(seen.size(), model.size());
    for (const auto& [name, expected] : model) {
      EXPECT_EQ(seen[name].text, expected.text);
      EXPECT_EQ(seen[name].deadline, expected.deadline);
      EXPECT_EQ(seen[name].created, expected.created);
    }
  }
}

TEST(Keyspace, KeysEndInOrderOfDeadlineSlotAndCreation) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Keyspace keyspace(seed);
    Prng random(seed);
    std::vector<std::tuple<std::int64_t, std::uint16_t, std::uint64_t, std::string>> expected;
    for (int i = 0; i < 200; ++i) {
      const std::string name = fmt::format("k{}", i);
      const Key key = key_named(name);
      keyspace.put(key, Value::string("x"));
      const std::int64_t deadline = random.between(1, 10);
      expected.emplace_back(deadline, key.slot.value, keyspace.revision(), name);
      keyspace.set_expiry(key, {ClusterTime{deadline}, {}});
    }
    std::sort(expected.begin(), expected.end());
    for (const auto& next : expected) {
      EXPECT_EQ(keyspace.next_deadline().ms, std::get<0>(next));
      EXPECT_NE(keyspace.find(key_named(std::get<3>(next))), nullptr);
      EXPECT_EQ(keyspace.expire_due(ClusterTime{11}, 1), 1u);
      EXPECT_EQ(keyspace.find(key_named(std::get<3>(next))), nullptr);
    }
  }
}

// ---- SCAN

TEST(Scan, SeesAllThatStaysThoughOthersComeAndGo) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Keyspace keyspace(seed);
    Prng random(seed);
    std::set<std::string> stay;
    for (int i = 0; i < 120; ++i) {
      const std::string name = fmt::format("{}{}", random.below(2) == 0 ? "stay" : "go", i);
      keyspace.put(key_named(name), Value::string("x"));
      if (name.starts_with("stay")) stay.insert(name);
    }
    std::set<std::string> seen;
    std::uint64_t cursor = 0;
    do {
      const std::size_t count = 1 + random.below(5);
      std::size_t given = 0;
      cursor = keyspace.scan(cursor, count, [&](const Object& object) {
        seen.emplace(object.name());
        ++given;
      });
      EXPECT_LE(given, count);
      for (std::uint64_t i = random.below(10); i > 0; --i) {
        const std::string name = fmt::format("go{}", random.below(300));
        if (random.below(3) == 0) {
          keyspace.put(key_named(name), Value::string("y"));
        } else {
          keyspace.erase(key_named(name));
        }
      }
    } while (cursor != 0);
    EXPECT_TRUE(std::includes(seen.begin(), seen.end(), stay.begin(), stay.end()));
  }
}

TEST(Scan, GivesEachKeyOnceIfNothingChanges) {
  Keyspace keyspace(1);
  for (int i = 0; i < 100; ++i) {
    keyspace.put(key_named(fmt::format("k{}", i)), Value::string("x"));
  }
  std::multiset<std::string> seen;
  std::uint64_t cursor = 0;
  do {
    cursor = keyspace.scan(cursor, 7, [&](const Object& object) { seen.emplace(object.name()); });
    EXPECT_LT(cursor, std::uint64_t{1} << 53);
  } while (cursor != 0);
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 100u);
}

TEST(Scan, CursorsWithoutSenseEndIt) {
  Keyspace keyspace(1);
  keyspace.put(key_named("a"), Value::string("x"));
  const auto ignore = [](const Object&) {};
  EXPECT_EQ(keyspace.scan(UINT64_MAX, 10, ignore), 0u);
  EXPECT_EQ(keyspace.scan((std::uint64_t{1} << 53) - 1, 10, ignore), 0u);
  EXPECT_EQ(keyspace.scan(16383, 10, ignore), 0u);
}

// It is a hint: whatever is named, nothing changes.
TEST(Keyspace, WhatIsFetchedAheadMayBeThereOrNot) {
  Keyspace keyspace(1);
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("{slot}" + std::to_string(i));
  std::vector<Key> keys;
  for (const std::string& name : names) keys.push_back({name, Slot(7)});
  keyspace.fetch_ahead({});
  keyspace.fetch_ahead(keys);  // an empty slot
  for (int i = 0; i < 3; ++i) keyspace.put_text(keys[static_cast<std::size_t>(i)], "v");
  keyspace.fetch_ahead(keys);  // one without an index
  for (std::size_t i = 0; i < 60; ++i) keyspace.put_text(keys[i], "v");
  const std::uint64_t digest = keyspace.digest();
  for (std::size_t i = 0; i < keys.size(); ++i) keyspace.fetch_ahead(std::span(keys).subspan(i));
  EXPECT_EQ(keyspace.digest(), digest);
  // And what was noted in a key finds what its name finds.
  for (const Key& key : keys) {
    EXPECT_NE(key.hash, 0u);
    EXPECT_EQ(keyspace.find(key), keyspace.find(Key{key.name, key.slot}));
  }
  // Whatever has moved since.
  for (std::size_t i = 0; i < keys.size(); i += 3) {
    keyspace.erase(keys[i]);
    keyspace.put_integer(keys[(i * 7 + 1) % keys.size()], 7);
    for (const Key& key : keys) {
      ASSERT_EQ(keyspace.find(key), keyspace.find(Key{key.name, key.slot})) << key.name << " " << i;
    }
  }
}

}  // namespace
}  // namespace holdfast::keyspace

// Sessions against a model that does the same in the plainest way, through random changes and
// snapshots.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "keyspace/session.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

struct NaiveSessions {
  struct One {
    bool ending = false;
    std::vector<std::string> keys;  // in the order of binding
  };
  std::map<std::uint64_t, One> sessions;
  std::map<std::string, std::uint64_t> keys;  // 0: bound to none

  void drop(const std::string& name) {
    const auto found = keys.find(name);
    if (found == keys.end()) return;
    if (found->second != 0) std::erase(sessions[found->second].keys, name);
    keys.erase(found);
  }
  bool bind(std::uint64_t id, const std::vector<std::string>& names) {
    const auto session = sessions.find(id);
    if (session == sessions.end() || session->second.ending) return false;
    for (const std::string& name : names) {
      const auto key = keys.find(name);
      if (key == keys.end() || (key->second != 0 && key->second != id)) return false;
    }
    for (const std::string& name : names) {
      if (keys[name] == id) continue;
      keys[name] = id;
      session->second.keys.push_back(name);
    }
    return true;
  }
  void end(std::uint64_t id, std::size_t bound) {
    const auto session = sessions.find(id);
    if (session == sessions.end()) return;
    session->second.ending = true;
    for (--bound; bound > 0 && !session->second.keys.empty(); --bound) {
      drop(std::string(session->second.keys.front()));
    }
    if (session->second.keys.empty()) sessions.erase(session);
  }
};

void compare(const Keyspace& keyspace, const NaiveSessions& model) {
  ASSERT_EQ(keyspace.size(), model.keys.size());
  ASSERT_EQ(keyspace.sessions().size(), model.sessions.size());
  for (const auto& [name, session] : model.keys) {
    ASSERT_EQ(keyspace.sessions().session_of(key_named(name)), session) << name;
  }
  for (const auto& [id, one] : model.sessions) {
    const auto info = keyspace.sessions().info(id);
    ASSERT_TRUE(info.has_value());
    ASSERT_EQ(info->ending, one.ending);
    const auto names = keyspace.sessions().keys_of(id, 1000);
    ASSERT_EQ(std::vector<std::string>(names.begin(), names.end()), one.keys);
  }
}

void change(Keyspace& keyspace, NaiveSessions& model, Prng& random) {
  const std::string name = fmt::format("k{}", random.below(30));
  const std::uint64_t what = random.below(100);
  std::uint64_t id = random.below(50);
  if (!model.sessions.empty() && random.below(10) > 0) {
    id = std::next(model.sessions.begin(),
                   static_cast<std::ptrdiff_t>(random.below(model.sessions.size())))
             ->first;
  }
  if (what < 30) {
    keyspace.put(key_named(name), Value::integer(static_cast<std::int64_t>(what)));
    model.keys.try_emplace(name, 0);
  } else if (what < 45) {
    keyspace.erase(key_named(name));
    model.drop(name);
  } else if (what < 47) {
    keyspace.clear();
    while (!model.keys.empty()) model.drop(std::string(model.keys.begin()->first));
  } else if (what < 57) {
    const auto opened = keyspace.sessions().open(100, name, ClusterTime{1});
    model.sessions[opened.value()];
  } else if (what < 85) {
    std::vector<std::string> names = {name, fmt::format("k{}", random.below(30))};
    const std::vector<Key> keys = {key_named(names[0]), key_named(names[1])};
    const bool bound = keyspace.sessions().bind(id, keys).outcome == BindOutcome::bound;
    ASSERT_EQ(bound, model.bind(id, names));
  } else {
    const std::size_t bound = 1 + random.below(5);
    std::size_t left = bound;
    ASSERT_EQ(keyspace.sessions().end(id, left, ClusterTime{1}), model.sessions.contains(id));
    model.end(id, bound);
  }
}

}  // namespace

TEST(SessionModel, AgreesThroughRandomChangesAndSnapshots) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Prng random(seed);
    auto keyspace = std::make_unique<Keyspace>(seed);
    NaiveSessions model;
    for (int step = 0; step < 400; ++step) {
      change(*keyspace, model, random);
      if (step % 20 == 0) {
        ASSERT_NO_FATAL_FAILURE(compare(*keyspace, model)) << seed;
      }
      if (step % 100 != 99) continue;
      // A snapshot is of the moment when it began, whatever happens meanwhile.
      const std::uint64_t digest = keyspace->digest();
      auto copy = std::make_unique<Keyspace>(seed + 100);
      keyspace->begin_snapshot();
      const NaiveSessions then = model;
      for (std::string chunk; !(chunk = keyspace->next_chunk(200)).empty();) {
        ASSERT_TRUE(copy->load_chunk(chunk).ok());
        change(*keyspace, model, random);
      }
      ASSERT_TRUE(copy->finish_load().ok());
      ASSERT_EQ(copy->digest(), digest) << seed;
      ASSERT_NO_FATAL_FAILURE(compare(*copy, then)) << seed;
      keyspace = std::move(copy);
      model = then;
    }
  }
}

}  // namespace holdfast::keyspace

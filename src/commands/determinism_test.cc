// Replicas must agree to the byte: on the same words at the same stamps, two keyspaces give the
// same replies and digests, though their hashes are seeded differently and one of them is now and then
// replaced by a copy loaded from its own snapshot. What they tell to who listens is the same
// too, and whoever only listens knows which keys there are.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/test_rounds.h"
#include "commands/command_table.h"

namespace holdfast::commands {
namespace {

using Words = std::vector<std::string>;

class Replica {
 public:
  explicit Replica(std::uint64_t seed) : keyspace_(std::make_unique<keyspace::Keyspace>(seed)) {
    keyspace_->notices().want(kTopics);
  }

  std::string apply(const Words& words, Stamp now, std::uint64_t index, std::uint64_t random) {
    const std::vector<std::string_view> args(words.begin(), words.end());
    std::string bytes;
    resp::ReplyWriter reply(bytes, resp::Version::resp3);
    if (auto refused = refuse_words(args)) {
      reply.error(*refused);
      return bytes;
    }
    // A small bound, so that due keys are met by commands.
    keyspace_->expire_due(now.cluster, 1);
    WriteContext context{.keyspace = *keyspace_,
                         .now = now,
                         .reply = reply,
                         .origin = {NodeId(1), Incarnation(1), ConnectionId(1), index},
                         .index = Index(index),
                         .random = random};
    run_in_entry(*find_command(args), context, args);
    return bytes;
  }

  void restore(std::uint64_t seed) {
    auto copy = std::make_unique<keyspace::Keyspace>(seed);
    keyspace_->begin_snapshot();
    for (std::string chunk; !(chunk = keyspace_->next_chunk(200)).empty();) {
      ASSERT_TRUE(copy->load_chunk(chunk).ok());
    }
    ASSERT_TRUE(copy->finish_load().ok());
    keyspace_ = std::move(copy);
    keyspace_->notices().want(kTopics);
  }

  std::vector<keyspace::Notice> take_notices() { return keyspace_->notices().take(); }
  std::set<std::string> keys() const {
    std::set<std::string> all;
    keyspace_->for_each(
        [&](const keyspace::Object& object) { return all.emplace(object.name()).second; });
    return all;
  }

  std::size_t held() const { return keyspace_->locks().held(); }
  std::uint64_t digest() const { return keyspace_->digest(); }

 private:
  static constexpr std::uint8_t kTopics = 7;

  std::unique_ptr<keyspace::Keyspace> keyspace_;
};

std::string key(Prng& prng) {
  // Some share a slot, where order matters most.
  const std::uint64_t n = prng.below(40);
  return (n % 2 == 0 ? "{slot}" : "k") + std::to_string(n);
}

std::string lock(Prng& prng) { return "l" + std::to_string(prng.below(3)); }
std::string owner(Prng& prng) { return "o" + std::to_string(prng.below(4)); }

std::string text_of(const std::vector<keyspace::Notice>& notices) {
  std::string text;
  for (const keyspace::Notice& notice : notices) {
    text += fmt::format("{} {} {} {} {} {} {}\n", static_cast<int>(notice.kind), notice.name,
                        notice.owner, notice.token, notice.event, static_cast<int>(notice.loss),
                        notice.origin.request);
  }
  return text;
}

// What somebody knows who only listens.
struct Listener {
  std::set<std::string> keys;
  std::map<std::string, std::uint64_t> held;  // names of locks, and tokens
  std::string wrong;

  void hear(const keyspace::Notice& notice) {
    using keyspace::NoticeKind;
    if (notice.kind == NoticeKind::granted) {
      if (!notice.again && held.contains(notice.name)) wrong += notice.name + " was held already; ";
      held[notice.name] = notice.token;
    } else if (notice.kind == NoticeKind::released || notice.kind == NoticeKind::lost) {
      if (held[notice.name] != notice.token) wrong += notice.name + " was held by another; ";
      held.erase(notice.name);
    } else if (notice.event == "new") {
      keys.insert(notice.name);
    } else if (notice.event == "del" || notice.event == "expired" || notice.event == "rename_from") {
      if (keys.erase(notice.name) == 0) wrong += notice.name + " was not there; ";
    } else if (!keys.contains(notice.name)) {
      wrong += notice.name + " is not there; ";
    }
  }
};

Words random_words(Prng& prng, std::string& cursor) {
  const std::string number = std::to_string(prng.between(-50, 50));
  const std::string ms = std::to_string(prng.between(-5, 500));
  switch (prng.below(21)) {
    case 0:
      return {"SET", key(prng), number};
    case 1:
      return {"SET", key(prng), number, "PX", ms};
    case 2:
      return {"SET", key(prng), number, "NX", "GET"};
    case 3:
      return {"MSET", key(prng), number, key(prng), number, key(prng), number};
    case 4:
      return {"DEL", key(prng), key(prng)};
    case 5:
      return {"RENAME", key(prng), key(prng)};
    case 6:
      return {"COPY", key(prng), key(prng), "REPLACE"};
    case 7:
      return {"PEXPIRE", key(prng), ms, prng.below(2) == 0 ? "GT" : "LT"};
    case 8:
      return {"PEXPIRE", key(prng), ms};
    case 9:
      return {"INCRBY", key(prng), number};
    case 10:
      return {"INCRBYFLOAT", key(prng), number + ".1"};
    case 11:
      return {"APPEND", key(prng), number};
    case 12:
      return {"GETEX", key(prng), "PX", ms};
    case 13:
      return {"PTTL", key(prng)};
    case 14:
      return {"KEYS", prng.below(2) == 0 ? "*" : "k*"};
    case 15:
      return {"RANDOMKEY"};
    case 16:
      return prng.below(20) == 0 ? Words{"FLUSHALL"} : Words{"DBSIZE"};
    case 17:
      return {"GETDEL", key(prng)};
    case 18:
      return {"LOCK.ACQUIRE", lock(prng), owner(prng), "TTL", std::to_string(prng.between(10, 300)),
              "WAIT", std::to_string(prng.between(0, 200))};
    case 19:
      return {"LOCK.RELEASE", lock(prng), std::to_string(prng.between(1, 800))};
    default:
      return {"SCAN", cursor, "COUNT", "5"};
  }
}

// "*2 $… cursor …": the cursor that a reply to SCAN goes on with.
std::string cursor_in(const std::string& reply) {
  const std::size_t begin = reply.find("\r\n", reply.find('$')) + 2;
  return reply.substr(begin, reply.find("\r\n", begin) - begin);
}

void compare_replicas(std::uint64_t seed) {
  Prng prng(seed);
  Replica steady(seed);
  Replica restored(seed + 1);
  Stamp now{.cluster = {1000}, .wall = {1'700'000'000'000}};
  std::string cursor = "0";
  Listener listener;
  for (std::uint64_t index = 1; index <= 400; ++index) {
    now.cluster.ms += prng.between(0, 20);
    now.wall.ms += prng.between(-100, 100);
    const Words words = random_words(prng, cursor);
    const std::uint64_t random = prng.next();
    const std::string reply = steady.apply(words, now, index, random);
    ASSERT_EQ(restored.apply(words, now, index, random), reply) << words[0] << " at " << index;
    if (index % 20 == 0) {
      ASSERT_EQ(restored.digest(), steady.digest()) << "at " << index;
    }
    const auto notices = steady.take_notices();
    ASSERT_EQ(text_of(restored.take_notices()), text_of(notices)) << words[0] << " at " << index;
    for (const keyspace::Notice& notice : notices) listener.hear(notice);
    if (words[0] == "FLUSHALL") listener.keys.clear();  // as in Redis, nobody is told
    ASSERT_EQ(listener.keys, steady.keys()) << words[0] << " at " << index;
    ASSERT_EQ(listener.held.size(), steady.held()) << words[0] << " at " << index;
    ASSERT_EQ(listener.wrong, "") << words[0] << " at " << index;
    if (words[0] == "SCAN") cursor = cursor_in(reply);
    if (prng.below(25) == 0) restored.restore(prng.next());
  }
}

TEST(Determinism, ReplicasAgreeWhateverTheirHashesAndRestores) {
  for (std::uint64_t seed = 1; seed <= rounds(30) && !::testing::Test::HasFatalFailure(); ++seed) {
    SCOPED_TRACE(seed);
    compare_replicas(seed);
  }
}

}  // namespace
}  // namespace holdfast::commands

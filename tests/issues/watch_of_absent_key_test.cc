// A key that was absent when it was watched, created, and removed again before EXEC counted as
// unchanged, since an absent key had the revision 0 whatever happened to it: the transaction ran
// although its client had seen the value meanwhile. Found by the simulator: seeds 1007 and 1013 of
// tests/scenarios/busy.txt.

#include <gtest/gtest.h>

#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replica/state_machine.h"

namespace holdfast::replica {
namespace {

constexpr std::string_view kNil = "*-1\r\n";
constexpr std::string_view kDone = "*1\r\n+OK\r\n";

struct NoReplicas final : DurabilityView {
  std::size_t replicas_with(Index) const override { return 0; }
};

using Words = std::vector<std::string_view>;

class WatchOfAbsentKey : public testing::Test {
 protected:
  void next_entry() {
    now_ += 10;
    machine_.begin_entry(
        {.semantics = semantics_, .stamp = {now_}, .expire_bound = 10, .random = 1},
        Index(++index_));
  }
  std::string run(const CommandRecord& record) {
    next_entry();
    std::string bytes;
    encode_record(record, bytes);
    std::string reply;
    Origin origin;
    machine_.apply(bytes, reply, origin);
    return reply;
  }
  std::string run(const Words& words) {
    CommandRecord record;
    record.commands.push_back(words);
    return run(record);
  }
  // What WATCH asks for.
  std::uint64_t watch(std::string_view key) {
    CommandRecord record;
    record.commands.push_back({"_REVISIONS", key});
    std::string bytes;
    encode_record(record, bytes);
    std::string reply;
    Origin origin;
    machine_.read(bytes, {{now_}, {}}, 1, reply, origin);
    std::uint64_t revision = 0;
    constexpr std::size_t kNumber = std::string_view("*1\r\n:").size();
    std::from_chars(reply.data() + kNumber, reply.data() + reply.size(), revision);
    return revision;
  }
  std::string exec(std::string_view key, std::uint64_t revision) {
    CommandRecord record;
    record.flags = kTransaction;
    record.watched.push_back({key, revision});
    record.commands.push_back({"SET", key, "mine"});
    return run(record);
  }

  NoReplicas none_;
  StateMachine machine_{1, none_};
  std::int64_t now_ = 1000;
  std::uint64_t index_ = 0;
  std::uint16_t semantics_ = kSemantics;
};

TEST_F(WatchOfAbsentKey, NoticesThatItCameAndWasDeleted) {
  const std::uint64_t revision = watch("k");
  run(Words{"SET", "k", "v"});
  run(Words{"DEL", "k"});
  EXPECT_EQ(exec("k", revision), kNil);
}

TEST_F(WatchOfAbsentKey, NoticesThatItCameAndExpired) {
  const std::uint64_t revision = watch("k");
  run(Words{"SET", "k", "v", "PX", "5"});
  EXPECT_EQ(exec("k", revision), kNil);
}

TEST_F(WatchOfAbsentKey, NoticesThatItCameAndWasFlushed) {
  const std::uint64_t revision = watch("k");
  run(Words{"SET", "k", "v"});
  run(Words{"FLUSHALL"});
  EXPECT_EQ(exec("k", revision), kNil);
}

TEST_F(WatchOfAbsentKey, HoldsWhileNothingHappensToIt) {
  run(Words{"SET", "k", "v"});
  run(Words{"DEL", "k"});
  const std::uint64_t revision = watch("k");
  run(Words{"DEL", "k"});
  EXPECT_EQ(exec("k", revision), kDone);
}

// Whoever applies such an entry again, or first, must not do otherwise than who did it then.
TEST_F(WatchOfAbsentKey, IsWhatItWasInEntriesFromBefore) {
  semantics_ = 1;
  run(Words{"SET", "k", "v"});
  run(Words{"DEL", "k"});
  EXPECT_EQ(watch("k"), 0u) << "and nothing is left of the removal";
  EXPECT_EQ(exec("k", 0), kDone);
  run(Words{"SET", "other", "v"});
  semantics_ = kSemantics;
  run(Words{"DEL", "other"});
  const std::uint64_t revision = watch("other");
  EXPECT_NE(revision, 0u);
  semantics_ = 1;
  EXPECT_EQ(exec("other", revision), kNil);
  EXPECT_EQ(exec("other", 0), kDone);
}

TEST_F(WatchOfAbsentKey, NoticesThatItCame) {
  const std::uint64_t revision = watch("k");
  run(Words{"SET", "k", "v"});
  EXPECT_EQ(exec("k", revision), kNil);
}

}  // namespace
}  // namespace holdfast::replica

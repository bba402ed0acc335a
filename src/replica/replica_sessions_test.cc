// Sessions in a whole replica: who is told that one lives, and when one ends.
#include <fmt/format.h>

#include "keyspace/session.h"
#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

class Sessions : public Stage {
 protected:
  std::uint64_t open_session(std::int64_t ttl_ms) {
    outcomes.clear();
    write({"SESSION.OPEN", "TTL", fmt::to_string(ttl_ms)});
    EXPECT_TRUE(outcomes.starts_with(":")) << outcomes;
    return std::strtoull(outcomes.c_str() + 1, nullptr, 10);
  }
  void ask_to_keep(std::uint64_t id) {
    std::string record;
    encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests},
                   {"SESSION.KEEP", fmt::to_string(id)}, record);
    ASSERT_EQ(replica->submit(record, false, Epoch{}), Accepted::yes);
  }
  std::string kept(std::uint64_t id) {
    outcomes.clear();
    ask_to_keep(id);
    run_for(milliseconds(20));
    return outcomes;
  }
  bool lives(std::uint64_t id) const {
    return std::as_const(*replica).keyspace().sessions().lives(id);
  }
};

TEST_F(Sessions, OneThatNobodyKeepsEndsSoonAfterItsTtl) {
  open();
  const std::uint64_t id = open_session(1000);
  write({"SET", "mine", "1"});
  write({"SESSION.BIND", fmt::to_string(id), "mine"});
  run_for(milliseconds(600));
  EXPECT_TRUE(lives(id));
  EXPECT_EQ(replica->keyspace().size(), 1u);
  run_for(milliseconds(250));
  EXPECT_FALSE(lives(id));
  EXPECT_EQ(replica->keyspace().size(), 0u);
  EXPECT_TRUE(kept(id).starts_with("-LOST")) << outcomes;
}

TEST_F(Sessions, OneThatIsKeptLivesForItsTtlFromTheAsking) {
  open();
  const std::uint64_t id = open_session(1000);
  for (int i = 0; i < 10; ++i) {
    run_for(milliseconds(700));
    EXPECT_EQ(kept(id).substr(0, 3), ":10") << outcomes;
  }
  const Index before = replica->applied();
  run_for(milliseconds(900));
  EXPECT_TRUE(lives(id));
  EXPECT_EQ(replica->applied(), before) << "keeping is no entry";
  run_for(milliseconds(200));
  EXPECT_FALSE(lives(id));
}

TEST_F(Sessions, AfterAStandstillWhatHasComeInIsReadBeforeAnythingEnds) {
  open();
  const std::uint64_t read_late = open_session(1000);
  const std::uint64_t read_first = open_session(1000);
  const std::uint64_t silent = open_session(1000);
  run_for(milliseconds(100));
  // The process was stopped; what keeps two of them waits in its sockets, and is read little by little.
  clock.at = clock.at + seconds(3);
  ask_to_keep(read_first);
  run_for(milliseconds(30));
  ask_to_keep(read_late);
  run_for(milliseconds(300));
  EXPECT_TRUE(lives(read_first));
  EXPECT_TRUE(lives(read_late));
  EXPECT_FALSE(lives(silent));
}

TEST_F(Sessions, WhatWaitsToBeConfirmedHoldsBackTheEnd) {
  open();
  const std::uint64_t id = open_session(1000);
  run_for(milliseconds(800));
  silent_peers = true;
  outcomes.clear();
  ask_to_keep(id);
  // Nobody confirms for a while, but nobody else leads either.
  run_for(milliseconds(250));
  EXPECT_EQ(outcomes, "");
  silent_peers = false;
  run_for(milliseconds(100));
  EXPECT_TRUE(outcomes.starts_with(":")) << outcomes;
  EXPECT_TRUE(lives(id));
}

TEST_F(Sessions, ManyEndInBoundedEntriesAndNoTurnDoesMore) {
  open();
  constexpr std::size_t kMany = 5000;
  std::string record;
  for (std::size_t i = 0; i < kMany; ++i) {
    record.clear();
    encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests},
                   {"SESSION.OPEN", "TTL", "1000"}, record);
    ASSERT_EQ(replica->submit(record, true, Epoch{}), Accepted::yes);
  }
  run_for(milliseconds(500));
  const auto& sessions = std::as_const(*replica).keyspace().sessions();
  ASSERT_EQ(sessions.size(), kMany);
  std::size_t before = kMany;
  std::size_t steps = 0;
  const Instant end = clock.at + seconds(2);
  while (clock.at < end && before > 0) {
    turn(end);
    ASSERT_LE(before - sessions.size(), 1000u) << "in one turn";
    if (sessions.size() != before) ++steps;
    before = sessions.size();
  }
  EXPECT_EQ(before, 0u);
  EXPECT_EQ(steps, 5u);
}

TEST_F(Sessions, OneThatOwnsMuchEndsInSteps) {
  open();
  const std::uint64_t id = open_session(1000);
  const std::string word = fmt::to_string(id);
  for (int i = 0; i < 2500; ++i) {
    std::string record;
    const std::string name = fmt::format("k{}", i);
    for (const auto& words : {std::vector<std::string_view>{"SET", name, "1"},
                              std::vector<std::string_view>{"SESSION.BIND", word, name}}) {
      record.clear();
      encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests}, words, record);
      ASSERT_EQ(replica->submit(record, true, Epoch{}), Accepted::yes);
    }
  }
  run_for(milliseconds(100));
  ASSERT_EQ(std::as_const(*replica).keyspace().sessions().info(id)->keys, 2500u);
  outcomes.clear();
  write({"SESSION.CLOSE", word});
  EXPECT_EQ(outcomes, ":1\r\n");
  run_for(milliseconds(100));
  EXPECT_EQ(replica->keyspace().size(), 0u);
  EXPECT_FALSE(std::as_const(*replica).keyspace().sessions().info(id).has_value());
}

}  // namespace
}  // namespace holdfast::replica

#include "replica/state_machine.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::replica {
namespace {

struct NoReplicas final : DurabilityView {
  std::size_t replicas_with(Index) const override { return 0; }
};

std::string record(std::vector<std::vector<std::string_view>> commands, std::uint8_t flags = 0) {
  CommandRecord made;
  made.flags = flags;
  made.origin = {NodeId(1), Incarnation(1), ConnectionId(1), 1};
  made.commands = std::move(commands);
  std::string bytes;
  encode_record(made, bytes);
  return bytes;
}

// Only the leader that proposed an entry runs the reads that ride in it.
TEST(StateMachine, ReadsInAnEntryDoNotChangeWhatItsCommandsDraw) {
  const NoReplicas none;
  StateMachine leader(1, none);
  StateMachine follower(2, none);
  std::string reply;
  Origin origin;
  const auto entry = [&](std::uint64_t index, const std::string& bytes, bool with_reads) {
    for (StateMachine* machine : {&leader, &follower}) {
      machine->begin_entry({.stamp = {1000}, .expire_bound = 10, .random = index * 7919},
                           Index(index));
      if (with_reads && machine == &leader) {
        for (int i = 0; i < 3; ++i) {
          machine->read_in_entry(record({{"RANDOMKEY"}}), reply, origin);
        }
      }
      machine->apply(bytes, reply, origin);
    }
  };
  for (std::uint64_t i = 1; i <= 40; ++i) {
    const std::string key = "k" + std::to_string(i);
    entry(i, record({{"SET", key, "v"}}), false);
  }
  // What RANDOMKEY drew is kept by ONCE, and so is state.
  for (std::uint64_t i = 41; i <= 60; ++i) {
    const std::string id = "id" + std::to_string(i);
    entry(i, record({{"ONCE", id}, {"SET", "a", "b"}, {"RANDOMKEY"}}, kTransaction), true);
    ASSERT_EQ(leader.keyspace().digest(), follower.keyspace().digest()) << i;
  }
}

// However many are looked ahead at together, and whatever those before change under them.
TEST(StateMachine, LookingAheadMakesNoDifference) {
  const NoReplicas none;
  const std::vector<std::vector<std::string_view>> commands = {
      {"SET", "a", "1"},         {"INCR", "a"},       {"INCRBY", "b", "a"},      {"SET", "", "x"},
      {"SET", "a", "2", "XX"},   {"SETNX", "b", "1"}, {"SET", "{a}b", "3"},      {"APPEND", "a", "b"},
      {"SET", "c", "c", "PX", "1"}, {"SET", "c", "d", "GET"}, {"DEL", "a", "b"}, {"GETSET", "c", "e"},
      {"MSET", "a", "5", "d", "6"}, {"INCR", "a"},    {"DBSIZE"},                {"FLUSHALL"},
      {"GUARD", "c", "7", "SET", "c", "8"}, {"SET", "c", "9"}, {"SET", "", "y"}, {"RENAME", "c", "a"},
  };
  std::vector<std::string> encoded;
  for (const auto& words : commands) encoded.push_back(record({words}));
  encoded.push_back(record({{"SET", "a", "1"}, {"INCR", "a"}, {"GET", "a"}}, kTransaction));
  const std::vector<std::string_view> records(encoded.begin(), encoded.end());
  for (std::size_t together = 1; together <= StateMachine::kTogether; ++together) {
    StateMachine alone(1, none);
    StateMachine ahead(2, none);
    for (std::uint64_t entry = 1; entry <= 3; ++entry) {
      const BatchHeader header{.stamp = {1000 * static_cast<std::int64_t>(entry)},
                               .expire_bound = 10,
                               .random = entry};
      alone.begin_entry(header, Index(entry));
      ahead.begin_entry(header, Index(entry));
      for (std::size_t i = 0; i < records.size(); ++i) {
        const auto next = std::span(records).subspan(i);
        if (i % together == 0) ahead.look_ahead(next.first(std::min(together, next.size())));
        std::string replies[2];
        Origin origin;
        alone.apply(records[i], replies[0], origin);
        ahead.apply_at(i % together, &replies[1]);
        EXPECT_EQ(replies[0], replies[1]) << together << " " << entry << " " << i;
        ASSERT_EQ(alone.keyspace().digest(), ahead.keyspace().digest()) << i;
      }
    }
  }
}

// A follower puts no answers together, but for those that are kept as state.
TEST(StateMachine, WhetherAnybodyReadsTheAnswersMakesNoDifference) {
  const NoReplicas none;
  StateMachine heard(1, none);
  StateMachine unheard(2, none);
  const std::vector<std::vector<std::string_view>> commands = {
      {"SET", "a", "1"},
      {"INCR", "a"},
      {"ONCE", "id1", "INCRBY", "a", "5"},
      {"ONCE", "id1", "INCRBY", "a", "5"},
      {"ONCE", "id1", "INCRBY", "a", "6"},
      {"SET", "b", "x", "GET", "PX", "50"},
      {"ONCE", "id2", "GETSET", "b", "y"},
      {"INCR", "b"},
      {"ONCE", "id3", "INCR", "b"},
      {"MSET", "c", "5", "d", "6"},
      {"LOCK.ACQUIRE", "lock", "one", "TTL", "1000"},
      {"LOCK.ACQUIRE", "lock", "two", "TTL", "1000", "WAIT", "500"},
      {"ONCE", "id4", "LOCK.ACQUIRE", "lock", "three", "TTL", "1000"},
      {"GUARD", "lock", "7", "SET", "c", "8"},
      {"GETDEL", "c"},
      {"CL.THROTTLE", "t", "5", "10", "60"},
      {"_NODES.LEVEL", "1", "2"},
  };
  std::vector<std::string> records;
  for (const auto& words : commands) records.push_back(record({words}));
  records.push_back(record({{"SET", "a", "1"}, {"INCR", "a"}, {"GET", "a"}}, kTransaction));
  const auto over_once = record({{"ONCE", "id5"}, {"INCR", "a"}, {"RANDOMKEY"}, {"GET", "a"}}, kTransaction);
  records.insert(records.end(), {over_once, over_once});
  for (std::size_t i = 0; i < records.size(); ++i) {
    for (StateMachine* machine : {&heard, &unheard}) {
      machine->begin_entry({.stamp = {1000 + static_cast<std::int64_t>(i)}, .expire_bound = 10, .random = i},
                           Index(i + 1));
      machine->look_ahead(std::array<std::string_view, 1>{records[i]});
    }
    std::string reply;
    EXPECT_EQ(heard.apply_at(0, &reply), unheard.apply_at(0, nullptr)) << i;
    EXPECT_EQ(heard.take_events().size(), unheard.take_events().size()) << i;
    ASSERT_EQ(heard.keyspace().digest(), unheard.keyspace().digest()) << i << ": " << reply;
  }
  // Whoever asks again, when the other leads, is told what it was told at first.
  const std::string again = record({{"ONCE", "id1", "INCRBY", "a", "5"}});
  std::string replies[2];
  Origin origin;
  heard.apply(again, replies[0], origin);
  unheard.apply(again, replies[1], origin);
  EXPECT_EQ(replies[0], ":7\r\n");
  EXPECT_EQ(replies[1], replies[0]);
}

TEST(StateMachine, AFailingGuardLetsNothingOfATransactionRun) {
  const NoReplicas none;
  StateMachine machine(1, none);
  std::string reply;
  Origin origin;
  machine.begin_entry({.stamp = {1000}, .expire_bound = 10}, Index(1));
  machine.apply(record({{"SET", "a", "1"}, {"GUARD", "lock", "7", "SET", "b", "2"}}, kTransaction),
                reply, origin);
  EXPECT_TRUE(reply.starts_with("-FENCED")) << reply;
  EXPECT_EQ(machine.keyspace().size(), 0u);
}

TEST(StateMachine, WhileABackupIsRestoredOnlyTheClustersOwnCommandsRun) {
  const NoReplicas none;
  StateMachine machine(1, none);
  Origin origin;
  std::uint64_t index = 0;
  const auto run = [&](std::vector<std::string_view> words, std::uint8_t flags = 0) {
    std::string reply;
    machine.begin_entry({.stamp = {1000}, .expire_bound = 10}, Index(++index));
    machine.apply(record({std::move(words)}, flags), reply, origin);
    return reply.substr(0, reply.find_first_of(" \r"));
  };
  const auto read = [&] {
    std::string reply;
    machine.read(record({{"GET", "a"}}), {}, 1, reply, origin);
    return reply.substr(0, reply.find_first_of(" \r"));
  };
  EXPECT_EQ(run({"HOLDFAST", "RESTORE", "BEGIN", "7", "0", "1", "0", "0", "EMPTY"}), ":0");
  EXPECT_TRUE(machine.restoring());
  EXPECT_EQ(run({"SET", "a", "1"}), "-LOADING");
  EXPECT_EQ(run({"SET", "a", "1"}, kTransaction), "-LOADING");
  EXPECT_EQ(read(), "-LOADING");
  EXPECT_EQ(run({"_SETTING", "requirepass-hash", "x"}), "+OK");
  EXPECT_EQ(run({"HOLDFAST", "RESTORE", "CLEAR", "7"}), ":1");
  EXPECT_EQ(run({"HOLDFAST", "RESTORE", "END", "7"}), "+OK");
  EXPECT_FALSE(machine.restoring());
  EXPECT_EQ(run({"SET", "a", "1"}), "+OK");
  EXPECT_EQ(read(), "$1");
}

TEST(StateMachine, ANodeSpeaksOfItsOwnLevelOnly) {
  const NoReplicas none;
  StateMachine machine(1, none);
  std::string reply;
  Origin origin;
  machine.begin_entry({.stamp = {1000}, .expire_bound = 10}, Index(1));
  machine.apply(record({{"_NODES.LEVEL", "2", "9"}}), reply, origin);
  EXPECT_TRUE(reply.starts_with("-ERR")) << reply;
  reply.clear();
  machine.apply(record({{"_NODES.LEVEL", "1", "2"}}), reply, origin);
  EXPECT_EQ(reply, ":2\r\n");
  EXPECT_EQ(machine.level(), 2);
  EXPECT_EQ(level_of(machine.keyspace()), 2);
}

TEST(StateMachine, AnUnknownSemanticsVersionEndsTheProcess) {
  const NoReplicas none;
  StateMachine machine(1, none);
  const auto unknown = static_cast<std::uint16_t>(kSemantics + 1);
  EXPECT_DEATH(machine.begin_entry({.semantics = unknown}, Index(1)), "semantics version");
}

// Neither what a leader looks at nor how much of it there is leaves a trace in the data.
TEST(StateMachine, ACheckTellsWhatIsThereAndChangesNothing) {
  const NoReplicas none;
  StateMachine machine(1, none);
  std::string reply;
  Origin origin;
  machine.begin_entry({.stamp = {1000}, .expire_bound = 10}, Index(1));
  machine.apply(record({{"SET", "a", "1"}}), reply, origin);
  EXPECT_FALSE(machine.take_check().has_value());
  const std::uint64_t before = machine.keyspace().digest();
  machine.apply(check_record(origin, {}, 1000), reply, origin);
  const auto checked = machine.take_check();
  ASSERT_TRUE(checked.has_value());
  EXPECT_EQ(checked->part.hash, machine.keyspace().digest_part({}, 1000).hash);
  EXPECT_EQ(checked->part.next, keyspace::DigestCursor{});
  EXPECT_FALSE(machine.take_check().has_value()) << "taken once";
  machine.look_at_checks(false);
  machine.apply(check_record(origin, {}, 1000), reply, origin);
  EXPECT_FALSE(machine.take_check().has_value()) << "nobody wants to know";
  EXPECT_EQ(machine.keyspace().digest(), before);
}

TEST(StateMachine, WhatIsStoppedDoesNothingUntilItGoesOn) {
  const NoReplicas none;
  StateMachine machine(1, none);
  Origin origin;
  std::uint64_t index = 0;
  const auto entry = [&](std::int64_t stamp, const std::string& bytes) {
    std::string reply;
    machine.begin_entry({.stamp = {stamp}, .expire_bound = 10}, Index(++index));
    machine.apply(bytes, reply, origin);
    return reply;
  };
  entry(1000, record({{"SET", "a", "1", "PX", "500"}}));
  EXPECT_EQ(entry(1100, stop_record(origin, Index(1))), "+OK\r\n");
  EXPECT_TRUE(machine.stopped());
  const std::uint64_t before = machine.keyspace().digest();
  const std::vector<std::vector<std::string_view>> set = {{"SET", "b", "2"}};
  EXPECT_TRUE(entry(2000, record(set)).starts_with("-DIVERGED "));
  EXPECT_TRUE(entry(2000, record(set, kTransaction)).starts_with("-DIVERGED "));
  EXPECT_TRUE(entry(2000, record({{"_SETTING", "x", "y"}})).starts_with("-DIVERGED "));
  std::string reply;
  machine.read(record({{"GET", "a"}}), {{2000}, {}}, 1, reply, origin);
  EXPECT_TRUE(reply.starts_with("-DIVERGED "));
  reply.clear();
  machine.read_in_entry(record({{"GET", "a"}}), reply, origin);
  EXPECT_TRUE(reply.starts_with("-DIVERGED "));
  EXPECT_EQ(machine.keyspace().digest(), before) << "not even what is due has ended";

  // Whoever takes this state over is stopped as well.
  auto copy = std::make_unique<keyspace::Keyspace>(9);
  machine.keyspace().begin_snapshot();
  for (std::string chunk; !(chunk = machine.keyspace().next_chunk(1000)).empty();) {
    ASSERT_TRUE(copy->load_chunk(chunk).ok());
  }
  ASSERT_TRUE(copy->finish_load().ok());
  machine.replace(std::move(copy));
  EXPECT_TRUE(machine.stopped());

  EXPECT_EQ(entry(2000, resume_record(origin)), "+OK\r\n");
  EXPECT_FALSE(machine.stopped());
  EXPECT_EQ(entry(2001, record(set)), "+OK\r\n");
  EXPECT_EQ(machine.keyspace().size(), 1U) << "and what was due is gone";
}

}  // namespace
}  // namespace holdfast::replica

#include "replica/state_machine.h"

#include <gtest/gtest.h>

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

TEST(StateMachine, AnUnknownSemanticsVersionEndsTheProcess) {
  const NoReplicas none;
  StateMachine machine(1, none);
  EXPECT_DEATH(machine.begin_entry({.semantics = kSemantics + 1}, Index(1)), "semantics version");
}

}  // namespace
}  // namespace holdfast::replica

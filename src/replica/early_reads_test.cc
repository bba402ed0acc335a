// Reads that are answered from the state as they come in: Replica::read_at_once.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/command_table.h"
#include "replica/command_record.h"
#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

// ---- Answers for good

struct AtOnce : Stage {
  bool withheld = false;  // an answer that is not sure will do
  consensus::ReadTicket ticket = 0;
  // The answer; "later" if it is to be submitted.
  std::string get(std::string_view key) {
    const std::vector<std::string_view> words = {"GET", key};
    std::string reply = "before ";
    const auto& spec = *commands::find_command(words);
    const auto answer = replica->read_at_once(spec, words, resp::Version::resp2, withheld, reply);
    ticket = answer.ticket;
    if (answer.given) return reply.substr(7);
    EXPECT_EQ(reply, "before ");
    return "later";
  }
  void take_lease() {
    replica->confirm_reads_by(consensus::ReadMode::lease);
    ask();
    run_for(milliseconds(10));
  }
};

TEST_F(AtOnce, OnlyUnderALease) {
  open();
  write({"SET", "a", "1"});
  EXPECT_EQ(get("a"), "later");
  replica->confirm_reads_by(consensus::ReadMode::lease);
  EXPECT_EQ(get("a"), "later") << "nobody has promised anything yet";
  take_lease();
  EXPECT_EQ(get("a"), "$1\r\n1\r\n");
  EXPECT_EQ(replica->status().reads_by_lease, 1U);
  replica->confirm_reads_by(consensus::ReadMode::quorum);
  EXPECT_EQ(get("a"), "later");
  replica->confirm_reads_by(consensus::ReadMode::lease);
  EXPECT_EQ(get("a"), "$1\r\n1\r\n");
  clock.at = clock.at + seconds(1);  // the process stood still
  EXPECT_EQ(get("a"), "later");
}

TEST_F(AtOnce, NotBeforeWhatIsCommittedIsApplied) {
  open();
  take_lease();
  std::string record;
  encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests}, {"SET", "a", "1"}, record);
  ASSERT_EQ(replica->submit(record, true, Epoch{}), Accepted::yes);
  replica->end_turn(clock.at);
  EXPECT_EQ(get("a"), "$-1\r\n") << "proposed only";
  disk.run_all();
  for (Message& reply : std::exchange(replies, {})) replica->receive(std::move(reply), {});
  EXPECT_EQ(get("a"), "later") << "committed: somebody may know of it";
  replica->end_turn(clock.at);
  replica->end_turn(clock.at);
  EXPECT_EQ(get("a"), "$1\r\n1\r\n");
}

TEST_F(AtOnce, AKeyThatIsDueTakesTheLongWay) {
  open();
  write({"SET", "a", "1", "PX", "150"});
  take_lease();
  EXPECT_EQ(get("a"), "$1\r\n1\r\n");
  clock.at = clock.at + milliseconds(100);
  EXPECT_EQ(get("a"), "later");
}

// ---- Answers that are not sure yet

struct Early : AtOnce {
  Early() { withheld = true; }
  void answer_round() {
    for (Message& reply : std::exchange(replies, {})) replica->receive(std::move(reply), {});
  }
};

TEST_F(Early, StandsOnceARoundHasShownThatItLed) {
  open();
  write({"SET", "a", "1"});
  EXPECT_EQ(get("a"), "$1\r\n1\r\n");
  const auto first = ticket;
  EXPECT_NE(first, 0U);
  EXPECT_EQ(get("b"), "$-1\r\n");
  EXPECT_EQ(ticket, first) << "one for the turn";
  // What was under way before it says nothing.
  answer_round();
  EXPECT_EQ(settled, "");
  replica->end_turn(clock.at);
  EXPECT_EQ(settled, "");
  EXPECT_EQ(get("a"), "$1\r\n1\r\n");
  EXPECT_GT(ticket, first) << "another turn";
  answer_round();
  EXPECT_EQ(settled, std::to_string(first) + " right ");
  EXPECT_EQ(replica->status().reads_by_quorum, 2U);
  const auto second = std::exchange(ticket, 0);
  settled.clear();
  run_for(milliseconds(1));
  EXPECT_EQ(settled, std::to_string(second) + " right ");
  EXPECT_EQ(replica->status().reads_by_quorum, 3U);
}

TEST_F(Early, IsWrongIfNobodyAnswers) {
  open();
  silent_peers = true;
  EXPECT_EQ(get("a"), "$-1\r\n");
  const auto asked = ticket;
  run_for(milliseconds(50));
  EXPECT_EQ(settled, "");
  run_for(seconds(5));
  EXPECT_NE(replica->role(), consensus::Role::leader);
  EXPECT_EQ(settled, std::to_string(asked) + " wrong ");
  EXPECT_EQ(replica->status().reads_by_quorum, 0U);
  EXPECT_EQ(get("a"), "later") << "it leads no more";
}

TEST_F(Early, IsWrongIfALaterEpochIsHeardOfInItsTurn) {
  open();
  EXPECT_EQ(get("a"), "$-1\r\n");
  const auto asked = ticket;
  hear({replica->epoch().round + 1, NodeId(2)}, {});
  EXPECT_EQ(settled, std::to_string(asked) + " wrong ");
}

// Its data, or that of its cluster, was found to be wrong between the read and the round.
TEST_F(Early, IsNotToldByWhoHasStoppedSince) {
  open();
  std::string record;
  encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests},
                 {"_SETTING", "diverged", "7"}, record);
  ASSERT_EQ(replica->submit(record, true, Epoch{}), Accepted::yes);
  replica->end_turn(clock.at);  // proposed
  EXPECT_EQ(get("a"), "$-1\r\n");
  const auto asked = ticket;
  disk.run_all();
  answer_round();
  replica->end_turn(clock.at);  // asked for; the entry is committed, and may be put off
  replica->end_turn(clock.at);
  EXPECT_EQ(get("a").substr(0, 9), "-DIVERGED");
  EXPECT_EQ(settled, "");
  answer_round();
  EXPECT_EQ(settled, std::to_string(asked) + " wrong ");
}

TEST_F(Early, ALeaseMakesItSure) {
  open();
  take_lease();
  EXPECT_EQ(get("a"), "$-1\r\n");
  EXPECT_EQ(ticket, 0U);
  clock.at = clock.at + seconds(1);  // the process stood still
  EXPECT_EQ(get("a"), "$-1\r\n");
  EXPECT_NE(ticket, 0U);
  run_for(milliseconds(10));
  EXPECT_EQ(settled, std::to_string(ticket) + " right ");
}

TEST_F(Early, NotBeforeItHasCommittedAnEntryOfItsOwn) {
  start();
  lost_appends = true;
  run_for(seconds(2));
  ASSERT_EQ(replica->role(), consensus::Role::leader);
  EXPECT_EQ(get("a"), "later");
  lost_appends = false;
  run_for(seconds(1));
  EXPECT_EQ(get("a"), "$-1\r\n");
}

}  // namespace
}  // namespace holdfast::replica

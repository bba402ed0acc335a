// A whole replica: entries, snapshots, full disks, who leads.
#include "replica/replica.h"

#include "replica/company.h"
#include "replica/proposals.h"
#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

TEST_F(Stage, ASnapshotBearsTheStampOfItsStateAndIsNotMadeAgainOfNothingNew) {
  options.snapshot_after_bytes = 600;
  options.keep_tail_bytes = 300;
  open();
  write({"SET", "a", std::string(50, 'x')});
  EXPECT_FALSE(replica->stored_snapshot().has_value()) << "the log is still short";
  run_for(seconds(5));
  write({"SET", "b", std::string(400, 'y')});
  const Index written = replica->applied();
  run_for(seconds(5));
  ASSERT_TRUE(replica->stored_snapshot().has_value());
  const auto file = *replica->stored_snapshot();
  EXPECT_EQ(file.index, written) << "what came behind it is no reason for another one";
  const auto header = storage::read_snapshot_header(file.name, disk.content(file.name));
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->stamp.ms, stamp_at(file.index).ms) << "not the time at which it was made";
  EXPECT_EQ(header->mark.index, file.index);

  const auto files = disk.files();
  const std::uint64_t turns_before = turns;
  run_for(seconds(3));
  EXPECT_EQ(disk.files(), files);
  EXPECT_FALSE(replica->status().snapshotting);
  EXPECT_LT(turns - turns_before, 1000U);
}

TEST_F(Stage, ASnapshotIsNotMadeAgainWhileTheKeptTailAloneIsLong) {
  options.snapshot_after_bytes = 100;
  options.keep_tail_bytes = 100'000;
  open();
  write({"SET", "a", std::string(150'000, 'x')});
  run_for(seconds(1));
  ASSERT_TRUE(replica->stored_snapshot().has_value());
  const Index index = replica->stored_snapshot()->index;
  EXPECT_LE(replica->protocol().status().first, index) << "the tail is kept";
  run_for(seconds(3));
  EXPECT_EQ(replica->stored_snapshot()->index, index);
}

// Each of them is freed: all at once would be a long turn.
TEST_F(Stage, WhatASnapshotMakesSuperfluousLeavesMemoryInSteps) {
  options.snapshot_after_bytes = 1 << 30;
  options.keep_tail_bytes = 0;
  open();
  const std::string value(300 << 10, 'v');
  for (int i = 0; i < 30; ++i) write({"SET", fmt::format("k{}", i), value});
  ASSERT_GT(replica->protocol().log().bytes(), 30 * value.size());
  replica->want_snapshot(replica->status().applied);
  std::uint64_t held = replica->protocol().log().bytes();
  std::uint64_t steps = 0;
  const Instant end = clock.at + seconds(2);
  while (clock.at < end) {
    turn(end);
    const std::uint64_t now = replica->protocol().log().bytes();
    EXPECT_LE(held - now, (2U << 20) + 2 * value.size());
    if (now < held) ++steps;
    held = now;
  }
  EXPECT_GE(steps, 4U);
  EXPECT_LT(held, value.size()) << "in the end all of them are gone";
}

// What came in while a disk was slow, or while nobody led: all at once would be a long turn.
TEST_F(Stage, ManyCommandsThatAreCommittedAtOnceAreAppliedInSteps) {
  open();
  silent_peers = true;
  std::string record;
  for (int i = 0; i < 40; ++i) {
    for (int j = 0; j < 500; ++j) {
      record.clear();
      encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests}, {"SET", "a", "b"}, record);
      ASSERT_EQ(replica->submit(record, true, Epoch{}), Accepted::yes);
    }
    turn(clock.at + milliseconds(2));
  }
  outcomes.clear();
  silent_peers = false;
  std::size_t steps = 0;
  const Instant end = clock.at + seconds(1);
  while (clock.at < end) {
    const std::size_t before = outcomes.size();
    turn(end);
    const std::size_t commands = (outcomes.size() - before) / 5;  // "+OK\r\n"
    EXPECT_LT(commands, 1024U + Proposals::kMostItems);
    if (commands != 0) ++steps;
  }
  EXPECT_EQ(outcomes.size(), 40U * 500 * 5);
  EXPECT_GE(steps, 10U);
}

// Who is sent an older snapshot for long would need another one as soon as it has that.
TEST_F(Stage, TheLogBehindASnapshotThatIsSentIsKeptWithinBounds) {
  options.snapshot_after_bytes = 2000;
  options.keep_tail_bytes = 100;
  open();
  const std::string value(1000, 'x');
  const auto write_some = [&](int count) {
    for (int i = 0; i < count; ++i) write({"SET", "a", value});
  };
  write_some(3);
  ASSERT_TRUE(replica->stored_snapshot().has_value());
  const Index sent = replica->stored_snapshot()->index;
  replica->snapshot_wanted(NodeId(2), sent);
  write_some(4);
  const auto newer = replica->stored_snapshot()->index;
  ASSERT_GT(newer, sent);
  EXPECT_LE(replica->protocol().status().first, sent.next());
  // What is kept for that is no reason to make one after the other.
  const std::uint64_t made = replica->status().snapshots_made;
  run_for(seconds(5));
  EXPECT_EQ(replica->status().snapshots_made, made);

  write_some(20);
  EXPECT_GT(replica->protocol().status().first, sent.next()) << "memory has an end";
  EXPECT_LT(replica->protocol().log().bytes(), 2000U * 8);
  replica->snapshot_sent(NodeId(2), true);
  write_some(12);
  EXPECT_LT(replica->protocol().log().bytes(), 2000U * 3);
}

// A snapshot writes all of the data, so the more there is the more log is worth one.
TEST_F(Stage, ASnapshotWaitsForAsMuchLogAsTheLastOneHas) {
  options.snapshot_after_bytes = 2000;
  options.snapshot_after_most_bytes = 1 << 20;
  open();
  const auto made_by = [&](int writes) {
    const std::uint64_t before = replica->status().snapshots_made;
    for (int i = 0; i < writes; ++i) write({"SET", "b", std::string(1000, 'y')});
    return replica->status().snapshots_made - before;
  };
  write({"SET", "a", std::string(20'000, 'x')});
  ASSERT_EQ(replica->status().snapshots_made, 1U);
  EXPECT_GT(replica->stored_snapshot()->size, 20'000U);
  EXPECT_EQ(made_by(15), 0U);
  EXPECT_EQ(made_by(6), 1U);
  EXPECT_LT(replica->status().log_bytes, 6000U);
}

// … but not without end: a start reads the log again.
TEST_F(Stage, ASnapshotDoesNotWaitForMoreLogThanItMay) {
  options.snapshot_after_bytes = 2000;
  options.snapshot_after_most_bytes = 5000;
  open();
  write({"SET", "a", std::string(20'000, 'x')});
  ASSERT_EQ(replica->status().snapshots_made, 1U);
  for (int i = 0; i < 12; ++i) write({"SET", "b", std::string(1000, 'y')});
  EXPECT_EQ(replica->status().snapshots_made, 3U);
}

// However long a snapshot is in coming: memory keeps the end of the log, the disk all that no snapshot holds.
TEST_F(Stage, WhatIsAppliedLeavesMemoryBeforeASnapshotHoldsIt) {
  options.snapshot_after_bytes = 1 << 30;
  options.tail_bytes = 64 << 10;
  open();
  const std::string value(8 << 10, 'v');
  for (int i = 0; i < 40; ++i) write({"SET", fmt::format("k{}", i), value});
  const auto& tail = replica->protocol().log();
  EXPECT_LE(tail.bytes(), (72U << 10) + value.size());
  EXPECT_GE(tail.bytes(), 56U << 10) << "those who are a little late find it there";
  EXPECT_FALSE(replica->stored_snapshot().has_value());
  EXPECT_GT(replica->status().log_bytes, 40 * value.size());
  EXPECT_EQ(log->forgotten(GroupId{}), Index());

  const Index last = tail.last();
  const std::uint64_t keys = replica->keyspace().size();
  replica.reset();
  log.reset();
  storage::LogRecovery recovered;
  auto again = storage::Log::open(disk, trace, {.segment_bytes = segment_bytes}, {}, recovered);
  ASSERT_TRUE(again.ok()) << again.error().message;
  ASSERT_EQ(recovered.groups.size(), 1U);
  EXPECT_EQ(recovered.groups[0].second.before, Index());
  EXPECT_EQ(recovered.groups[0].second.entries.size(), last.value);
  log = *std::move(again);
  auto made = Replica::open(options, clock, disk, *log, trace, outbox(), recovered.groups[0].second,
                            members, 7);
  ASSERT_TRUE(made.ok()) << made.error().message;
  replica = *std::move(made);
  run_for(seconds(4));
  EXPECT_EQ(replica->keyspace().size(), keys);
  EXPECT_LE(replica->protocol().log().bytes(), (72U << 10) + value.size());
}

// The log on the disk is not read for peers, and the newest snapshot is older than what memory has.
TEST_F(Stage, WhoLacksWhatMemoryHasForgottenIsSentASnapshotMadeForThat) {
  options.snapshot_after_bytes = 1 << 30;
  options.tail_bytes = 32 << 10;
  absent = {NodeId(3)};
  open();
  const std::string value(8 << 10, 'v');
  for (int i = 0; i < 20; ++i) write({"SET", "k", value});
  ASSERT_GT(replica->protocol().log().before(), Index(5)) << "nobody waits for who is not there";
  ASSERT_FALSE(replica->stored_snapshot().has_value());
  absent.clear();
  deaf = {NodeId(3)};
  run_for(seconds(1));
  ASSERT_TRUE(replica->stored_snapshot().has_value());
  EXPECT_EQ(served, std::vector<NodeId>{NodeId(3)}) << "once";
  const Index sent = replica->stored_snapshot()->index;
  for (int i = 0; i < 8; ++i) write({"SET", "k", value});
  EXPECT_LE(replica->protocol().log().before(), sent) << "what comes after it is kept meanwhile";
  deaf.clear();
  replica->snapshot_sent(NodeId(3), true);
  for (int i = 0; i < 8; ++i) write({"SET", "k", value});
  EXPECT_GT(replica->protocol().log().before(), sent);
  EXPECT_EQ(replica->status().snapshots_made, 1U);
}

TEST_F(Stage, ForWhoIsThereAndLateMoreIsKeptButNotAll) {
  options.snapshot_after_bytes = 1 << 30;
  options.tail_bytes = 32 << 10;
  open();
  deaf = {NodeId(3)};
  const std::string value(8 << 10, 'v');
  for (int i = 0; i < 10; ++i) write({"SET", "k", value});
  EXPECT_GT(replica->protocol().log().bytes(), 10 * value.size());
  for (int i = 0; i < 30; ++i) write({"SET", "k", value});
  EXPECT_LE(replica->protocol().log().bytes(), (4U * 32 << 10) + 2 * value.size());
}

TEST_F(Stage, ADamagedLogIsOutgrownWithoutATailForFollowers) {
  options.keep_tail_bytes = 100'000;
  open();
  for (int i = 0; i < 5; ++i) write({"SET", "a", "v"});
  const Index lost = replica->applied();
  write({"SET", "b", "v"});
  ASSERT_FALSE(replica->stored_snapshot().has_value());
  replica->outgrow_log(lost);
  run_for(seconds(1));
  ASSERT_TRUE(replica->stored_snapshot().has_value());
  EXPECT_GE(replica->stored_snapshot()->index, lost);
  EXPECT_EQ(log->forgotten(GroupId{}), lost);
  EXPECT_EQ(replica->protocol().status().first, lost.next());
  const std::uint64_t made = replica->status().snapshots_made;
  run_for(seconds(5));
  EXPECT_EQ(replica->status().snapshots_made, made) << "once is enough";
}

TEST_F(Stage, WhatIsNotAppliedYetIsOutgrownWhenItIs) {
  open();
  write({"SET", "a", "v"});
  replica->outgrow_log(replica->applied() + 2);
  run_for(seconds(1));
  EXPECT_FALSE(replica->stored_snapshot().has_value());
  for (int i = 0; i < 2; ++i) write({"SET", "a", "v"});
  run_for(seconds(1));
  EXPECT_TRUE(replica->stored_snapshot().has_value());
}

TEST_F(Stage, ADamagedSnapshotIsMadeAnewThoughNothingIsNew) {
  options.snapshot_after_bytes = 300;
  options.keep_tail_bytes = 100;
  open();
  write({"SET", "a", std::string(2000, 'x')});
  run_for(seconds(1));
  ASSERT_TRUE(replica->stored_snapshot().has_value());
  const auto damaged = *replica->stored_snapshot();
  ASSERT_EQ(damaged.index, replica->applied());
  disk.put(damaged.name, "rubbish");
  replica->replace_snapshot(damaged);
  run_for(seconds(1));
  const auto& anew = *replica->stored_snapshot();
  EXPECT_EQ(anew.name, damaged.name);
  EXPECT_NE(anew.version, damaged.version);
  EXPECT_TRUE(storage::read_snapshot(anew.name, disk.content(anew.name), [](std::string_view) {
                return true;
              }).ok());
  const std::uint64_t made = replica->status().snapshots_made;
  replica->replace_snapshot(damaged);  // told too late
  run_for(seconds(5));
  EXPECT_EQ(replica->status().snapshots_made, made);
}

// Each try writes until the disk is full again, and takes from the log the room that it needs.
TEST_F(Stage, ASnapshotThatCouldNotBeWrittenIsNotBegunAgainAtOnce) {
  options.snapshot_after_bytes = 300;
  options.keep_tail_bytes = 100;
  open();
  std::uint64_t tries = 0;
  disk.fault = [&tries](const env::DiskOperation& operation) -> std::optional<Error> {
    const auto* write = std::get_if<env::WriteFile>(&operation);
    if (write == nullptr || !write->name.starts_with("snapshot-")) return std::nullopt;
    tries += write->offset == 0;
    return Error{"No space left on device", true};
  };
  write({"SET", "a", std::string(600, 'x')});
  EXPECT_EQ(tries, 1U);
  run_for(milliseconds(4800));
  EXPECT_EQ(tries, 1U);
  run_for(seconds(10));
  EXPECT_EQ(tries, 3U);
  disk.fault = nullptr;
  run_for(seconds(6));
  ASSERT_TRUE(replica->stored_snapshot().has_value());
  EXPECT_EQ(replica->stored_snapshot()->index, replica->applied());
}

// A pulse that is refused, as every proposal is while leadership is handed over, is not tried again
// at the speed of the loop.
// ---- One entry for what comes while the log is busy

struct Gathering : Stage {
  // A write that is handed in; no turn follows.
  void hand_in(std::size_t bytes = 1) {
    const std::string value(bytes, 'x');
    std::string record;
    encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests}, {"SET", "a", value}, record);
    ASSERT_EQ(replica->submit(record, true, Epoch{}), Accepted::yes);
  }
  // The end of a turn while the disk does nothing.
  void end_turn() { replica->end_turn(clock.at); }
  std::uint64_t proposals() { return replica->status().proposals; }
};

TEST_F(Gathering, AnIdleLogMakesNobodyWait) {
  open();
  const std::uint64_t before = proposals();
  hand_in();
  end_turn();
  EXPECT_EQ(proposals(), before + 1);
}

TEST_F(Gathering, WhatComesWhileTheLogSyncsSharesAnEntry) {
  open();
  const std::uint64_t before = proposals();
  hand_in();
  end_turn();
  for (int turn = 0; turn < 3; ++turn) {
    hand_in();
    end_turn();
  }
  EXPECT_EQ(proposals(), before + 1);
  EXPECT_GT(replica->wake_at(), clock.at);
  disk.run_all();  // the sync ends
  end_turn();
  EXPECT_EQ(proposals(), before + 2);
  outcomes.clear();
  run_for(milliseconds(1));
  EXPECT_EQ(outcomes, "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
}

TEST_F(Gathering, ASlowDiskIsNotWaitedForLong) {
  open();
  hand_in();
  end_turn();
  const std::uint64_t before = proposals();
  hand_in();
  end_turn();
  ASSERT_EQ(proposals(), before);
  clock.at = replica->wake_at();
  EXPECT_LE(clock.at, Instant{} + seconds(3) + milliseconds(1));
  end_turn();
  EXPECT_EQ(proposals(), before + 1);
}

TEST_F(Gathering, ManyBytesNeedNoCompany) {
  open();
  hand_in();
  end_turn();
  const std::uint64_t before = proposals();
  hand_in(Company::kBytes);
  end_turn();
  EXPECT_EQ(proposals(), before + 1);
}

TEST_F(Stage, ARefusedPulseWaits) {
  open();
  write({"SET", "a", "x", "PX", "1000"});
  clock.at = clock.at + milliseconds(850);
  const std::uint64_t before = turns;
  const std::uint64_t proposals = replica->status().proposals;
  const Index last = replica->status().protocol.last;
  replica->hand_over();
  run_for(milliseconds(200));
  EXPECT_EQ(replica->status().protocol.last, last) << "refused";
  EXPECT_EQ(replica->status().proposals, proposals);
  EXPECT_GT(turns - before, 10U) << "it was tried";
  EXPECT_LT(turns - before, 60U) << "and not all the time";
  // When nothing came of it, the key ends after all.
  run_for(seconds(2));
  EXPECT_EQ(replica->keyspace().size(), 0U);
}

TEST_F(Stage, AReadByLeaseIsAnsweredInItsTurn) {
  open();
  replica->confirm_reads_by(consensus::ReadMode::lease);
  ask();
  run_for(milliseconds(10));
  EXPECT_EQ(replica->status().reads_by_quorum, 1U) << "nobody had promised anything yet";
  ask();
  outcomes.clear();
  replica->end_turn(clock.at);
  EXPECT_EQ(outcomes, "$-1\r\n");
  EXPECT_EQ(replica->status().reads_by_lease, 1U);
  replica->confirm_reads_by(consensus::ReadMode::quorum);
  ask();
  run_for(milliseconds(10));
  EXPECT_EQ(replica->status().reads_by_quorum, 2U);
}

// The process was stopped within a turn: what the turn takes for the time is long past.
TEST_F(Stage, TheTimeIsReadAgainBeforeALeaseIsReliedOn) {
  open();
  replica->confirm_reads_by(consensus::ReadMode::lease);
  ask();
  run_for(milliseconds(10));
  const Instant turn = clock.at;
  clock.at = clock.at + seconds(1);
  ask();
  outcomes.clear();
  replica->end_turn(turn);
  EXPECT_EQ(outcomes, "");
  EXPECT_EQ(replica->status().reads_by_lease, 0U);
  run_for(milliseconds(10));
  EXPECT_EQ(replica->status().reads_by_quorum, 2U);
}

TEST_F(Stage, WhoIsToLeadLastHandsOver) {
  options.protocol.leads_last = true;
  open();
  run_for(seconds(3));
  EXPECT_GT(orders, 0U);
  EXPECT_LT(orders, 8U) << "and not all the time";
}

TEST_F(Stage, NotToOneThatIsToLeadLastAsWell) {
  options.protocol.leads_last = true;
  peers_lead_last = true;
  open();
  run_for(seconds(3));
  EXPECT_EQ(orders, 0U);
}

// ---- Full disks: replica_room.cc ----------------------------------------------------------------

class FullDisks : public Stage {
 protected:
  FullDisks() { segment_bytes = 16 << 10; }
  Accepted submitted(bool write) {
    std::string record;
    const std::vector<std::string_view> words = {write ? "SET" : "GET", "k", "v"};
    encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests},
                   {words.begin(), words.end() - (write ? 0 : 1)}, record);
    const Accepted answer = replica->submit(record, write, Epoch{});
    run_for(milliseconds(100));
    return answer;
  }
};

TEST_F(FullDisks, OneFullFollowerIsNoReasonToRefuseAnything) {
  open();
  full = {NodeId(2)};
  run_for(milliseconds(200));
  EXPECT_EQ(submitted(true), Accepted::yes);
  EXPECT_TRUE(heirs.empty());
}

TEST_F(FullDisks, WhereNoMajorityHasRoomWritesAreRefusedAndReadsGoOn) {
  open();
  full = {NodeId(2), NodeId(3)};
  run_for(milliseconds(200));
  EXPECT_EQ(submitted(true), Accepted::no_space);
  EXPECT_EQ(submitted(false), Accepted::yes);
  EXPECT_TRUE(heirs.empty()) << "nobody could do better";
  full = {NodeId(3)};
  run_for(milliseconds(200));
  EXPECT_EQ(submitted(true), Accepted::yes);
}

TEST_F(FullDisks, AFullLeaderHandsOverToOneThatHasRoom) {
  open();
  full = {NodeId(2)};
  run_for(milliseconds(200));
  fill();
  EXPECT_EQ(submitted(true), Accepted::no_space) << "one of three has room";
  EXPECT_TRUE(heirs.empty()) << "no majority would have room under it";
  full = {};
  run_for(milliseconds(100));
  EXPECT_EQ(submitted(true), Accepted::busy) << "leadership is on its way";
  EXPECT_FALSE(heirs.empty());
}

}  // namespace
}  // namespace holdfast::replica

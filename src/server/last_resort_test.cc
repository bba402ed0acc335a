#include "server/last_resort.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "commands/roster.h"
#include "replica/batch.h"
#include "replica/command_record.h"
#include "storage/log.h"
#include "storage/set_aside.h"
#include "storage/snapshot_file.h"
#include "storage/test_disk.h"

namespace holdfast::server {
namespace {

constexpr std::uint64_t kOldFolder = 77;
constexpr Epoch kEpoch{5, NodeId(3)};

// A folder of node 2 of three, with these commands in its log, each in an entry of its own.
class LastResort : public ::testing::Test {
 protected:
  LastResort() {
    identity_.folder_uid = kOldFolder;
    identity_.cluster_id = 0xabc;
    identity_.node = NodeId(2);
    identity_.incarnation = Incarnation(4);
    identity_.founders = 3;
    for (std::uint64_t i = 1; i <= 3; ++i) {
      identity_.members.push_back({NodeId(i), fmt::format("127.0.0.1:{}", 7000 + i),
                                   fmt::format("127.0.0.1:{}", 17000 + i), 70 + i});
    }
    EXPECT_TRUE(storage::store_identity(old_, identity_).ok());
  }

  static void work(storage::TestDisk& disk) {
    while (disk.step(env::Lane::background) || disk.step(env::Lane::log)) continue;
  }

  static consensus::Entry entry(std::uint64_t index, const std::vector<std::string_view>& words,
                                std::uint16_t semantics = replica::kSemantics) {
    std::string record;
    const Origin origin{NodeId(2), Incarnation(4), ConnectionId(9), index};
    replica::encode_command(0, origin, words, record);
    replica::BatchWriter batch;
    batch.add(record);
    consensus::Entry entry;
    entry.index = Index(index);
    entry.epoch = kEpoch;
    entry.kind = consensus::EntryKind::batch;
    entry.payload = SharedBytes(batch.finish({.semantics = semantics,
                                              .stamp = {1000 + static_cast<std::int64_t>(index)},
                                              .wall = {5000},
                                              .expire_bound = 10,
                                              .random = 1}));
    entry.content = content_checksum(GroupId{}, entry.index, entry.kind, entry.payload.view());
    return entry;
  }

  void write_log(const std::vector<consensus::Entry>& entries) {
    NoTrace trace;
    storage::LogRecovery recovered;
    auto log = storage::Log::open(
        old_, trace, {.segment_bytes = 65536, .folder_id = kOldFolder},
        [](const std::string& what) { FAIL() << what; }, recovered);
    ASSERT_TRUE(log.ok()) << log.error().message;
    (*log)->write({GroupId{}, Epoch{6, NodeId(1)}, std::nullopt, entries}, [] {});
    (*log)->flush();
    work(old_);
  }

  void write_log() {
    write_log({entry(1, {"SET", "a", "1"}), entry(2, {"LOCK.ACQUIRE", "l", "x", "TTL", "9000"}),
               entry(3, {"LOCK.ACQUIRE", "l", "y", "TTL", "9000", "WAIT", "9000"}),
               entry(4, {"SET", "b", "2"})});
  }

  NewCluster anew() const { return {0xdef, 99, {1'700'000'000'000}, "the record"}; }

  // What a node finds that starts in the new folder.
  Survivor found_and_read(Survivor& survivor, storage::TestDisk& disk) {
    const auto founded = found_anew(survivor, anew(), disk, [&disk] { work(disk); });
    EXPECT_TRUE(founded.ok()) << founded.error().message;
    Prng random(1);
    disk.crash(random);
    auto again = examine_survivor(disk);
    EXPECT_TRUE(again.ok()) << again.error().message;
    return *std::move(again);
  }

  storage::TestDisk old_;
  storage::Identity identity_;
};

TEST_F(LastResort, AppliesWhatTheFolderHolds) {
  write_log();
  const auto survivor = examine_survivor(old_);
  ASSERT_TRUE(survivor.ok()) << survivor.error().message;
  EXPECT_EQ(survivor->index, Index(4));
  EXPECT_EQ(survivor->epoch, kEpoch);
  EXPECT_EQ(survivor->promise, (Epoch{6, NodeId(1)}));
  EXPECT_EQ(survivor->stamp, ClusterTime{1004});
  EXPECT_EQ(survivor->membership.voters.size(), 3u);
  EXPECT_EQ(survivor->keyspace->size(), 2u);
  EXPECT_EQ(survivor->keyspace->locks().held(), 1u);
  EXPECT_EQ(survivor->keyspace->locks().waiting(), 1u);
}

TEST_F(LastResort, TheNewClusterIsAnother) {
  write_log();
  auto survivor = examine_survivor(old_);
  ASSERT_TRUE(survivor.ok()) << survivor.error().message;
  storage::TestDisk fresh;
  const Survivor again = found_and_read(*survivor, fresh);

  EXPECT_EQ(again.identity.cluster_id, 0xdefu);
  EXPECT_EQ(again.identity.folder_uid, 99u);
  EXPECT_EQ(again.identity.node, NodeId(2));
  EXPECT_EQ(again.identity.incarnation, Incarnation(4)) << "the next start is the fifth";
  ASSERT_EQ(again.identity.members.size(), 1u);
  EXPECT_EQ(again.identity.members[0].address, "127.0.0.1:7002");
  EXPECT_EQ(again.membership.voters, std::vector<NodeId>{NodeId(2)});
  EXPECT_TRUE(again.membership.learners.empty());
  EXPECT_EQ(again.index, Index(4));
  EXPECT_GE(again.epoch.round, 6 + kEpochJump);
  EXPECT_GE(again.keyspace->revision(), 1'700'000'000'000'000 + kRevisionJump);
  EXPECT_EQ(again.keyspace->size(), 2u);
  EXPECT_EQ(again.keyspace->locks().held(), 1u);
  EXPECT_EQ(again.keyspace->locks().waiting(), 0u);
  const auto roster =
      commands::Roster::decode(*again.keyspace->setting(commands::Roster::kSetting));
  ASSERT_TRUE(roster.ok());
  ASSERT_EQ(roster->nodes.size(), 1u);
  EXPECT_EQ(roster->nodes[0].uid, 99u);
  EXPECT_EQ(roster->last, NodeId(3)) << "numbers are not given twice";
  EXPECT_EQ(*again.keyspace->setting(kRecoveredSetting), "the record");
}

TEST_F(LastResort, RecordsOfEarlierOnesAreKeptToABound) {
  write_log();
  auto survivor = examine_survivor(old_);
  ASSERT_TRUE(survivor.ok());
  survivor->keyspace->set_setting(kRecoveredSetting, "1;2;3;4;5;6;7;8");
  storage::TestDisk fresh;
  const Survivor again = found_and_read(*survivor, fresh);
  EXPECT_EQ(*again.keyspace->setting(kRecoveredSetting), "2;3;4;5;6;7;8;the record");
}

TEST_F(LastResort, AShardThatHadStoppedGoesOn) {
  write_log({entry(1, {"SET", "a", "1"}), entry(2, {"_SETTING", "diverged", "1"})});
  auto survivor = examine_survivor(old_);
  ASSERT_TRUE(survivor.ok()) << survivor.error().message;
  storage::TestDisk fresh;
  const Survivor again = found_and_read(*survivor, fresh);
  EXPECT_EQ(*again.keyspace->setting("diverged"), "");
}

TEST_F(LastResort, LooksWithoutChangingAnything) {
  write_log();
  const auto before = *old_.list();
  ASSERT_TRUE(examine_survivor(old_).ok());
  const auto after = *old_.list();
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i].name, after[i].name);
}

TEST_F(LastResort, RefusesWhatIsNoMembersFolder) {
  storage::TestDisk empty;
  EXPECT_NE(examine_survivor(empty).error().message.find("no member"), std::string::npos);
  EXPECT_NE(examine_survivor(old_).error().message.find("no log files"), std::string::npos);
  write_log();
  identity_.members.erase(identity_.members.begin() + 1);
  ASSERT_TRUE(storage::store_identity(old_, identity_).ok());
  EXPECT_NE(examine_survivor(old_).error().message.find("no member"), std::string::npos);
}

TEST_F(LastResort, RefusesAFolderThatLacksAPart) {
  write_log();
  const env::DiskOperation mark =
      env::WriteFile{std::string(storage::kRecovering), 0, {SharedBytes(std::string("why"))}};
  ASSERT_TRUE(old_.run({&mark, 1}).ok());
  EXPECT_NE(examine_survivor(old_).error().message.find("lacks what it once"), std::string::npos);
}

TEST_F(LastResort, RefusesEntriesOfANewerProgram) {
  write_log({entry(1, {"SET", "a", "1"}, static_cast<std::uint16_t>(replica::kSemantics + 1))});
  EXPECT_NE(examine_survivor(old_).error().message.find("semantics version"), std::string::npos);
}

TEST_F(LastResort, RefusesAClockInTheFarFuture) {
  write_log();
  auto survivor = examine_survivor(old_);
  ASSERT_TRUE(survivor.ok());
  storage::TestDisk fresh;
  NewCluster far = anew();
  far.wall.ms = 5'000'000'000'000;
  EXPECT_FALSE(found_anew(*survivor, far, fresh, [&fresh] { work(fresh); }).ok());
  EXPECT_TRUE(fresh.list()->empty());
}

}  // namespace
}  // namespace holdfast::server

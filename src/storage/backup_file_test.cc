#include "storage/backup_file.h"

#include <gtest/gtest.h>

#include "storage/test_disk.h"

namespace holdfast::storage {
namespace {

std::string snapshot_bytes(std::uint64_t index, const std::vector<std::string>& chunks) {
  TestDisk disk;
  SnapshotHeader header;
  header.group = GroupId(0);
  header.mark = {Index(index), Epoch{3, NodeId(1)}, {}};
  header.mark.membership.voters = {NodeId(1)};
  SnapshotWriter writer(disk, header);
  for (const std::string& chunk : chunks) writer.add_chunk(chunk);
  bool done = false;
  writer.finish([&done](Result<void> result) { done = result.ok(); });
  while (disk.step(env::Lane::background)) continue;
  EXPECT_TRUE(done);
  return *disk.read(writer.name(), 1 << 24);
}

struct Written {
  BackupHeader header;
  std::string bytes;
};

Written sample(std::size_t part = SIZE_MAX) {
  const std::string one = snapshot_bytes(7, {"first", std::string(3 << 20, 'x')});
  const std::string two = snapshot_bytes(9, {});
  Written written;
  written.header = {
      0x1234, {1'700'000'000'000}, "0.1.0", {{"", 0, one.size()}, {"c:", 1, two.size()}}};
  written.bytes = encode_backup_header(written.header) + one + two;
  BackupTrailer trailer;
  for (std::size_t i = 0; i < written.bytes.size(); i += std::min(part, written.bytes.size())) {
    trailer.add(std::string_view(written.bytes).substr(i, part));
  }
  written.bytes += trailer.finish();
  return written;
}

TEST(BackupFile, ReadsWhatWasWritten) {
  const Written written = sample();
  const auto backup = read_backup("f", written.bytes);
  ASSERT_TRUE(backup.ok()) << backup.error().message;
  EXPECT_EQ(backup->header.cluster_id, 0x1234u);
  EXPECT_EQ(backup->header.wall.ms, 1'700'000'000'000);
  EXPECT_EQ(backup->header.program, "0.1.0");
  EXPECT_EQ(backup->header.shards, written.header.shards);
  ASSERT_EQ(backup->shards.size(), 2u);
  EXPECT_EQ(backup->shards[0].snapshot.mark.index, Index(7));
  EXPECT_EQ(backup->shards[1].snapshot.mark.index, Index(9));
  EXPECT_NE(backup->sum, 0u);
}

TEST(BackupFile, IsTheSameWhateverPartsItIsWrittenIn) {
  EXPECT_EQ(sample(1000).bytes, sample().bytes);
  EXPECT_EQ(sample((1 << 20) + 1).bytes, sample().bytes);
}

TEST(BackupFile, RefusesWhatIsNotWhole) {
  const std::string good = sample().bytes;
  for (std::size_t size = 0; size < good.size(); size += size < 200 ? 1 : 99'991) {
    const auto read = read_backup("f", std::string_view(good).substr(0, size));
    ASSERT_FALSE(read.ok()) << size;
    EXPECT_NE(read.error().message.find("othing was changed"), std::string::npos);
  }
  EXPECT_FALSE(read_backup("f", good + "x").ok());
  for (std::size_t at = 0; at < good.size(); at += at < 400 ? 1 : 99'991) {
    std::string bad = good;
    bad[at] ^= 1;
    EXPECT_FALSE(read_backup("f", bad).ok()) << at;
  }
}

TEST(BackupFile, SaysWhatIsWrong) {
  const std::string good = sample().bytes;
  std::string later = good;
  later[8] = 2;
  EXPECT_NE(read_backup("f", later).error().message.find("knows up to 1"), std::string::npos);
  EXPECT_EQ(read_backup("f", "REDIS0009 and so on").error().message,
            "f is no backup of Holdfast's; nothing was changed");
  std::string bad = good;
  bad[good.size() / 2] ^= 1;
  const auto damaged = read_backup("f", bad).error().message;
  EXPECT_NE(damaged.find("its trailer does not match"), std::string::npos) << damaged;
}

// Each layer is checked for itself, for whoever seals what is not whole.
TEST(BackupFile, RefusesASealedSnapshotThatIsNotWhole) {
  std::string one = snapshot_bytes(7, {"first"});
  one[one.size() / 2] ^= 1;
  std::string bytes = encode_backup_header({1, {}, "", {{"", 0, one.size()}}}) + one;
  BackupTrailer trailer;
  trailer.add(bytes);
  bytes += trailer.finish();
  EXPECT_NE(read_backup("f", bytes).error().message.find("is not whole"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::storage

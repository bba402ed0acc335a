#include "storage/snapshot_file.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/checksum.h"
#include "base/codec.h"
#include "storage/envelope.h"
#include "storage/set_aside.h"
#include "storage/test_disk.h"

namespace holdfast::storage {
namespace {

SnapshotHeader some_header(std::uint64_t index = 42) {
  SnapshotHeader header;
  header.group = GroupId(3);
  header.mark.index = Index(index);
  header.mark.epoch = {7, NodeId(2)};
  header.mark.membership.voters = {NodeId(1), NodeId(2), NodeId(3)};
  header.mark.membership.learners = {NodeId(9)};
  header.stamp.ms = 123456;
  header.wall.ms = 1700000000000;
  header.semantics = 4;
  return header;
}

const std::vector<std::string> kChunks{"first", "", std::string(3000, 'x'), std::string(10, '\0')};

// Writes a snapshot of kChunks; its name.
std::string made(TestDisk& disk, std::uint64_t index = 42) {
  SnapshotWriter writer(disk, some_header(index));
  for (const std::string& chunk : kChunks) writer.add_chunk(chunk);
  bool done = false;
  writer.finish([&](Result<void> result) { done = result.ok(); });
  disk.run_all();
  EXPECT_TRUE(done);
  EXPECT_EQ(writer.pending(), 0u);
  EXPECT_EQ(writer.bytes(), disk.content(writer.name()).size());
  return writer.name();
}

Result<SnapshotHeader> read_all(std::string_view bytes, std::vector<std::string>& chunks) {
  return read_snapshot("the file", bytes, [&](std::string_view chunk) {
    chunks.emplace_back(chunk);
    return true;
  });
}

TEST(SnapshotFile, RoundTrip) {
  TestDisk disk;
  const std::string bytes = disk.content(made(disk));
  std::vector<std::string> chunks;
  const auto header = read_all(bytes, chunks);
  ASSERT_TRUE(header.ok()) << header.error().message;
  EXPECT_EQ(chunks, kChunks);
  for (const auto& read : {*header, *read_snapshot_header("the file", bytes)}) {
    EXPECT_EQ(read.group, GroupId(3));
    EXPECT_EQ(read.mark.index, Index(42));
    EXPECT_EQ(read.mark.epoch, (Epoch{7, NodeId(2)}));
    EXPECT_EQ(read.mark.membership, some_header().mark.membership);
    EXPECT_EQ(read.stamp.ms, 123456);
    EXPECT_EQ(read.wall.ms, 1700000000000);
    EXPECT_EQ(read.semantics, 4u);
  }
}

TEST(SnapshotFile, AnyDamageIsFound) {
  TestDisk disk;
  const std::string whole = disk.content(made(disk));
  Prng prng(3);
  std::vector<std::string> chunks;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << prng.below(8)));
    const auto damaged = read_all(bytes, chunks);
    ASSERT_FALSE(damaged.ok()) << at;
    ASSERT_NE(damaged.error().message.find("the file"), std::string::npos);
    ASSERT_FALSE(read_all(whole.substr(0, at), chunks).ok()) << at;
  }
  EXPECT_FALSE(read_all(whole + "x", chunks).ok());
}

TEST(SnapshotFile, SwappedChunksAreFound) {
  TestDisk disk;
  SnapshotWriter writer(disk, some_header());
  writer.add_chunk("aaaaaaaa");
  writer.add_chunk("bbbbbbbb");
  writer.finish([](Result<void>) {});
  disk.run_all();
  std::string bytes = disk.content(writer.name());
  const std::size_t first = bytes.find("aaaaaaaa") - 24;
  const std::string one = bytes.substr(first, 32);
  bytes.replace(first, 32, bytes.substr(first + 32, 32));
  bytes.replace(first + 32, 32, one);
  std::vector<std::string> chunks;
  EXPECT_FALSE(read_all(bytes, chunks).ok());
}

TEST(SnapshotFile, ANewerVersionIsRefused) {
  TestDisk disk;
  std::string bytes = disk.content(made(disk));
  bytes[8] = 2;
  Reader length(std::string_view(bytes).substr(12));
  const std::size_t end = kEnvelopeHeaderBytes + length.u32();
  std::string sum;
  Writer(sum).u64(checksum(std::string_view(bytes).substr(0, end)));
  bytes.replace(end, sum.size(), sum);
  EXPECT_TRUE(is_newer_snapshot(bytes));
  disk.put(snapshot_name(GroupId(3), Index(42)), bytes);
  EXPECT_FALSE(damaged_snapshots(disk, GroupId(3)).ok()) << "nobody may set it aside";
  const auto header = read_snapshot_header("the file", bytes);
  ASSERT_FALSE(header.ok());
  EXPECT_NE(header.error().message.find("newer program"), std::string::npos);
}

TEST(SnapshotFile, AChunkThatIsNotUnderstoodEndsTheReading) {
  TestDisk disk;
  const std::string bytes = disk.content(made(disk));
  int seen = 0;
  const auto header = read_snapshot("f", bytes, [&](std::string_view) { return ++seen < 2; });
  EXPECT_FALSE(header.ok());
  EXPECT_EQ(seen, 2);
}

TEST(SnapshotFile, TheNewestIsFoundAndLeftOversGo) {
  TestDisk disk;
  EXPECT_FALSE(find_snapshot(disk, GroupId(3))->has_value());
  made(disk, 9);
  made(disk, 100);
  made(disk, 20);
  disk.put(snapshot_temporary_name(GroupId(3), Index(500)), "half");
  disk.put(snapshot_temporary_name(GroupId(33), Index(500)), "another group's");
  disk.put("snapshot-3-x.hfs", "?");
  const auto found = find_snapshot(disk, GroupId(3));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->index, Index(100));
  EXPECT_EQ((*found)->name, snapshot_name(GroupId(3), Index(100)));
  EXPECT_EQ((*found)->size, disk.content((*found)->name).size());
  EXPECT_FALSE(disk.has(snapshot_temporary_name(GroupId(3), Index(500))));
  EXPECT_TRUE(disk.has(snapshot_temporary_name(GroupId(33), Index(500))));
}

TEST(SnapshotFile, AnAbandonedOneLeavesNothing) {
  TestDisk disk;
  {
    SnapshotWriter writer(disk, some_header());
    writer.add_chunk("x");
    EXPECT_GT(writer.pending(), 0u);
  }
  disk.run_all();
  EXPECT_TRUE(disk.files().empty());
}

TEST(SnapshotFile, AnErrorIsToldAndLeavesNoFile) {
  for (int which = 0; which < 8; ++which) {
    TestDisk disk;
    int count = 0;
    disk.fault = [&](const env::DiskOperation& operation) -> std::optional<Error> {
      if (std::holds_alternative<env::RemoveFile>(operation) || count++ != which) return {};
      return Error{"input/output error"};
    };
    SnapshotWriter writer(disk, some_header());
    for (const std::string& chunk : kChunks) writer.add_chunk(chunk);
    std::optional<bool> good;
    writer.finish([&](Result<void> result) { good = result.ok(); });
    EXPECT_FALSE(good) << "not from inside finish";
    disk.run_all();
    ASSERT_TRUE(good.has_value());
    const bool last_sync = which == 8 - 1;
    EXPECT_FALSE(*good && !last_sync) << which;
    EXPECT_TRUE(last_sync || !disk.has(writer.name())) << which;
  }
}

TEST(SnapshotFile, ACrashLeavesAWholeFileOrNone) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Prng prng(seed);
    TestDisk disk;
    disk.power_until = prng.below(12);
    bool done = false;
    {
      SnapshotWriter writer(disk, some_header());
      for (const std::string& chunk : kChunks) writer.add_chunk(chunk);
      writer.finish([&](Result<void> result) { done = result.ok(); });
      disk.run_all();
    }
    disk.crash(prng);
    const auto found = find_snapshot(disk, GroupId(3));
    ASSERT_TRUE(found.ok());
    EXPECT_TRUE(found->has_value() || !done) << seed;
    if (!found->has_value()) continue;
    std::vector<std::string> chunks;
    EXPECT_TRUE(read_all(disk.content((*found)->name), chunks).ok()) << seed;
    EXPECT_EQ(chunks, kChunks);
  }
}

}  // namespace
}  // namespace holdfast::storage

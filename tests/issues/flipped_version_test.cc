// A flipped bit in the version field of a file was taken for a newer version of its format: the node
// asked for a newer program, and did not repair itself.
#include <gtest/gtest.h>

#include <string>

#include "storage/identity_file.h"
#include "storage/log.h"
#include "storage/log_format.h"
#include "storage/set_aside.h"
#include "storage/snapshot_file.h"
#include "storage/test_disk.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kVersionBits = 32;

std::string flipped(std::string bytes, std::size_t bit) {
  bytes[kVersionAt + bit / 8] = static_cast<char>(bytes[kVersionAt + bit / 8] ^ (1 << bit % 8));
  return bytes;
}

TEST(FlippedVersion, OfALogFileIsDamage) {
  for (std::size_t bit = 0; bit < kVersionBits; ++bit) {
    const std::string bytes = flipped(encode(SegmentHeader{kLogVersion, 1, 2, 3}), bit);
    SegmentHeader header;
    EXPECT_EQ(decode(bytes, header), "its header fails its checksum") << bit;
  }
}

TEST(FlippedVersion, OfASnapshotIsDamage) {
  TestDisk disk;
  SnapshotHeader header;
  header.mark.index = Index(7);
  header.mark.membership.voters = {NodeId(1)};
  SnapshotWriter writer(disk, header);
  writer.add_chunk("content");
  writer.finish([](Result<void> done) { ASSERT_TRUE(done.ok()); });
  disk.run_all();
  const std::string whole = disk.content(writer.name());
  for (std::size_t bit = 0; bit < kVersionBits; ++bit) {
    disk.put(writer.name(), flipped(whole, bit));
    const auto damaged = damaged_snapshots(disk, GroupId{});
    ASSERT_TRUE(damaged.ok()) << bit << ": " << damaged.error().message;
    EXPECT_EQ(damaged->size(), 1U) << bit;
  }
}

TEST(FlippedVersion, OfTheIdentityIsDamage) {
  TestDisk disk;
  Identity identity;
  identity.folder_uid = 5;
  ASSERT_TRUE(store_identity(disk, identity).ok());
  const std::string whole = disk.content("identity");
  for (std::size_t bit = 0; bit < kVersionBits; ++bit) {
    disk.put("identity", flipped(whole, bit));
    const auto loaded = load_identity(disk);
    ASSERT_FALSE(loaded.ok()) << bit;
    EXPECT_NE(loaded.error().message.find("damaged"), std::string::npos) << loaded.error().message;
  }
}

}  // namespace
}  // namespace holdfast::storage

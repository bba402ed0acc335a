#include "storage/identity_file.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "base/codec.h"
#include "storage/test_disk.h"

namespace holdfast::storage {
namespace {

Identity some_identity() {
  Identity identity;
  identity.folder_uid = 0x1234;
  identity.cluster_id = 99;
  identity.node = NodeId(2);
  identity.incarnation = Incarnation(5);
  identity.members = {{NodeId(1), "127.0.0.1:7379", "127.0.0.1:17379", 7},
                      {NodeId(2), "[::1]:7380", "[::1]:17380", 0}};
  identity.founders = 2;
  identity.roster_version = 17;
  identity.election_ms = 450;
  identity.starts = {0xa, 0xb, 0xc};
  return identity;
}

void expect_equal(const Identity& a, const Identity& b) {
  EXPECT_EQ(a.folder_uid, b.folder_uid);
  EXPECT_EQ(a.cluster_id, b.cluster_id);
  EXPECT_EQ(a.node, b.node);
  EXPECT_EQ(a.incarnation, b.incarnation);
  EXPECT_EQ(a.members, b.members);
  EXPECT_EQ(a.founders, b.founders);
  EXPECT_EQ(a.roster_version, b.roster_version);
  EXPECT_EQ(a.election_ms, b.election_ms);
  EXPECT_EQ(a.starts, b.starts);
  EXPECT_EQ(a.older_than, b.older_than);
}

TEST(IdentityFile, ANewFolderHasNone) {
  TestDisk disk;
  const auto loaded = load_identity(disk);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->folder_uid, 0u);
}

TEST(IdentityFile, RoundTrip) {
  TestDisk disk;
  ASSERT_TRUE(store_identity(disk, some_identity()).ok());
  const auto loaded = load_identity(disk);
  ASSERT_TRUE(loaded.ok());
  expect_equal(*loaded, some_identity());
}

TEST(IdentityFile, ACrashLeavesTheOldOneOrTheNew) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Prng prng(seed);
    TestDisk disk;
    ASSERT_TRUE(store_identity(disk, some_identity()).ok());
    Identity next = some_identity();
    next.incarnation = Incarnation(6);
    disk.power_until = disk.operations + prng.below(6);
    const bool stored = store_identity(disk, next).ok();
    disk.crash(prng);
    const auto loaded = load_identity(disk);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    const bool is_new = loaded->incarnation == Incarnation(6);
    EXPECT_TRUE(is_new || loaded->incarnation == Incarnation(5));
    EXPECT_TRUE(is_new || !stored) << seed;
  }
}

TEST(IdentityFile, AnyDamageIsFound) {
  TestDisk disk;
  ASSERT_TRUE(store_identity(disk, some_identity()).ok());
  const std::string whole = disk.content("identity");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      disk.put("identity", bytes);
      ASSERT_FALSE(load_identity(disk).ok()) << at;
    }
    disk.put("identity", whole.substr(0, at));
    ASSERT_FALSE(load_identity(disk).ok()) << at;
  }
  disk.put("identity", whole + "x");
  EXPECT_FALSE(load_identity(disk).ok());
}

std::string with_checksum(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  Writer(bytes).u64(checksum(bytes));
  return bytes;
}

TEST(IdentityFile, ANewerVersionIsRefused) {
  TestDisk disk;
  ASSERT_TRUE(store_identity(disk, some_identity()).ok());
  std::string bytes = disk.content("identity");
  bytes[8] = 5;
  disk.put("identity", with_checksum(bytes));
  const auto loaded = load_identity(disk);
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.error().message.find("newer program"), std::string::npos);
}

// Version 3 ended before the starts.
TEST(IdentityFile, AnOlderVersionHasNoStarts) {
  TestDisk disk;
  ASSERT_TRUE(store_identity(disk, some_identity()).ok());
  std::string bytes = disk.content("identity");
  bytes.resize(bytes.size() - 8 - 8 - 4 - 3 * 8);
  bytes[8] = 3;
  const auto length = static_cast<std::uint32_t>(bytes.size() - 16);
  for (int i = 0; i < 4; ++i) bytes[12 + i] = static_cast<char>(length >> (8 * i));
  Writer(bytes).u64(checksum(bytes));
  disk.put("identity", bytes);
  const auto loaded = load_identity(disk);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->election_ms, 450U);
  EXPECT_TRUE(loaded->starts.empty());
  EXPECT_TRUE(knows_start(*loaded, Incarnation(5), 77)) << "it cannot know better";
  EXPECT_FALSE(knows_start(*loaded, Incarnation(6), 77));
}

TEST(IdentityFile, AnOlderCopyKnowsNothingOfLaterStarts) {
  Identity identity;
  for (std::uint64_t id = 101; id <= 108; ++id) count_start(identity, id);
  EXPECT_EQ(identity.incarnation, Incarnation(8));
  Identity copy = identity;
  count_start(identity, 109);
  count_start(identity, 110);
  EXPECT_TRUE(knows_start(identity, Incarnation(8), 108));
  EXPECT_FALSE(knows_start(copy, Incarnation(9), 109));
  // As often as it likes.
  for (std::uint64_t id = 201; id <= 250; ++id) {
    count_start(copy, id);
    EXPECT_FALSE(knows_start(copy, Incarnation(9), 109)) << id;
    EXPECT_FALSE(knows_start(copy, Incarnation(10), 110)) << id;
    EXPECT_TRUE(knows_start(copy, Incarnation(8), 108)) << id;
  }
}

TEST(IdentityFile, WhoWasToldThatItIsACopyGoesOnFromThere) {
  Identity copy;
  for (std::uint64_t id = 1; id <= 3; ++id) count_start(copy, id);
  copy.older_than = Incarnation(9);
  count_start(copy, 77);
  EXPECT_EQ(copy.incarnation, Incarnation(10));
  EXPECT_EQ(copy.starts, std::vector<std::uint64_t>{77});
  EXPECT_TRUE(knows_start(copy, Incarnation(9), 5)) << "it has begun again since";
  EXPECT_FALSE(knows_start(copy, Incarnation(10), 5));
  EXPECT_FALSE(knows_start(copy, Incarnation(11), 5));
}

TEST(IdentityFile, SoManyStartsAreKept) {
  Identity identity;
  for (std::uint64_t id = 1; id <= kStartsKept + 5; ++id) count_start(identity, id);
  EXPECT_EQ(identity.starts.size(), kStartsKept);
  EXPECT_FALSE(knows_start(identity, Incarnation(6), 7));
  EXPECT_TRUE(knows_start(identity, Incarnation(5), 7)) << "nobody can tell any more";
}

TEST(IdentityFile, DataWithoutAnIdentityIsRefused) {
  for (const char* name : {"log-0000000000000001.hfl", "snapshot-0-00000000000000000005.hfs"}) {
    TestDisk disk;
    disk.put(name, "x");
    const auto loaded = load_identity(disk);
    ASSERT_FALSE(loaded.ok());
    EXPECT_NE(loaded.error().message.find(name), std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast::storage

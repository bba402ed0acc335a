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
  bytes[8] = 4;
  disk.put("identity", with_checksum(bytes));
  const auto loaded = load_identity(disk);
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.error().message.find("newer program"), std::string::npos);
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

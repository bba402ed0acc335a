#include "storage/met_starts.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "base/codec.h"
#include "storage/test_disk.h"

namespace holdfast::storage {
namespace {

MetStarts some() {
  return {99, {{NodeId(1), 7, Incarnation(3), 0xabc}, {NodeId(4), 8, Incarnation(1), 0xdef}}};
}

bool store(TestDisk& disk, const MetStarts& met) { return disk.run(store_met_starts(met)).ok(); }

TEST(MetStarts, NoFileIsNothingMet) {
  TestDisk disk;
  bool damaged = true;
  const auto loaded = load_met_starts(disk, damaged);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(*loaded, MetStarts{});
  EXPECT_FALSE(damaged);
}

TEST(MetStarts, RoundTrip) {
  TestDisk disk;
  ASSERT_TRUE(store(disk, some()));
  bool damaged = true;
  const auto loaded = load_met_starts(disk, damaged);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(*loaded, some());
}

TEST(MetStarts, ACrashLeavesTheOldOneOrTheNew) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Prng prng(seed);
    TestDisk disk;
    ASSERT_TRUE(store(disk, some()));
    MetStarts next = some();
    next.starts[0].incarnation = Incarnation(4);
    disk.power_until = disk.operations + prng.below(6);
    const bool stored = store(disk, next);
    disk.crash(prng);
    bool damaged = true;
    const auto loaded = load_met_starts(disk, damaged);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_TRUE(*loaded == next || (*loaded == some() && !stored)) << seed;
  }
}

TEST(MetStarts, AnyDamageIsFound) {
  TestDisk disk;
  ASSERT_TRUE(store(disk, some()));
  const std::string whole = disk.content(std::string(kMetStarts));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    disk.put(std::string(kMetStarts), bytes);
    bool damaged = false;
    ASSERT_FALSE(load_met_starts(disk, damaged).ok()) << at;
    EXPECT_TRUE(damaged) << at;
    disk.put(std::string(kMetStarts), whole.substr(0, at));
    ASSERT_FALSE(load_met_starts(disk, damaged).ok()) << at;
    EXPECT_TRUE(damaged) << at;
  }
}

TEST(MetStarts, ANewerVersionIsNoDamage) {
  TestDisk disk;
  ASSERT_TRUE(store(disk, some()));
  std::string bytes = disk.content(std::string(kMetStarts));
  bytes[8] = 2;
  bytes.resize(bytes.size() - 8);
  Writer(bytes).u64(checksum(bytes));
  disk.put(std::string(kMetStarts), bytes);
  bool damaged = true;
  const auto loaded = load_met_starts(disk, damaged);
  ASSERT_FALSE(loaded.ok());
  EXPECT_FALSE(damaged);
  EXPECT_NE(loaded.error().message.find("newer program"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::storage

#include "sim/fault.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace holdfast::sim {
namespace {

using K = FaultKind;

std::vector<FaultKind> every_kind() {
  std::vector<FaultKind> all;
  for (std::size_t i = 0; i < kFaultKinds; ++i) all.push_back(static_cast<FaultKind>(i));
  return all;
}

// ---- Text ---------------------------------------------------------------------------------------

TEST(FaultText, IsReadBackAsItWasWritten) {
  for (const std::string_view text : {"1200ms cut 1,2",
                                      "1350.25ms partition 1,2",
                                      "0ms isolate 0",
                                      "2000ms isolate-in 3",
                                      "2000.001ms isolate-out 1,3",
                                      "5ms bridge 2,1",
                                      "5ms ring 3,1,2,5,4",
                                      "9ms heal",
                                      "1ms clog 2 800ms",
                                      "1ms swizzle 3,1,2 4000ms chance=7",
                                      "1ms reset 1,3",
                                      "1ms wires 40% chance=77",
                                      "1ms wires 1,2 40% chance=18446744073709551615",
                                      "2ms kill 0",
                                      "2ms kill-at 3 17ops",
                                      "2ms power-off 1,2",
                                      "2ms power-off-at 3 1ops",
                                      "2ms power-off-all",
                                      "2ms terminate 2",
                                      "3100ms pause 0 800ms",
                                      "4000ms start",
                                      "4000ms start 2",
                                      "1ms wipe 2",
                                      "1ms save-disk 2",
                                      "1ms older-disk 2",
                                      "1ms slow-disk 2 20x chance=5",
                                      "1ms io-error 2 0times file=log-",
                                      "1ms read-error 2 3times",
                                      "1ms sync-error 2 1times",
                                      "1ms no-space 2 65536bytes",
                                      "1ms bit-flip 3 file=log- chance=12",
                                      "1ms lost-write 1 2times",
                                      "1ms misdirected-write 1 1times file=log-",
                                      "1ms lying-cache 2",
                                      "1ms heal-disk 1,2,3",
                                      "1ms drift 2 -900ppm",
                                      "1ms step-wall 2 -31536000000ms",
                                      "1ms freeze 1 500ms",
                                      "1ms heal-clock 1,2",
                                      "1ms hand-over 1500ms"}) {
    const auto fault = Fault::parse(text);
    ASSERT_TRUE(fault) << fault.error().message;
    EXPECT_EQ(fault->text(), text);
  }
}

TEST(FaultText, EachKindHasItsName) {
  std::set<std::string_view> names;
  for (const FaultKind kind : every_kind()) {
    names.insert(name_of(kind));
    EXPECT_EQ(fault_kind(name_of(kind)), kind);
  }
  EXPECT_EQ(names.size(), kFaultKinds);
  EXPECT_EQ(fault_kind("power_off"), std::nullopt);
}

TEST(FaultText, TimesMayBeWrittenInSeconds) {
  EXPECT_EQ(Fault::parse("1.5s heal")->text(), "1500ms heal");
  EXPECT_EQ(Fault::parse("2s heal")->at, seconds(2));
  EXPECT_EQ(Fault::parse("0.000001s heal")->at, microseconds(1));
}

TEST(FaultText, WhatMakesNoSenseIsRefusedAndTheLineIsNamed) {
  for (const std::string_view text : {"",
                                      "1200ms",
                                      "heal",
                                      "1200 heal",
                                      "-1ms heal",
                                      "1.2345ms heal",
                                      "1.ms heal",
                                      "ms heal",
                                      "99999999999999s heal",
                                      "1ms melt",
                                      "1ms heal 1",
                                      "1ms cut 1",
                                      "1ms cut 1,2,3",
                                      "1ms cut 1,x",
                                      "1ms cut 1,,2",
                                      "1ms cut 1 2",
                                      "1ms pause 1 800",
                                      "1ms pause 1 -8ms",
                                      "1ms pause 1 8s",
                                      "1ms kill",
                                      "1ms kill 65",
                                      "1ms kill 1 5ms",
                                      "1ms wires 1 4%",
                                      "1ms ring 1,2",
                                      "1ms bit-flip 1 file=",
                                      "1ms bit-flip 1 chance=x",
                                      "1ms kill-at 1 5times",
                                      "1ms kill-at 1,2 5ops",
                                      "1ms hand-over 1 5ms"}) {
    const auto fault = Fault::parse(text);
    ASSERT_FALSE(fault) << text;
    EXPECT_TRUE(fault.error().message.starts_with("\"" + std::string(text) + "\": "));
  }
}

// ---- Drawing ------------------------------------------------------------------------------------

TEST(DrawFaults, TheSameSeedGivesTheSameFaultsInOrderAndAllCanBeWrittenDown) {
  const FaultMix mix{every_kind(), milliseconds(200), 1};
  std::set<FaultKind> seen;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto faults = draw_faults(mix, 5, seconds(60), Prng(seed));
    EXPECT_EQ(faults, draw_faults(mix, 5, seconds(60), Prng(seed)));
    EXPECT_GT(faults.size(), 100U);
    Duration last;
    for (const Fault& fault : faults) {
      EXPECT_GE(fault.at, last);
      EXPECT_LT(fault.at, seconds(60));
      last = fault.at;
      seen.insert(fault.kind);
      const auto again = Fault::parse(fault.text());
      ASSERT_TRUE(again) << again.error().message;
      EXPECT_EQ(*again, fault);
      for (const MachineId node : fault.nodes) EXPECT_LE(node, 5U);
    }
  }
  EXPECT_EQ(seen.size(), kFaultKinds) << "each kind is drawn, repairs included";
}

TEST(DrawFaults, OnlySoManyNodesAreDamagedInARun) {
  for (std::uint32_t bound = 0; bound <= 2; ++bound) {
    bool reached = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      std::set<MachineId> damaged;
      for (const Fault& fault :
           draw_faults({every_kind(), milliseconds(300), bound}, 5, seconds(60), Prng(seed))) {
        if (!damages(fault.kind)) continue;
        ASSERT_EQ(fault.nodes.size(), 1U);
        EXPECT_NE(fault.nodes[0], 0U) << "whoever leads might be a node too many";
        damaged.insert(fault.nodes[0]);
      }
      EXPECT_LE(damaged.size(), bound);
      reached = reached || damaged.size() == bound;
    }
    EXPECT_TRUE(reached);
  }
}

TEST(DrawFaults, OfOneNodeOrTwoOnlyWhatMakesSenseIsDrawn) {
  for (const Fault& fault :
       draw_faults({every_kind(), milliseconds(100), 0}, 1, seconds(60), Prng(1))) {
    EXPECT_NE(fault.kind, K::partition);
    EXPECT_NE(fault.kind, K::reset);
    for (const MachineId node : fault.nodes) EXPECT_LE(node, 1U);
  }
  EXPECT_FALSE(draw_faults({{K::wires}, milliseconds(100), 0}, 2, seconds(9), Prng(1)).empty());
  EXPECT_TRUE(draw_faults({{K::ring}, milliseconds(100), 0}, 2, seconds(9), Prng(1)).empty());
  EXPECT_TRUE(draw_faults({{}, milliseconds(100), 1}, 3, seconds(9), Prng(1)).empty());
  EXPECT_TRUE(draw_faults({{K::wipe}, milliseconds(100), 0}, 3, seconds(9), Prng(1)).empty());
}

TEST(DrawFaults, WhatBreaksSomethingIsFollowedByItsRepair) {
  const std::map<FaultKind, FaultKind> repairs{{K::partition, K::heal},
                                               {K::ring, K::heal},
                                               {K::kill, K::start},
                                               {K::kill_at, K::start},
                                               {K::power_off, K::start},
                                               {K::power_off_all, K::start},
                                               {K::terminate, K::start},
                                               {K::io_error, K::heal_disk},
                                               {K::no_space, K::heal_disk},
                                               {K::bit_flip, K::heal_disk},
                                               {K::lost_write, K::heal_disk},
                                               {K::older_disk, K::start},
                                               {K::lying_cache, K::heal_disk},
                                               {K::drift, K::heal_clock}};
  for (const auto& [kind, repair] : repairs) {
    std::size_t broken = 0;
    std::size_t repaired = 0;
    for (const Fault& fault :
         draw_faults({{kind}, milliseconds(700), 1}, 3, seconds(600), Prng(3))) {
      broken += fault.kind == kind;
      repaired += fault.kind == repair;
    }
    EXPECT_GT(broken, 20U) << name_of(kind);
    // Those at the very end are left to heal().
    EXPECT_GE(repaired + 60, broken) << name_of(kind);
    EXPECT_GE(repaired, broken * 4 / 5) << name_of(kind);
  }
}

}  // namespace
}  // namespace holdfast::sim

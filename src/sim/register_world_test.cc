#include "sim/register_world.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace holdfast::sim {
namespace {

// HOLDFAST_SEEDS says how many; HOLDFAST_SEED runs one alone.
std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

TEST(RegisterWorld, HoldsUnderFaultsForEverySeed) {
  const std::uint64_t only = number_from("HOLDFAST_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : number_from("HOLDFAST_SEEDS", 200);
  WorldReport sum;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const auto report = run_register_world({.seed = seed});
    EXPECT_TRUE(report.ok) << report.problem << "\nreplay: HOLDFAST_SEED=" << seed;
    sum.operations += report.operations;
    sum.acknowledged += report.acknowledged;
    sum.unknown += report.unknown;
    sum.crashes += report.crashes;
    sum.snapshots_installed += report.snapshots_installed;
    sum.grants += report.grants;
  }
  std::printf("%llu seeds: %llu register operations, %llu acknowledged, %llu unknown, %llu crashes, "
              "%llu snapshots installed, %llu grants\n",
              static_cast<unsigned long long>(last - first + 1),
              static_cast<unsigned long long>(sum.operations),
              static_cast<unsigned long long>(sum.acknowledged),
              static_cast<unsigned long long>(sum.unknown),
              static_cast<unsigned long long>(sum.crashes),
              static_cast<unsigned long long>(sum.snapshots_installed),
              static_cast<unsigned long long>(sum.grants));
  if (only == 0 && last >= 50) {
    // A world in which nothing happens proves nothing.
    EXPECT_GT(sum.acknowledged, 100 * last);
    EXPECT_GT(sum.crashes, 5 * last);
    EXPECT_GT(sum.snapshots_installed, 0u);
    EXPECT_GT(sum.grants, last);
  }
}

TEST(RegisterWorld, TheSameSeedGivesTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    EXPECT_EQ(run_register_world({.seed = seed}).hash, run_register_world({.seed = seed}).hash);
  }
  EXPECT_NE(run_register_world({.seed = 1}).hash, run_register_world({.seed = 2}).hash);
}

TEST(RegisterWorld, WithoutFaultsEverythingIsAcknowledged) {
  const auto report = run_register_world({.seed = 7, .faulty_ms = 2000, .faults = false});
  EXPECT_TRUE(report.ok) << report.problem;
  EXPECT_EQ(report.unknown, 0u);
  EXPECT_EQ(report.crashes, 0u);
  EXPECT_GT(report.acknowledged, 500u);
}

}  // namespace
}  // namespace holdfast::sim

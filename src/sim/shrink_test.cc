#include "sim/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/prng.h"

namespace holdfast::sim {
namespace {

constexpr std::uint32_t kPlenty = 100'000;

Fault kill(std::int64_t ms, MachineId node) {
  return {.at = milliseconds(ms), .kind = FaultKind::kill, .nodes = {node}, .file = {}};
}

Decisions many_faults(std::size_t count) {
  Decisions decisions{.faults = {}, .clients = 8, .length = seconds(60), .nodes = 5};
  for (std::size_t i = 0; i < count; ++i) {
    decisions.faults.push_back(
        kill(static_cast<std::int64_t>(500 * i), static_cast<MachineId>(1 + i % 5)));
  }
  return decisions;
}

bool has(const Decisions& decisions, const Fault& fault) {
  return std::find(decisions.faults.begin(), decisions.faults.end(), fault) !=
         decisions.faults.end();
}

const Outcome kFine{};
const Outcome kBroken{true, "durability"};

TEST(Shrink, LeavesNothingOutOfWhatIsNeeded) {
  const Decisions start = many_faults(100);
  const std::vector<Fault> needed = {start.faults[10], start.faults[11], start.faults[87]};
  const auto run = [&](const Decisions& decisions) {
    const bool all = std::all_of(needed.begin(), needed.end(),
                                 [&](const Fault& fault) { return has(decisions, fault); });
    return all && decisions.clients >= 3 && decisions.length >= milliseconds(43'700) ? kBroken
                                                                                     : kFine;
  };
  const Shrunk shrunk = shrink(start, "durability", run, kPlenty);
  EXPECT_TRUE(shrunk.minimal);
  EXPECT_EQ(shrunk.decisions.faults, needed);
  EXPECT_EQ(shrunk.decisions.clients, 3u);
  EXPECT_EQ(shrunk.decisions.length, seconds(44));
  EXPECT_EQ(shrunk.decisions.nodes, 3u);  // none of them is of node 4 or 5
  EXPECT_LT(shrunk.runs, 150u);
}

TEST(Shrink, FindsThatNothingButTheClientsIsNeeded) {
  const auto run = [](const Decisions&) { return kBroken; };
  const Shrunk shrunk = shrink(many_faults(50), "durability", run, kPlenty);
  EXPECT_EQ(shrunk.decisions,
            (Decisions{.faults = {}, .clients = 1, .length = seconds(1), .nodes = 3}));
  EXPECT_TRUE(shrunk.minimal);
  EXPECT_LT(shrunk.runs, 10u);
}

TEST(Shrink, KeepsToTheSameFailure) {
  const Decisions start = many_faults(20);
  const auto run = [&](const Decisions& decisions) {
    if (has(decisions, start.faults[4])) return kBroken;
    return Outcome{true, "election safety"};  // broken as well, but not what we look for
  };
  const Shrunk shrunk = shrink(start, "durability", run, kPlenty);
  EXPECT_EQ(shrunk.decisions.faults, std::vector<Fault>{start.faults[4]});
}

TEST(Shrink, KeepsNodesThatAreNeeded) {
  const Decisions start = many_faults(20);
  const auto run = [&](const Decisions& decisions) {
    return decisions.nodes == 5 && has(decisions, start.faults[4]) ? kBroken : kFine;
  };
  const Shrunk shrunk = shrink(start, "durability", run, kPlenty);
  EXPECT_EQ(shrunk.decisions.nodes, 5u);
  EXPECT_EQ(shrunk.decisions.faults, std::vector<Fault>{start.faults[4]});
}

TEST(Shrink, StopsWithTheBudgetAndSaysSo) {
  const Decisions start = many_faults(100);
  std::uint32_t runs = 0;
  const auto run = [&](const Decisions& decisions) {
    ++runs;
    return has(decisions, start.faults[33]) && has(decisions, start.faults[66]) ? kBroken : kFine;
  };
  const Shrunk shrunk = shrink(start, "durability", run, 12);
  EXPECT_EQ(runs, 12u);
  EXPECT_EQ(shrunk.runs, 12u);
  EXPECT_FALSE(shrunk.minimal);
  EXPECT_LT(shrunk.decisions.faults.size(), 100u);
  EXPECT_TRUE(run(shrunk.decisions).failed);

  EXPECT_EQ(shrink(start, "durability", run, 0).decisions, start);
}

// Whatever makes it fail: what is left fails, and without any one of its faults it does not.
TEST(Shrink, IsMinimalForFailuresOfAnyShape) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    const Decisions start = many_faults(2 + prng.below(60));
    // Fails if at least `enough` of some faults are there: many minimal answers, not monotone in
    // the length.
    std::set<std::int64_t> culprits;
    for (std::size_t i = 0; i < 1 + prng.below(8); ++i) {
      culprits.insert(start.faults[prng.below(start.faults.size())].at.ns);
    }
    const std::size_t enough = 1 + prng.below(culprits.size());
    const auto run = [&](const Decisions& decisions) {
      const auto met =
          std::count_if(decisions.faults.begin(), decisions.faults.end(),
                        [&](const Fault& fault) { return culprits.contains(fault.at.ns); });
      return static_cast<std::size_t>(met) >= enough && decisions.length.ns % 7 != 3 ? kBroken
                                                                                     : kFine;
    };
    const Shrunk shrunk = shrink(start, "durability", run, kPlenty);
    ASSERT_TRUE(run(shrunk.decisions).failed) << seed;
    ASSERT_EQ(shrunk.decisions.faults.size(), enough) << seed;
    for (std::size_t i = 0; i < shrunk.decisions.faults.size(); ++i) {
      Decisions less = shrunk.decisions;
      less.faults.erase(less.faults.begin() + static_cast<std::ptrdiff_t>(i));
      ASSERT_FALSE(run(less).failed) << seed;
    }
  }
}

TEST(Shrink, TellsFailuresApartByTheirRule) {
  EXPECT_EQ(way_of("linearizability: key r1: 4 operations"), "linearizability");
  EXPECT_EQ(way_of("no colon"), "no colon");
}

}  // namespace
}  // namespace holdfast::sim

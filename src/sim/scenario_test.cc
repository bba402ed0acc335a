#include "sim/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "sim/run.h"

namespace holdfast::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Scenario parsed(std::string_view text) {
  auto scenario = Scenario::parse(text);
  EXPECT_TRUE(scenario.ok()) << scenario.error().message;
  return *scenario;
}

std::string error_of(std::string_view text) {
  auto scenario = Scenario::parse(text);
  return scenario.ok() ? "" : scenario.error().message;
}

TEST(Scenario, IsWhatItsLinesSay) {
  const Scenario s = parsed(
      "# a comment\n"
      "nodes 5\n"
      "\n"
      "length 1500ms   # so long\n"
      "mode liveness\n"
      "promise safe\n"
      "mix read 4 lock 2\n"
      "clients 7 think 250us keys 1\n"
      "habits patience 3s\n"
      "wire delay_min 1ms delay_max 20ms corrupt_ppm 12\n"
      "disk sync_min 1ms sync_max 30ms\n"
      "log segment_bytes 65536\n"
      "faults kill pause\n"
      "every 40ms damaged 1");
  EXPECT_EQ(s.nodes, 5u);
  EXPECT_EQ(s.length, milliseconds(1500));
  EXPECT_EQ(s.mode, Mode::liveness);
  EXPECT_EQ(s.promise, Promise::safe);
  EXPECT_EQ(s.mix.read, 4u);
  EXPECT_EQ(s.mix.lock, 2u);
  EXPECT_EQ(s.mix.write, 0u) << "a mix is what it says";
  EXPECT_EQ(s.mix.clients, 7u);
  EXPECT_EQ(s.mix.think, microseconds(250));
  EXPECT_EQ(s.mix.keys, 1u);
  EXPECT_EQ(s.habits.patience, seconds(3));
  EXPECT_EQ(s.wire.delay_max, milliseconds(20));
  EXPECT_EQ(s.wire.corrupt_ppm, 12u);
  EXPECT_EQ(s.disk.sync_min, milliseconds(1));
  EXPECT_EQ(s.disk.sync_max, milliseconds(30));
  EXPECT_EQ(s.segment_bytes, 65536);
  EXPECT_THAT(s.faults.kinds, ElementsAre(FaultKind::kill, FaultKind::pause));
  EXPECT_EQ(s.faults.mean_pause, milliseconds(40));
  EXPECT_EQ(s.faults.damaged, 1u);
  EXPECT_FALSE(s.scripted);
}

TEST(Scenario, WhatIsLeftOutKeepsItsDefault) {
  const Scenario s = parsed("");
  EXPECT_EQ(s.nodes, 3u);
  EXPECT_EQ(s.length, seconds(60));
  EXPECT_GT(s.mix.read, 0u);
  EXPECT_GT(s.mix.lock, 0u);
  EXPECT_TRUE(s.faults.kinds.empty());
}

TEST(Scenario, CanPlayGivenFaults) {
  const Scenario s = parsed("fault 1200ms cut 1,2\nfault 2s kill 0\n");
  EXPECT_TRUE(s.scripted);
  ASSERT_EQ(s.script.size(), 2u);
  EXPECT_EQ(s.script[0].kind, FaultKind::cut);
  EXPECT_THAT(s.script[0].nodes, ElementsAre(1u, 2u));
  EXPECT_EQ(s.script[1].at, seconds(2));
  EXPECT_TRUE(parsed("fault none").scripted);
  EXPECT_TRUE(parsed("fault none").script.empty());
}

TEST(Scenario, CanRepeatGivenFaults) {
  Scenario s = parsed("length 12s\nrepeat 5s\nfault 1s isolate 0\nfault 5500ms heal\n");
  std::vector<Duration> times;
  for (const Fault& fault : script_of(s, 1)) times.push_back(fault.at);
  EXPECT_THAT(times, ElementsAre(seconds(1), milliseconds(5500), seconds(6), milliseconds(10500),
                                 seconds(11)));
  s.repeat = {};
  EXPECT_EQ(script_of(s, 1), s.script);
}

TEST(Scenario, TextIsReadBackAsTheSame) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Scenario scenario = swarm_scenario(seed);
    if (seed % 2 == 0) {
      scenario.scripted = true;
      scenario.script = draw_faults(scenario.faults, scenario.nodes, seconds(5), Prng(seed));
    }
    const std::string text = scenario.text();
    const Scenario again = parsed(text);
    EXPECT_EQ(again.text(), text);
    EXPECT_EQ(again.script, scenario.script);
    EXPECT_EQ(again.faults.kinds, scenario.faults.kinds);
    EXPECT_EQ(again.mix.think, scenario.mix.think);
    EXPECT_EQ(again.wire.delay_max, scenario.wire.delay_max);
  }
}

TEST(Scenario, AnErrorNamesItsLine) {
  EXPECT_EQ(error_of("nodes 3\nbogus 1"), "line 2: there is no setting bogus");
  EXPECT_EQ(error_of("nodes"), "line 1: nodes has no value");
  EXPECT_THAT(error_of("nodes three"), HasSubstr("line 1: nodes: three is no number"));
  EXPECT_THAT(error_of("nodes -1"), HasSubstr("line 1"));
  EXPECT_THAT(error_of("nodes 99999999999"), HasSubstr("line 1"));
  EXPECT_EQ(error_of("nodes 3\nnodes 3"), "line 2: nodes twice");
  EXPECT_EQ(error_of("mix read 1 read 2"), "line 1: read twice");
  EXPECT_EQ(error_of("mix read"), "line 1: read has no value");
  EXPECT_EQ(error_of("mix"), "line 1: mix says nothing");
  EXPECT_EQ(error_of("mix sing 1"), "line 1: mix knows no sing");
  EXPECT_THAT(error_of("length 60"), HasSubstr("60 is no time"));
  EXPECT_THAT(error_of("length 9999999999999s"), HasSubstr("is no time"));
  EXPECT_EQ(error_of("\n\nmode other"), "line 3: mode is safety or liveness");
  EXPECT_EQ(error_of("faults kill plague"), "line 1: there is no fault plague");
  EXPECT_THAT(error_of("fault soon kill 1"), HasSubstr("line 1"));
  EXPECT_THAT(error_of("fault"), HasSubstr("line 1"));
}

TEST(Scenario, MustMakeSense) {
  EXPECT_THAT(error_of("nodes 0"), HasSubstr("nodes"));
  EXPECT_THAT(error_of("mix read 0"), HasSubstr("no operation"));
  EXPECT_THAT(error_of("clients 0"), HasSubstr("clients"));
  EXPECT_THAT(error_of("wire delay_min 2ms delay_max 1ms"), HasSubstr("delay"));
  EXPECT_THAT(error_of("disk sync_min 1ms"), HasSubstr("sync_min"));
  EXPECT_THAT(error_of("every 0s"), HasSubstr("every"));
  EXPECT_THAT(error_of("fault 1s kill 4"), HasSubstr("no node 4"));
}

TEST(Scenario, ClocksKeepToTheBoundWhereLeadersHaveLeases) {
  const auto scenario = Scenario::parse("faults freeze\nevery 100ms\nreads either\n");
  ASSERT_TRUE(scenario.ok()) << scenario.error().message;
  std::int64_t longest = 0;
  int with = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    with += scenario->leases(seed) ? 1 : 0;
    for (const Fault& fault : script_of(*scenario, seed)) {
      if (fault.kind != FaultKind::freeze) continue;
      EXPECT_TRUE(!scenario->leases(seed) || fault.amount <= scenario->timing.election.ms() / 30);
      longest = std::max(longest, fault.amount);
    }
  }
  EXPECT_EQ(with, 4);
  EXPECT_GT(longest, 1000) << "in the other seeds";
}

TEST(Scenario, SwarmMeetsEveryKindAndStaysWithinThePromise) {
  std::set<FaultKind> kinds;
  std::set<std::uint32_t> sizes;
  std::set<Mode> modes;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const Scenario scenario = swarm_scenario(seed);
    EXPECT_EQ(scenario.promise, Promise::live);
    EXPECT_LE(scenario.faults.damaged, (scenario.nodes - 1) / 2);
    kinds.insert(scenario.faults.kinds.begin(), scenario.faults.kinds.end());
    sizes.insert(scenario.nodes);
    modes.insert(scenario.mode);
    EXPECT_EQ(scenario.text(), swarm_scenario(seed).text());
  }
  EXPECT_EQ(kinds.size(), kFaultKinds);
  EXPECT_EQ(sizes, (std::set<std::uint32_t>{1, 3, 5}));
  EXPECT_EQ(modes.size(), 2u);
}

}  // namespace
}  // namespace holdfast::sim

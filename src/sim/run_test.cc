#include "sim/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sim/timeline.h"

namespace holdfast::sim {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

Scenario scenario_of(std::string_view text) {
  auto scenario = Scenario::parse(text);
  EXPECT_TRUE(scenario.ok()) << scenario.error().message;
  return *scenario;
}

constexpr std::string_view kFaulty =
    "length 10s\n"
    "clients 4 think 15ms pipeline 3\n"
    "faults kill power-off partition isolate pause wires\n"
    "every 500ms\n";

class ListeningTrace final : public Trace {
 public:
  bool enabled(Level) const override { return true; }
  void write(Level, std::string_view, std::initializer_list<Field>) override { ++lines; }
  std::uint64_t lines = 0;
};

TEST(Run, QuietClusterAnswersEverything) {
  // No sessions: one whose end is on its way cannot be kept, and is not lost yet, so KEEP fails.
  const Report report = run(
      scenario_of("length 10s\nhabits leave_ppm 0 hang_up_ppm 0 half_ppm 0\nclients 4 think 15ms\n"
                  "mix read 4 write 3 cas 2 erase 1 add 2 once_add 2 insert 1 read_all 1 write_ttl 2 "
                  "lock 3 set_if 1 throttle 1 latch 2 feed 2 cache 2"),
      {.seed = 3});
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.unknown, 0u);
  EXPECT_EQ(report.failed, 0u);
  EXPECT_EQ(report.deaths, 0u);
  EXPECT_EQ(report.elections, 1u);
  EXPECT_GT(report.acknowledged, 1000u);
  EXPECT_GE(report.simulated, seconds(10));
}

TEST(Run, SurvivesFaultsAndCountsThem) {
  const Report report = run(scenario_of(kFaulty), {.seed = 5});
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_GT(report.acknowledged, 200u);
  EXPECT_GT(report.elections, 1u);
  std::uint64_t faults = 0;
  for (const std::uint64_t count : report.faults) faults += count;
  EXPECT_EQ(faults, script_of(scenario_of(kFaulty), 5).size());
  EXPECT_GT(faults, 10u);
  EXPECT_EQ(report.acknowledged + report.failed + report.unknown, report.history.size());
}

TEST(Run, TheSameSeedIsTheSameRunWhoeverWatches) {
  const Scenario scenario = scenario_of(kFaulty);
  const Report first = run(scenario, {.seed = 8});
  const Report again = run(scenario, {.seed = 8});
  EXPECT_EQ(first.hash, again.hash);
  ListeningTrace log;
  const Report watched = run(scenario, {.seed = 8, .timeline = true, .log = &log});
  EXPECT_EQ(first.hash, watched.hash);
  EXPECT_GT(log.lines, 0u);
  EXPECT_THAT(watched.timeline, HasSubstr("-- "));
  EXPECT_THAT(first.timeline, IsEmpty());
  EXPECT_NE(first.hash, run(scenario, {.seed = 9}).hash);
}

TEST(Run, AScriptIsPlayedAsItIsWritten) {
  Scenario scenario = scenario_of(kFaulty);
  const Report drawn = run(scenario, {.seed = 8});
  scenario.script = script_of(scenario, 8);
  scenario.scripted = true;
  scenario.faults = {};
  EXPECT_EQ(run(*Scenario::parse(scenario.text()), {.seed = 8}).hash, drawn.hash);
}

TEST(Run, ObjectsToAClusterThatIsNeverFounded) {
  const Report report = run(scenario_of("length 1s\nwire drop_ppm 1000000"), {.seed = 1});
  EXPECT_THAT(report.problems, Contains("founding: no leader"));
}

TEST(Run, InLivenessModeOnlyACoreComesBack) {
  const Report report =
      run(scenario_of("mode liveness\nlength 5s\nclients 3 think 15ms\nfault 4s power-off-all\n"),
          {.seed = 2, .timeline = true});
  EXPECT_THAT(report.problems, IsEmpty()) << report.timeline;
  EXPECT_GT(report.acknowledged, 200u);
}

TEST(Run, OutsideOfThePromiseAClusterMayStop) {
  const std::string_view script =
      "length 6s\nclients 3 think 15ms\nfault 2s wipe 1\nfault 3s wipe 2\n";
  const Report report = run(scenario_of(script), {.seed = 2});
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_GT(report.acknowledged, 50u);
}

}  // namespace
}  // namespace holdfast::sim

#include "cli/bench_figures.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"

namespace holdfast::cli {
namespace {

TEST(Latencies, AreWithinTheWidthOfAClassOfTheTruth) {
  Prng prng(7);
  std::vector<std::int64_t> all;
  Latencies latencies;
  for (int i = 0; i < 20000; ++i) {
    // From nanoseconds to minutes.
    const auto ns = prng.between(0, std::int64_t{1} << prng.between(0, 37));
    all.push_back(ns);
    latencies.add(nanoseconds(ns));
  }
  std::sort(all.begin(), all.end());
  for (const std::uint32_t ppm : {1u, 100'000u, 500'000u, 990'000u, 999'000u, 1'000'000u}) {
    const auto truth = all[std::max<std::size_t>(1, all.size() * ppm / 1'000'000) - 1];
    EXPECT_GE(latencies.at(ppm).ns, truth) << ppm;
    EXPECT_LE(latencies.at(ppm).ns, truth + truth / 64) << ppm;
  }
  EXPECT_EQ(latencies.longest().ns, all.back());
  EXPECT_EQ(latencies.at(1'000'000), latencies.longest());
  EXPECT_EQ(latencies.count(), all.size());
}

TEST(Latencies, TakeAnyDuration) {
  Latencies latencies;
  EXPECT_EQ(latencies.at(500'000), Duration{});
  latencies.add({INT64_MAX});
  EXPECT_EQ(latencies.at(500'000), Duration{INT64_MAX});
}

TEST(Outage, CountsFromTheBeginningToTheEnd) {
  Outage outage;
  outage.begin({seconds(10).ns});
  outage.acknowledged({seconds(12).ns});
  outage.acknowledged({seconds(13).ns});
  EXPECT_EQ(outage.longest(), seconds(2));
  outage.end({seconds(18).ns});
  outage.acknowledged({seconds(28).ns});
  EXPECT_EQ(outage.longest(), seconds(5));
}

TEST(Figures, CountWhatDidNotEndWell) {
  workload::History history(4);
  history[0].ended = workload::Ended::ok;
  history[1].ended = workload::Ended::failed;
  history[2].ended = history[3].ended = workload::Ended::unknown;
  Figures figures;
  figures.count(history);
  EXPECT_EQ(figures.refused, 1u);
  EXPECT_EQ(figures.unknown, 2u);
}

TEST(Figures, AreShownToPeopleAndPrograms) {
  Figures figures;
  figures.servers = {{"127.0.0.1", 7379}};
  figures.clients = 3;
  figures.length = seconds(2);
  figures.operations = 500;
  figures.latencies.add(milliseconds(3));
  figures.disturbances.push_back({.kind = Disturbance::Kind::pause,
                                  .node = 1,
                                  .leader = true,
                                  .from = milliseconds(1500),
                                  .to = milliseconds(1900)});
  EXPECT_NE(as_text(figures).find("500 in 2.0 s: 250.0 a second\n"), std::string::npos);
  EXPECT_NE(as_text(figures).find(
                "1.500 s     node 2, the leader, stopped, running again after 0.400 s\n"),
            std::string::npos);
  const std::string json = as_json(figures);
  EXPECT_NE(json.find(R"("servers":["127.0.0.1:7379"],"clients":3,)"), std::string::npos);
  EXPECT_NE(json.find(R"("operations_per_second":250.0)"), std::string::npos);
  EXPECT_NE(json.find(R"({"kind":"pause","node":2,"leader":true,"from_ms":1500,"to_ms":1900})"),
            std::string::npos);
  Judgement judgement;
  judgement.objections = {"a \"key\"\nline"};
  const std::string judged = as_json(judgement);
  EXPECT_NE(judged.find(R"("objections":["a \u0022key\u0022\u000aline"])"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::cli

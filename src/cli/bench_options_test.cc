#include "cli/bench_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using testing::HasSubstr;

std::string error_of(const BenchFlags& flags) {
  const auto options = make_options(flags);
  return options ? "" : options.error().message;
}

TEST(BenchOptions, AMixIsWhatItSays) {
  workload::Mix mix;
  mix.cas = 9;
  ASSERT_TRUE(parse_mix("read=40,lock=10,once_add=0", mix));
  EXPECT_EQ(mix.read, 40u);
  EXPECT_EQ(mix.lock, 10u);
  EXPECT_EQ(mix.cas, 0u);
  for (const char* bad : {"", "read", "read=", "read=x", "read=-1", "read=1=2", "reads=1", "=1",
                          "read=0,write=0", "read=99999999999", "read=1,,write=1"}) {
    EXPECT_FALSE(parse_mix(bad, mix)) << bad;
  }
}

TEST(BenchOptions, AHistoryHasSomethingOfEverything) {
  BenchFlags flags;
  flags.history = "x";
  const auto options = make_options(flags);
  ASSERT_TRUE(options);
  EXPECT_THAT(options->servers, testing::ElementsAre(env::Address{"127.0.0.1", 7379}));
  const workload::Mix& mix = options->mix;
  for (const auto share : {mix.read, mix.write, mix.cas, mix.erase, mix.add, mix.once_add,
                           mix.insert, mix.read_all, mix.write_ttl, mix.lock}) {
    EXPECT_GT(share, 0u);
  }
  EXPECT_EQ(make_options({})->mix.lock, 0u) << "who waits for another client shows no speed";
}

TEST(BenchOptions, ALoadDoesNotPauseUnlessItIsToBeJudged) {
  EXPECT_EQ(make_options({})->mix.think, Duration{});
  BenchFlags flags;
  flags.history = "x";
  EXPECT_EQ(make_options(flags)->mix.think, milliseconds(20));
  flags.think_ms = 0.5;
  EXPECT_EQ(make_options(flags)->mix.think, microseconds(500));
}

TEST(BenchOptions, SeveralServers) {
  BenchFlags flags;
  flags.servers = "a:1,[::1]:2";
  EXPECT_THAT(make_options(flags)->servers,
              testing::ElementsAre(env::Address{"a", 1}, env::Address{"::1", 2}));
  flags.servers = "a:1,b";
  EXPECT_THAT(error_of(flags), HasSubstr("--servers: 'b' is not an address"));
}

TEST(BenchOptions, OnlyNodesOfItsOwnAreKilled) {
  BenchFlags flags;
  flags.kills = 2;
  EXPECT_THAT(error_of(flags), HasSubstr("say --start N"));
  flags.start = 3;
  EXPECT_EQ(error_of(flags), "");
  flags.seconds = 1;
  EXPECT_THAT(error_of(flags), HasSubstr("at least 2 seconds"));
  flags.seconds = 10;
  flags.servers = "a:1";
  EXPECT_THAT(error_of(flags), HasSubstr("leave --servers out"));
}

}  // namespace
}  // namespace holdfast::cli

#include "workload/checkers/feeds.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

Story& pair(Story& story, std::string_view value, std::int64_t ttl_ms = 0) {
  return story.add(Op::pair_write, "w0.w1", fmt::format("{} {}", value, ttl_ms), "OK");
}
Story& page(Story& story, std::string_view position, std::string_view ret) {
  return story.add(Op::feed_read, "w0", std::string(position), std::string(ret));
}

std::string said_of_feeds(const Story& story, const CheckOptions& options = {}) {
  return check_feeds(story.history, options).explanation;
}

constexpr std::string_view kBoth =
    "r6 3:set:w0.w1a:x 4:expire:w0.w1a:99 5:set:w0.w1b:x 6:expire:w0.w1b:99";

Story ended() {
  Story story;
  page(story.at(3, 4), "0", "r1");
  pair(story.at(5, 20), "x", 100);
  page(story.at(10, 20), "r1", kBoth);
  return story;
}

TEST(CheckFeeds, AcceptsWhoReadsAlong) {
  Story story = ended();
  page(story.client(2).at(12, 22), "0", kBoth);
  page(story.client(1).at(200, 230), "r6", "r8 7:expired:w0.w1a: 8:expired:w0.w1b:");
  page(story.at(5000, 5010), "r8", "r8");
  EXPECT_NO_OBJECTION(said_of_feeds(story, {.calm_from = Instant{}}));
}

TEST(CheckFeeds, CatchesWhatIsMissing) {
  Story story;
  page(story.at(3, 4), "0", "r1");
  pair(story.at(5, 20), "x");
  EXPECT_NO_OBJECTION(said_of_feeds(page(Story(story).at(20, 30), "r1", "r1")));
  EXPECT_OBJECTION(said_of_feeds(page(story.at(21, 30), "r1", "r9")), "does not know of a write");
}

TEST(CheckFeeds, CatchesWhatIsToldTwiceOrOutOfOrder) {
  Story story = ended();
  EXPECT_OBJECTION(said_of_feeds(page(Story(story).at(30, 40), "r6", "r9 6:set:w0.w1a:x")),
                   "again, or too late");
  EXPECT_OBJECTION(said_of_feeds(page(Story(story).at(30, 40), "r6", "r9 8:set:w0.w1a:x")),
                   "tells of x twice");
  EXPECT_OBJECTION(said_of_feeds(page(Story(story).at(30, 40), "r1", "r9")), "does not go on");
  EXPECT_OBJECTION(said_of_feeds(page(Story(story).at(30, 40), "r6", "r9 8:set:w0.w1a:z")),
                   "nobody wrote");
  EXPECT_OBJECTION(said_of_feeds(page(Story(story).client(2).at(30, 40), "0",
                                      "r9 3:set:w0.w1b:x 5:set:w0.w1a:x")),
                   "what others were told");
}

TEST(CheckFeeds, CatchesHalfATransaction) {
  Story story;
  pair(story.at(1, 2), "x");
  EXPECT_OBJECTION(said_of_feeds(page(story.at(3, 4), "0", "r3 3:set:w0.w1a:x")),
                   "half of the transaction");
}

TEST(CheckFeeds, CatchesAnEndThatIsNotTold) {
  Story story = ended();
  page(story.at(5000, 5010), "r6", "r6");
  EXPECT_NO_OBJECTION(said_of_feeds(story));
  EXPECT_NE(said_of_feeds(story, {.calm_from = Instant{}}), "");
}

}  // namespace
}  // namespace holdfast::workload

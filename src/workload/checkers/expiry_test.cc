#include "workload/checkers/expiry.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

std::string said_of_expiry(const Story& story) {
  CheckOptions options;
  options.clock_ppm = 0;
  options.late = milliseconds(100);
  return check_expiry(story.history, options).explanation;
}

Story written() {
  Story story;
  story.at(10, 20).write_ttl("t", "v", 100);
  return story;
}

TEST(CheckExpiry, CatchesAKeyThatIsGoneBeforeItsTime) {
  EXPECT_NO_OBJECTION(
      said_of_expiry(written().at(30, 40).read("t", "v").at(100, 111).read("t", "")));
  EXPECT_OBJECTION(said_of_expiry(written().at(100, 109).read("t", "")), "gone before its time");
  EXPECT_NO_OBJECTION(
      said_of_expiry(written().at(19, 25).read("t", "")));  // perhaps before it was written
}

TEST(CheckExpiry, SomebodyElseMayHaveTakenItAway) {
  EXPECT_NO_OBJECTION(said_of_expiry(written().at(30, 40).erase("t").at(50, 60).read("t", "")));
  EXPECT_NO_OBJECTION(
      said_of_expiry(written().at(30, 40).erase("t").but_unknown().at(50, 60).read("t", "")));
  EXPECT_NO_OBJECTION(
      said_of_expiry(written().at(30, 40).write_ttl("t", "w", 10).at(55, 60).read("t", "")));
  EXPECT_OBJECTION(
      said_of_expiry(written().at(30, 40).erase("t").but_failed().at(50, 60).read("t", "")),
      "gone");
  EXPECT_OBJECTION(said_of_expiry(written().at(1, 9).erase("t").at(50, 60).read("t", "")), "gone");
}

TEST(CheckExpiry, CatchesAKeyThatStaysAfterItsTime) {
  EXPECT_NO_OBJECTION(said_of_expiry(written().at(220, 221).read("t", "v")));
  EXPECT_OBJECTION(said_of_expiry(written().at(221, 222).read("t", "v")), "there after its time");
  // It may have been written late.
  EXPECT_NO_OBJECTION(said_of_expiry(written().but_unknown().at(500, 501).read("t", "v")));
  CheckOptions options;
  EXPECT_TRUE(check_expiry(written().at(900, 901).read("t", "v").history, options).ok);
}

TEST(CheckExpiry, ClocksMayBeOffByAsMuchAsIsSaid) {
  CheckOptions options;
  options.clock_ppm = 20'000;
  EXPECT_TRUE(check_expiry(written().at(100, 109).read("t", "").history, options).ok);
  EXPECT_FALSE(check_expiry(written().at(100, 107).read("t", "").history, options).ok);
}

}  // namespace
}  // namespace holdfast::workload

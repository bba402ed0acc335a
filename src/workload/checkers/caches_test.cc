#include "workload/checkers/caches.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

Story& get(Story& story, std::string ret, std::int64_t wait_ms = 0, std::int64_t stale_ms = 0) {
  return story.add(Op::cache_get, "q", fmt::format("100 {} {}", wait_ms, stale_ms), std::move(ret));
}
Story& fill(Story& story, std::int64_t lease, std::string value, bool done = true,
            std::int64_t fresh_ms = 1000, std::int64_t keep_ms = 0) {
  return story.add(Op::cache_fill, "q", fmt::format("{} {} {} {}", lease, value, fresh_ms, keep_ms),
                   done ? "1" : "0");
}
Story& drop(Story& story, bool there = false) {
  return story.add(Op::cache_drop, "q", "", there ? "1" : "0");
}
Story& put(Story& story, std::string value) {
  return story.add(Op::cache_put, "q", std::move(value), "OK");
}

std::string said_of_caches(const Story& story, const CheckOptions& options = {}) {
  return check_caches(story.history, options).explanation;
}

CheckOptions calm() {
  CheckOptions options;
  options.clock_ppm = 0;
  options.late = milliseconds(10);
  options.calm_from = Instant();
  return options;
}

TEST(CheckCaches, AcceptsWhatMayBe) {
  Story story;
  get(story.at(10, 20), "l 5");
  get(story.at(15, 60), "v a", 100);
  get(story.at(25, 30), "");
  fill(story.at(50, 55), 5, "a", true, 100, 100);
  get(story.at(60, 62), "v a");
  get(story.at(170, 180), "l 9 a", 0, 100);
  get(story.at(175, 185), "v a", 0, 100);
  drop(story.at(190, 200));
  fill(story.at(205, 210), 9, "b", false);
  get(story.at(205, 215), "l 12");
  get(story.at(320, 330), "l 15");  // whoever had it has died
  put(story.at(335, 340), "c");
  fill(story.at(335, 345), 15, "d", false);
  get(story.at(341, 350), "v c");
  EXPECT_NO_OBJECTION(said_of_caches(story, calm()));
}

TEST(CheckCaches, AcceptsWhatMayHaveBeenVoided) {
  Story story;
  get(story.at(10, 20), "l 5");
  drop(story.at(15, 30)).but_unknown();
  get(story.at(40, 50), "l 8");
  fill(story.at(41, 52), 5, "a", true).but_unknown();
  fill(story.at(60, 70), 8, "b", true);
  EXPECT_NO_OBJECTION(said_of_caches(story));
}

TEST(CheckCaches, CatchesTwoLeasesAtOnce) {
  Story story;
  get(story.at(10, 20), "l 5");
  EXPECT_OBJECTION(said_of_caches(get(story.at(30, 40), "l 7")), "two leases were good at once");
  Story twice;
  get(twice.at(10, 20), "l 5");
  EXPECT_OBJECTION(said_of_caches(get(twice.at(130, 140), "l 5")), "told twice");
}

TEST(CheckCaches, CatchesWhatIsStoredUnderALeaseThatIsNoGood) {
  const auto after = [](auto change) {
    Story story;
    get(story.at(10, 20), "l 5");
    change(story.at(30, 40));
    fill(story.at(50, 60), 5, "a");
    return story;
  };
  EXPECT_OBJECTION(said_of_caches(after([](Story& story) { drop(story); })), "a change had voided");
  EXPECT_OBJECTION(said_of_caches(after([](Story& story) { put(story, "x"); })),
                   "a change had voided");
  EXPECT_OBJECTION(said_of_caches(after([](Story& story) { fill(story, 5, "y"); })),
                   "twice under one lease");
  EXPECT_OBJECTION(said_of_caches(after([](Story& story) { get(story, "l 6"); })),
                   "a later lease was out");
  EXPECT_NO_OBJECTION(said_of_caches(after([](Story& story) { drop(story).but_unknown(); })));
  Story foreign;
  EXPECT_OBJECTION(said_of_caches(fill(foreign.at(10, 20), 5, "a")), "nobody was told");
  Story late;
  get(late.at(10, 20), "l 5");
  fill(late.at(131, 140), 5, "a");
  EXPECT_NE(said_of_caches(late, calm()), "");
  EXPECT_NO_OBJECTION(said_of_caches(late));
}

TEST(CheckCaches, CatchesValuesThatAreNotWhatIsThere) {
  const auto filled = [] {
    Story story;
    get(story.at(10, 20), "l 5");
    fill(story.at(30, 40), 5, "a", true, 100, 50);
    return story;
  };
  Story dropped = filled();
  drop(dropped.at(50, 60), true);
  EXPECT_OBJECTION(said_of_caches(get(dropped.at(70, 80), "v a")), "out of date");
  Story kept = filled();
  put(kept.at(50, 60), "b");
  EXPECT_OBJECTION(said_of_caches(get(kept.at(70, 80), "l 9 a", 0, 1000)), "out of date");
  Story refused;
  get(refused.at(10, 20), "l 5");
  fill(refused.at(30, 40), 5, "a", false);
  EXPECT_OBJECTION(said_of_caches(get(refused.at(70, 80), "v a")), "nobody had stored");
  Story early = filled();
  EXPECT_OBJECTION(said_of_caches(get(early.at(20, 29), "v a")), "nobody had stored");
  Story stale = filled();
  get(stale.at(151, 160), "v a");
  EXPECT_NE(said_of_caches(stale, calm()), "");
  Story asked = filled();
  get(asked.at(151, 160), "v a", 0, 20);
  EXPECT_NO_OBJECTION(said_of_caches(asked, calm()));
  get(asked.at(201, 210), "v a", 0, 1000);
  EXPECT_NE(said_of_caches(asked, calm()), "");
}

TEST(CheckCaches, CatchesAWaiterThatIsForgotten) {
  Story story;
  get(story.at(10, 20), "l 5");
  get(story.at(25, 130), "", 100);
  fill(story.at(50, 60), 5, "a");
  EXPECT_NE(said_of_caches(story, calm()), "");
  EXPECT_NO_OBJECTION(said_of_caches(story));
  // What was given up before the calm does not come any more.
  Story before;
  drop(before.at(1, 2)).but_unknown();
  for (const Operation& operation : story.history) before.history.push_back(operation);
  CheckOptions later = calm();
  EXPECT_NO_OBJECTION(said_of_caches(before, later));
  later.calm_from = Instant() + milliseconds(5);
  EXPECT_NE(said_of_caches(before, later), "");
  Story gone = story;
  drop(gone.at(70, 80), true);
  EXPECT_NO_OBJECTION(said_of_caches(gone, calm()));
  Story shorter;
  get(shorter.at(10, 20), "l 5");
  get(shorter.at(25, 130), "", 30);
  fill(shorter.at(50, 60), 5, "a");
  EXPECT_NO_OBJECTION(said_of_caches(shorter, calm()));
}

}  // namespace
}  // namespace holdfast::workload

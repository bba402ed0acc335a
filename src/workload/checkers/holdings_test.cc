#include "workload/checkers/holdings.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

class Told : public Story {
 public:
  Told& when(std::int64_t call_ms, std::int64_t return_ms) {
    at(call_ms, return_ms);
    return *this;
  }
  // `token` 0: not granted. `terms`: how, permits, limit, delay.
  Told& take(const std::string& owner, const std::string& terms, std::int64_t token,
             std::int64_t fence, std::int64_t wait_ms = 0) {
    add(Op::take, "q", fmt::format("{} 100 {} {}", owner, wait_ms, terms),
        token == 0 ? "" : fmt::format("{} {} 100", token, fence));
    return *this;
  }
  Told& share(const std::string& owner, std::int64_t token, std::int64_t fence,
              std::int64_t wait_ms = 0) {
    return take(owner, "shared 1 0 0", token, fence, wait_ms);
  }
  Told& own(const std::string& owner, std::int64_t token, std::int64_t wait_ms = 0) {
    return take(owner, "exclusive 1 0 0", token, token, wait_ms);
  }
  Told& permits(const std::string& owner, std::int64_t count, std::int64_t limit,
                std::int64_t token) {
    return take(owner, fmt::format("permits {} {} 0", count, limit), token, token);
  }
  Told& keep(std::int64_t token, bool done = true) {
    add(Op::keep, "q", fmt::format("{} 100", token), done ? "100" : "");
    return *this;
  }
  Told& give_back(std::int64_t token, bool done = true) {
    add(Op::give_back, "q", fmt::format("{}", token), done ? "1" : "");
    return *this;
  }
  Told& confirm(std::int64_t token, bool held) {
    add(Op::confirm, "q", fmt::format("{}", token), held ? "1" : "0");
    return *this;
  }
  Told& force(std::int64_t count) {
    add(Op::force, "q", "", fmt::format("{}", count));
    return *this;
  }
  Told& limit(std::int64_t limit) {
    add(Op::set_limit, "q", fmt::format("{}", limit), "OK");
    return *this;
  }
  Told& look(const std::string& seen) {
    add(Op::look_on, "q", "", seen);
    return *this;
  }
};

// What the checker says, "" if nothing.
std::string said_of_holdings(const Story& story, bool calm = true) {
  CheckOptions options;
  options.clock_ppm = 0;
  options.answer_within = milliseconds(50);
  if (calm) options.calm_from = Instant();
  return check_holdings(story.history, options).explanation;
}

// ---- sharing

TEST(CheckHoldings, AcceptsALifeOfASharedLock) {
  Told story;
  story.when(10, 11).share("a", 5, 5).when(12, 13).share("b", 6, 5);
  story.when(14, 60).own("w", 9, 500).when(15, 15).look("0 w:7");
  story.when(16, 80).share("c", 11, 11, 500).when(17, 17).look("0 w:7 c:8");
  story.when(20, 21).keep(5).confirm(6, true).when(30, 31).give_back(5).when(58, 59).give_back(6);
  story.when(62, 63).confirm(6, false).keep(9).when(78, 79).give_back(9).when(81, 82).confirm(
      9, false);
  EXPECT_NO_OBJECTION(said_of_holdings(story));
}

TEST(CheckHoldings, CatchesAWriterBesideReaders) {
  EXPECT_OBJECTION(said_of_holdings(Told().when(10, 11).share("a", 5, 5).when(20, 21).own("w", 6)),
                   "held for sure");
  EXPECT_OBJECTION(said_of_holdings(Told().when(10, 11).own("w", 5).when(20, 21).share("a", 6, 6)),
                   "held for sure");
  EXPECT_NO_OBJECTION(
      said_of_holdings(Told().when(10, 11).share("a", 5, 5).when(110, 121).own("w", 6)));
}

TEST(CheckHoldings, CatchesTwoLeaders) {
  EXPECT_OBJECTION(said_of_holdings(Told()
                                        .when(10, 11)
                                        .take("a", "leads 1 0 0", 5, 5)
                                        .when(20, 21)
                                        .take("b", "leads 1 0 0", 6, 6)),
                   "held for sure");
}

TEST(CheckHoldings, CatchesFencesThatDiffer) {
  EXPECT_OBJECTION(
      said_of_holdings(Told().when(10, 11).share("a", 5, 5).when(20, 21).share("b", 6, 6)),
      "different fences");
  EXPECT_OBJECTION(
      said_of_holdings(Told().when(10, 11).share("a", 5, 5).when(20, 21).share("a", 5, 4)),
      "two fences");
  EXPECT_OBJECTION(said_of_holdings(Told().when(10, 11).take("a", "exclusive 1 0 0", 5, 4)),
                   "not that of its kind");
  EXPECT_OBJECTION(said_of_holdings(Told().when(10, 11).share("a", 5, 6)), "not that of its kind");
}

TEST(CheckHoldings, CatchesTokensThatGoBackOrAreGivenTwice) {
  EXPECT_OBJECTION(
      said_of_holdings(Told().when(10, 11).share("a", 5, 5).when(200, 201).own("w", 4)),
      "lower than one");
  EXPECT_OBJECTION(
      said_of_holdings(Told().when(10, 11).share("a", 5, 5).when(20, 21).share("b", 5, 5)),
      "the same token");
}

TEST(CheckHoldings, CatchesAReaderWhoOvertakesAWriter) {
  Told story;
  story.when(10, 11).share("a", 5, 5).when(12, 200).own("w", 12, 500);
  story.when(13, 60).share("r", 9, 5, 500).when(20, 21).look("0 w:7 r:8");
  EXPECT_OBJECTION(said_of_holdings(story), "granted first");
}

TEST(CheckHoldings, CatchesAWaiterWhoIsForgotten) {
  Told story;
  story.when(10, 11).share("a", 5, 5).when(12, 512).own("w", 0, 500).when(20, 21).give_back(5);
  EXPECT_OBJECTION(said_of_holdings(story), "the lock was free");
  // Where a holder asked for a delay nobody can say so.
  story.when(1, 2).take("d", "exclusive 1 0 50", 3, 3).when(3, 4).give_back(3);
  EXPECT_NO_OBJECTION(said_of_holdings(story));
}

// ---- what is no more

TEST(CheckHoldings, CatchesWhatWasGivenBackAndIsStillGood) {
  EXPECT_OBJECTION(
      said_of_holdings(
          Told().when(10, 11).own("a", 5).when(20, 21).give_back(5).when(22, 23).confirm(5, true)),
      "given back is still good");
  EXPECT_NO_OBJECTION(said_of_holdings(
      Told().when(10, 11).own("a", 5).when(20, 24).give_back(5).when(22, 23).confirm(5, true)));
}

TEST(CheckHoldings, CatchesWhatWasForcedAndIsStillGood) {
  EXPECT_OBJECTION(
      said_of_holdings(Told().when(10, 11).own("a", 5).when(20, 21).force(1).when(22, 23).keep(5)),
      "by force is still good");
  EXPECT_NO_OBJECTION(said_of_holdings(
      Told().when(10, 11).own("a", 5).when(20, 21).force(1).when(22, 23).own("b", 7).keep(5,
                                                                                          false)));
}

TEST(CheckHoldings, CatchesAHolderWhoIsRefused) {
  EXPECT_OBJECTION(
      said_of_holdings(Told().when(10, 11).share("a", 5, 5).when(20, 21).keep(5, false)),
      "refused before his end");
}

TEST(CheckHoldings, CatchesADelayThatIsNotKept) {
  const auto failed = [](std::int64_t next_ms) {
    Told story;
    story.when(10, 11).take("a", "exclusive 1 0 80", 5, 5);
    story.when(next_ms - 1, next_ms).own("b", 7);
    return story;
  };
  EXPECT_OBJECTION(said_of_holdings(failed(150)), "within the delay");
  EXPECT_NO_OBJECTION(said_of_holdings(failed(190)));
  Told released = failed(150);
  released.when(20, 21).give_back(5);
  EXPECT_NO_OBJECTION(said_of_holdings(released));
}

// ---- permits

TEST(CheckHoldings, CatchesMorePermitsThanTheLimit) {
  EXPECT_NO_OBJECTION(said_of_holdings(
      Told().when(10, 11).permits("a", 2, 3, 5).when(12, 13).permits("b", 1, 3, 6)));
  EXPECT_OBJECTION(
      said_of_holdings(
          Told().when(10, 11).permits("a", 2, 3, 5).when(12, 13).permits("b", 2, 3, 6)),
      "4 permits of at most 3");
  EXPECT_NO_OBJECTION(said_of_holdings(
      Told().when(10, 11).permits("a", 2, 3, 5).when(110, 113).permits("b", 2, 3, 6)));
}

TEST(CheckHoldings, KnowsThatALimitMayHaveBeenChanged) {
  Told raised;
  raised.when(10, 11)
      .permits("a", 2, 3, 5)
      .when(11, 12)
      .limit(4)
      .when(13, 14)
      .permits("b", 2, 4, 6);
  EXPECT_NO_OBJECTION(said_of_holdings(raised));
  Told lowered;
  lowered.when(10, 11).permits("a", 1, 3, 5).when(11, 12).limit(1);
  EXPECT_OBJECTION(said_of_holdings(Told(lowered).when(13, 14).permits("b", 1, 1, 6)),
                   "2 permits of at most 1");
  EXPECT_OBJECTION(said_of_holdings(Told(lowered).when(13, 14).permits("b", 1, 3, 6)),
                   "had been changed");
  EXPECT_NO_OBJECTION(said_of_holdings(Told(lowered).when(11, 14).permits("b", 1, 3, 6)));
}

}  // namespace
}  // namespace holdfast::workload

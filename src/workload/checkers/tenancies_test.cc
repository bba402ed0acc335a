#include "workload/checkers/tenancies.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

struct Tenancy : Story {
  Tenancy& at(std::int64_t call_ms, std::int64_t return_ms) {
    Story::at(call_ms, return_ms);
    return *this;
  }
  Tenancy& say(Op op, std::string arg, std::string ret) {
    add(op, "e", std::move(arg), std::move(ret));
    return *this;
  }
  Tenancy& open() { return say(Op::open_session, "100", "7"); }
  Tenancy& keep(std::string left = "100") { return say(Op::keep_session, "7 100", std::move(left)); }
  Tenancy& lost() { return keep(""); }
  Tenancy& attach() { return say(Op::attach_session, "7 100", "100"); }
  Tenancy& detach() { return say(Op::detach_session, "7", "1"); }
  Tenancy& bind() { return say(Op::bind_ephemeral, "7", "1"); }
  Tenancy& read(bool there) { return say(Op::read_ephemeral, "7", there ? "7" : ""); }
  Tenancy& close(bool done = true) { return say(Op::close_session, "7", done ? "1" : "0"); }
  Tenancy& unknown() { return but_unknown(), *this; }
  Tenancy& failed() { return but_failed(), *this; }
};

std::string said_of_tenancies(const Tenancy& story, Instant calm_from = Instant::never()) {
  CheckOptions options;
  options.clock_ppm = 0;
  options.calm_from = calm_from;
  options.answer_within = milliseconds(50);
  return check_tenancies(story.history, options).explanation;
}

Tenancy opened() { return Tenancy().at(0, 10).open(); }

TEST(CheckTenancies, CatchesOneThatEndsBeforeItsTime) {
  EXPECT_NO_OBJECTION(said_of_tenancies(opened().at(90, 101).lost()));
  EXPECT_OBJECTION(said_of_tenancies(opened().at(90, 99).lost()), "ended before its time");
  EXPECT_NO_OBJECTION(said_of_tenancies(opened().at(50, 60).keep().at(140, 151).lost()));
  EXPECT_OBJECTION(said_of_tenancies(opened().at(50, 60).keep().at(140, 149).lost()),
                   "ended before its time");
  // From the asking, not from the answer.
  EXPECT_NO_OBJECTION(said_of_tenancies(opened().at(50, 90).keep().at(150, 151).lost()));
  EXPECT_NO_OBJECTION(said_of_tenancies(opened().at(50, 60).keep().failed().at(100, 101).lost()));
  EXPECT_OBJECTION(said_of_tenancies(opened().at(20, 30).bind().at(50, 60).read(false)),
                   "ended before its time");
  EXPECT_OBJECTION(said_of_tenancies(opened().at(50, 60).close(false)), "ended before its time");
}

TEST(CheckTenancies, WhoClosesItEndsIt) {
  EXPECT_NO_OBJECTION(said_of_tenancies(
      opened().at(20, 30).bind().at(40, 50).close().at(60, 70).read(false).lost()));
  EXPECT_NO_OBJECTION(
      said_of_tenancies(opened().at(40, 50).close().unknown().at(60, 70).close(false)));
  EXPECT_OBJECTION(said_of_tenancies(opened().at(40, 50).close().failed().at(60, 70).lost()),
                   "before its time");
}

TEST(CheckTenancies, CatchesOneThatLivesAfterItsEnd) {
  EXPECT_OBJECTION(said_of_tenancies(opened().at(150, 160).lost().at(170, 180).keep()),
                   "told that it lives");
  EXPECT_OBJECTION(said_of_tenancies(opened().at(20, 30).close().at(40, 50).keep()),
                   "told that it lives");
  EXPECT_OBJECTION(
      said_of_tenancies(opened().at(20, 30).bind().at(150, 160).lost().at(170, 180).read(true)),
      "its key was there");
  EXPECT_OBJECTION(said_of_tenancies(opened().at(150, 160).lost().at(170, 180).bind()),
                   "bound to it");
  EXPECT_OBJECTION(said_of_tenancies(opened().at(20, 30).close().at(40, 50).close()),
                   "it was closed");
}

TEST(CheckTenancies, CatchesOneThatLivesLongAfterItsTimeInTheCalm) {
  const auto late = [](std::int64_t at) {
    return opened().at(20, 30).bind().at(40, 50).keep().at(at, at + 10).read(true);
  };
  const Instant calm{};
  EXPECT_NO_OBJECTION(said_of_tenancies(late(299), calm));
  EXPECT_NE(said_of_tenancies(late(301), calm).find("long after its time"), std::string::npos);
  EXPECT_NO_OBJECTION(said_of_tenancies(late(301))) << "not in the calm";
  EXPECT_NO_OBJECTION(said_of_tenancies(
      opened().at(20, 30).bind().at(40, 50).keep().unknown().at(900, 901).read(true), calm));
  EXPECT_NO_OBJECTION(said_of_tenancies(
      opened().at(20, 30).bind().at(40, 50).attach().at(900, 901).read(true), calm));
  EXPECT_NE(
      said_of_tenancies(
          opened().at(20, 30).bind().at(40, 50).attach().at(60, 70).detach().at(900, 901).read(
              true),
          calm)
          .find("long after its time"),
      std::string::npos);
}

TEST(CheckTenancies, CatchesAnAnswerThatPromisesTooMuch) {
  EXPECT_OBJECTION(said_of_tenancies(opened().at(20, 30).keep("101")), "too long");
}

TEST(CheckTenancies, NothingIsConcludedWithoutAnOpening) {
  EXPECT_NO_OBJECTION(said_of_tenancies(opened().unknown().at(20, 30).lost()));
}

}  // namespace
}  // namespace holdfast::workload

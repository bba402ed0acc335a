#include "workload/checkers/claims.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

// The sessions 7 and 8, each for 100 ms.
struct Claims : Story {
  Claims& at(std::int64_t call_ms, std::int64_t return_ms) {
    Story::at(call_ms, return_ms);
    return *this;
  }
  Claims& open(int id) { return say(Op::open_session, "e", "100", id); }
  Claims& keep(int id) { return add(Op::keep_session, "e", fmt::format("{} 100", id), "100"), *this; }
  Claims& lost(int id) { return add(Op::keep_session, "e", fmt::format("{} 100", id), ""), *this; }
  Claims& close(int id) { return add(Op::close_session, "e", fmt::format("{}", id), "1"), *this; }
  Claims& claim(int id, int token) {
    add(Op::claim, "y", fmt::format("{} e{} 0", id, id), token == 0 ? "" : fmt::format("{}", token));
    return *this;
  }
  Claims& held(int id, int token, bool yes) {
    return add(Op::claim_held, "y", fmt::format("{} {}", id, token), yes ? "1" : "0"), *this;
  }
  Claims& disclaim(int id, int token, bool done = true) {
    return add(Op::disclaim, "y", fmt::format("{} {}", id, token), done ? "1" : ""), *this;
  }
  Claims& unknown() { return but_unknown(), *this; }

 private:
  Claims& say(Op op, std::string key, std::string arg, int ret) {
    return add(op, std::move(key), std::move(arg), fmt::format("{}", ret)), *this;
  }
};

Claims two_opened() { return Claims().at(0, 1).open(7).open(8).at(2, 3).claim(7, 20); }

std::string said_of_claims(const Claims& story) {
  CheckOptions options;
  options.clock_ppm = 0;
  return check_claims(story.history, options).explanation;
}

TEST(CheckClaims, NobodyElseIsGrantedItWhileTheSessionLives) {
  constexpr auto kText = "was granted to another while the session that held it lived";
  EXPECT_NO_OBJECTION(said_of_claims(two_opened().at(40, 50).claim(8, 0)));
  EXPECT_OBJECTION(said_of_claims(two_opened().at(40, 50).claim(8, 21)), kText);
  EXPECT_NO_OBJECTION(said_of_claims(two_opened().at(40, 101).claim(8, 21)));
  EXPECT_OBJECTION(said_of_claims(two_opened().at(40, 41).keep(7).at(90, 139).claim(8, 21)), kText);
  EXPECT_NO_OBJECTION(
      said_of_claims(two_opened().at(40, 41).keep(7).unknown().at(90, 139).claim(8, 21)));
  EXPECT_NO_OBJECTION(
      said_of_claims(two_opened().at(40, 41).disclaim(7, 20).at(90, 95).claim(8, 21)));
  EXPECT_NO_OBJECTION(
      said_of_claims(two_opened().at(40, 41).disclaim(7, 20).unknown().at(90, 95).claim(8, 21)));
  EXPECT_NO_OBJECTION(
      said_of_claims(two_opened().at(40, 41).close(7).unknown().at(90, 95).claim(8, 21)));
  EXPECT_NO_OBJECTION(said_of_claims(two_opened().at(40, 50).claim(7, 20))) << "a repeat";
  // Whoever lived longest counts, not the last one.
  Claims story = two_opened().at(60, 61).keep(7).at(40, 161).claim(8, 21);
  EXPECT_OBJECTION(said_of_claims(story.at(0, 1).open(9).at(90, 150).claim(9, 22)), kText);
}

TEST(CheckClaims, NothingIsLostWhileTheSessionLives) {
  constexpr auto kText = "was lost while the session that held it lived";
  EXPECT_NO_OBJECTION(said_of_claims(two_opened().at(40, 50).held(7, 20, true)));
  EXPECT_OBJECTION(said_of_claims(two_opened().at(40, 50).held(7, 20, false)), kText);
  EXPECT_OBJECTION(said_of_claims(two_opened().at(40, 50).disclaim(7, 20, false)), kText);
  EXPECT_NO_OBJECTION(said_of_claims(two_opened().at(40, 101).held(7, 20, false)));
  EXPECT_NO_OBJECTION(
      said_of_claims(two_opened().at(30, 31).disclaim(7, 20).at(40, 50).held(7, 20, false)));
  EXPECT_NO_OBJECTION(said_of_claims(
      two_opened().at(30, 31).disclaim(7, 20).unknown().at(40, 50).disclaim(7, 20, false)));
  EXPECT_NO_OBJECTION(
      said_of_claims(two_opened().at(30, 31).close(7).at(40, 50).held(7, 20, false)));
}

TEST(CheckClaims, NothingIsHeldByASessionThatHasEnded) {
  EXPECT_OBJECTION(said_of_claims(two_opened().at(150, 151).lost(7).at(152, 153).held(7, 20, true)),
                   "is held by a session that has ended");
  EXPECT_NO_OBJECTION(
      said_of_claims(two_opened().at(150, 160).lost(7).at(152, 153).held(7, 20, true)));
  EXPECT_OBJECTION(said_of_claims(two_opened().at(40, 41).close(7).at(42, 43).held(7, 20, true)),
                   "is held by a session that has ended");
  EXPECT_OBJECTION(said_of_claims(two_opened().at(40, 41).close(8).at(42, 143).claim(8, 21)),
                   "was granted to a session that had ended");
  EXPECT_NO_OBJECTION(said_of_claims(two_opened().at(40, 41).close(8).at(42, 43).claim(8, 0)));
}

}  // namespace
}  // namespace holdfast::workload

#include "workload/activity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast::workload {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

resp::Reply refusal(std::string text) {
  resp::Reply reply;
  reply.kind = resp::Reply::Kind::error;
  reply.text = std::move(text);
  return reply;
}

constexpr std::string_view kOvertaken =
    "NOLEADER the leader changed before this command was done, and a later command of this "
    "connection was done meanwhile; this one was not done. Try again";

// The journal of a client that asked for one thing and got this answer.
Journal answered(Op op, const resp::Reply& reply, History& history) {
  Journal journal(0, history);
  Operation operation;
  operation.op = op;
  operation.key = "r1";
  journal.settle(journal.begin(operation), {meaning_of(reply), &reply, Instant{}}, read_ok);
  return journal;
}

TEST(Journal, ObjectsToAWriteThatALaterCommandHasOvertaken) {
  History history;
  const Journal journal = answered(Op::write, refusal(std::string(kOvertaken)), history);
  EXPECT_THAT(journal.problems(), ElementsAre(HasSubstr("write r1  was answered by the error")));
  EXPECT_EQ(history[0].ended, Ended::failed);
}

TEST(Journal, AReadMayBeOvertakenWhenTheLeaderChanges) {
  History history;
  const Journal journal = answered(Op::read, refusal(std::string(kOvertaken)), history);
  EXPECT_THAT(journal.problems(), IsEmpty());
}

TEST(Journal, AWriteMayBeRefusedForOtherReasons) {
  History history;
  const Journal journal =
      answered(Op::write, refusal("NOLEADER no leader was reachable for 2000 ms"), history);
  EXPECT_THAT(journal.problems(), IsEmpty());
  EXPECT_EQ(history[0].ended, Ended::failed);
}

}  // namespace
}  // namespace holdfast::workload

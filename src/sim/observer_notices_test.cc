#include "sim/observer_notices.h"

#include <gtest/gtest.h>

#include "commands/context.h"

namespace holdfast::sim {
namespace {

using keyspace::Notice;
using keyspace::NoticeKind;

Notice notice(NoticeKind kind, std::string name, std::uint64_t token) {
  Notice made;
  made.kind = kind;
  made.name = std::move(name);
  made.owner = "me";
  made.token = token;
  return made;
}
Notice granted(std::string name, std::uint64_t token) {
  return notice(NoticeKind::granted, std::move(name), token);
}
Notice lost(std::string name, std::uint64_t token) {
  return notice(NoticeKind::lost, std::move(name), token);
}

class NoticesStage : public testing::Test {
 protected:
  void tell(MachineId machine, std::uint64_t index, std::vector<Notice> notices,
            std::uint64_t process = 1) {
    rule.noticed(machine, process, {Index(index), {}, std::move(notices)}, Instant{1}, problems);
  }
  std::size_t objections() const { return problems.all().size(); }

  NoticesAgree rule;
  Problems problems;
};

TEST_F(NoticesStage, AcceptsNodesThatTellTheSameInTheirTime) {
  for (const MachineId machine : {1, 2}) {
    tell(machine, 3, {granted("a", 7)});
    tell(machine, 5, {lost("a", 7), granted("a", 8)});
  }
  tell(3, 5, {lost("a", 7), granted("a", 8)});  // it began behind a snapshot
  tell(1, 3, {granted("a", 7)}, 2);             // started again, it applies its log again
  tell(1, 5, {lost("a", 7), granted("a", 8)}, 2);
  rule.missed(2);
  tell(2, 9, {lost("a", 8)});
  EXPECT_EQ(objections(), 0u);
}

TEST_F(NoticesStage, ObjectsToAnotherStory) {
  tell(1, 3, {granted("a", 7)});
  tell(2, 3, {granted("a", 8)});
  ASSERT_EQ(objections(), 1u);
  EXPECT_EQ(problems.all()[0].rule, NoticesAgree::kName);
}

TEST_F(NoticesStage, ObjectsToAGapThatShowsLater) {
  tell(1, 3, {granted("a", 7)});
  tell(1, 4, {lost("a", 7)});
  tell(1, 5, {granted("b", 9)});
  tell(2, 3, {granted("a", 7)});
  tell(2, 5, {granted("b", 9)});
  EXPECT_EQ(objections(), 1u);
}

TEST_F(NoticesStage, ObjectsToAGapThatShowedBefore) {
  tell(1, 3, {granted("a", 7)});
  tell(1, 5, {granted("b", 9)});
  tell(2, 4, {lost("c", 2)});
  EXPECT_EQ(objections(), 1u);
}

TEST_F(NoticesStage, ObjectsToAnEntryToldTwice) {
  tell(1, 3, {granted("a", 7)});
  tell(1, 3, {granted("a", 7)});
  EXPECT_GE(objections(), 1u);
}

TEST_F(NoticesStage, ObjectsToAGrantThatBeginsOrEndsTwice) {
  tell(1, 3, {granted("a", 7)});
  tell(1, 4, {granted("a", 7)});
  EXPECT_EQ(objections(), 1u);
  tell(1, 5, {lost("a", 7)});
  tell(1, 6, {lost("a", 7)});
  EXPECT_EQ(objections(), 2u);
}

TEST_F(NoticesStage, ObjectsToAnEndThatNobodyWasToldOf) {
  keyspace::Keyspace data{1};
  const keyspace::Key door = commands::key_of("door");
  keyspace::AcquireRequest request;
  request.owner = "me";
  request.ttl_ms = 1000;
  const auto got = data.locks().acquire(door, request, ClusterTime{1}, Index(1));
  tell(2, 9, {granted("door", got.grant.token)});
  const Memory memory(3);
  Sight sight;
  sight.machine = 2;
  sight.data = &data;
  const Look look{.now = sight, .thorough = true};
  rule.see(look, memory, problems);
  EXPECT_EQ(objections(), 0u);
  data.locks().release(door, got.grant.token, ClusterTime{2});
  rule.see(look, memory, problems);
  EXPECT_EQ(objections(), 1u);
}

}  // namespace
}  // namespace holdfast::sim

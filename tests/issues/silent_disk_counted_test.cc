// A follower whose disk takes nothing at all cannot write its promise to a new leader, and so says
// nothing to it, not even that its disk is full. The leader counted it among those with room: with
// another one full beside it, it took writes that no majority could have, and their clients waited for
// an answer that did not come. Found by the simulator (full disks, a leader that handed over).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

struct SilentDiskCounted : Stage {
  Accepted submitted(const std::vector<std::string_view>& words, bool write) {
    std::string record;
    encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests}, words, record);
    return replica->submit(record, write, Epoch{});
  }
};

TEST_F(SilentDiskCounted, WritesAreRefusedWhereOneIsFullAndAnotherSilent) {
  open();
  full = {NodeId(2)};
  absent = {NodeId(3)};
  run_for(seconds(1));
  ASSERT_EQ(replica->role(), consensus::Role::leader) << "who is full answers";
  EXPECT_EQ(submitted({"SET", "k", "v"}, true), Accepted::no_space);
  EXPECT_EQ(submitted({"GET", "k"}, false), Accepted::yes);
}

TEST_F(SilentDiskCounted, OrAnotherRecovers) {
  open();
  full = {NodeId(2)};
  recovering = {NodeId(3)};
  run_for(seconds(1));
  ASSERT_EQ(replica->role(), consensus::Role::leader);
  EXPECT_EQ(submitted({"SET", "k", "v"}, true), Accepted::no_space);
}

TEST_F(SilentDiskCounted, OneThatIsSilentAloneIsNoReason) {
  open();
  absent = {NodeId(3)};
  run_for(seconds(1));
  EXPECT_EQ(submitted({"SET", "k", "v"}, true), Accepted::yes);
}

TEST_F(SilentDiskCounted, NorIsOneThatIsFullAndOneThatIsHeardAgain) {
  open();
  full = {NodeId(2)};
  absent = {NodeId(3)};
  run_for(seconds(1));
  absent = {};
  run_for(milliseconds(200));
  EXPECT_EQ(submitted({"SET", "k", "v"}, true), Accepted::yes);
}

}  // namespace
}  // namespace holdfast::replica

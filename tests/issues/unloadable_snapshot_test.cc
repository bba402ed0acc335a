// A snapshot whose checksums were right and whose state could not be loaded ended the process, and every
// process after it: it had its name by then, and was the newest.

#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

using UnloadableSnapshot = Stage;

TEST_F(UnloadableSnapshot, LeavesTheStateAsItIs) {
  silent_peers = true;
  start();
  const Epoch epoch{3, NodeId(2)};
  hear(epoch, {1000});
  ASSERT_EQ(replica->leader(), NodeId(2));
  const std::string nonsense = snapshot_of(Index(50), epoch, {1000}, "no part of a state");
  EXPECT_FALSE(replica->try_snapshot(Index(50), nonsense).ok()) << "before it gets its name";
  take_snapshot(Index(50), nonsense);
  EXPECT_EQ(replica->applied(), Index());

  const std::string good = snapshot_of(Index(60), epoch, {1000}, empty_state());
  const auto loaded = replica->try_snapshot(Index(60), good);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  take_snapshot(Index(60), good);
  EXPECT_EQ(replica->applied(), Index(60));
}

}  // namespace
}  // namespace holdfast::replica

// A lock of the C++ client that was lost in the very moment in which its thread began was given back by its
// callback before the thread had a name to be let go of by, and the program ended.

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "client/keeper.h"
#include "client/scripted_world.h"
#include "client/shared.h"

namespace holdfast::client {
namespace {

// Its time is over when its thread begins.
void lose_at_once() {
  ScriptedCluster cluster({"a:1"});
  Held granted{7, 7, Tenure(seconds(6))};
  granted.tenure.confirm(cluster.world->now(), seconds(6));
  std::mutex mutex;
  std::condition_variable changed;
  bool lost = false;
  std::shared_ptr<Keeper> keeper;
  keeper = std::make_shared<Keeper>(cluster.shared(), std::make_unique<Link>(cluster.shared()),
                                    Wanted{.name = "door", .owner = "me", .ttl = seconds(6)}, granted,
                                    [&](std::string_view) {
                                      static_cast<void>(keeper->release());
                                      const std::lock_guard guard(mutex);
                                      lost = true;
                                      changed.notify_all();
                                    });
  cluster.world->expect("a:1", "LOCK.RELEASE door 7", "-LOST long ago");
  cluster.world->pass(seconds(7));
  ASSERT_EQ(keeper->start(), "");
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return lost; });
}

TEST(ThreadYetUnnamed, MayBeLetGoOfByItsFirstStep) {
  for (int round = 0; round < 2000; ++round) lose_at_once();
}

}  // namespace
}  // namespace holdfast::client

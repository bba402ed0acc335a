// Counts what the three nodes of a cluster allocate for each more command of a pipeline: nothing, once
// they are warm. What a turn allocates (a write to the disk, a message) is shared by its commands, so the
// same number of batches is sent twice, the second time with more commands in each; only those are
// counted. The simulated wires and disks are in the count: some batches they deliver in more pieces, and
// so it is not quite nothing.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "counted_new.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

class Ignores final : public HostObserver {
 public:
  void on_turn(MachineId) override {}
  void on_death(MachineId, const std::string&) override {}
};

class Allocations : public testing::Test {
 protected:
  enum class Keys { known, fresh };
  // Of all three nodes, for one command. One that allocates anything on one node only has 1.
  static constexpr double kNothing = 0.2;

  static WorldOptions options() {
    WorldOptions options;
    options.segment_bytes = 64 << 20;  // neither a new segment nor a snapshot while they are counted
    options.snapshot_after_bytes = 1 << 30;
    return options;
  }

  void SetUp() override {
    for (MachineId id = 1; id <= world.nodes(); ++id) world.host(id).start();
    while (world.leader() == 0) world.run_until(world.now() + milliseconds(10));
    client = std::make_unique<RawClient>(world.schedule(), world.network(), kFirstClient);
    client->dial(world.host(world.leader()).address());
    while (!client->connected()) world.schedule().step();
  }

  // Allocations while so many batches of so many commands are answered, one after the other. `command`
  // has a %d for the number of a key: in each batch the same, or always another.
  std::uint64_t of(const std::string& command, Keys keys, int batches, int commands) {
    std::uint64_t sum = 0;
    for (int i = 0; i < batches; ++i) {
      std::string batch;
      for (int k = 0; k < commands; ++k) {
        std::string one = command;
        one.replace(one.find("%d"), 2, std::to_string(keys == Keys::fresh ? ++last_key_ : 1'000'000 + k));
        batch += one + "\r\n";
      }
      const std::uint64_t before = allocations();
      client->ask(batch, commands);
      sum += allocations() - before;
    }
    return sum;
  }

  double for_each_more(const std::string& command, Keys keys) {
    constexpr int kBatches = 60;
    constexpr int kFew = 100;
    constexpr int kMany = 500;
    of(command, keys, kBatches, kMany);  // buffers have grown to what they need
    const auto few = static_cast<double>(of(command, keys, kBatches, kFew));
    const auto many = static_cast<double>(of(command, keys, kBatches, kMany));
    return (many - few) / (kBatches * (kMany - kFew));
  }

  Ignores observer;
  NoTrace trace;
  World world{options(), observer, [this](MachineId) -> Trace& { return trace; }};
  std::unique_ptr<RawClient> client;

 private:
  std::uint64_t last_key_ = 2'000'000;
};

TEST_F(Allocations, AValueThatReplacesAnotherCostsNone) {
  EXPECT_LT(for_each_more("SET key:%d xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Keys::known), kNothing);
}

TEST_F(Allocations, ACounterCostsNone) {
  EXPECT_LT(for_each_more("INCR count:%d", Keys::known), kNothing);
}

TEST_F(Allocations, AReadCostsNone) {
  for_each_more("SET key:%d xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Keys::known);
  EXPECT_LT(for_each_more("GET key:%d", Keys::known), kNothing);
}

TEST_F(Allocations, AKeyThatIsNewCostsOneOnEachNodeAndNowAndThenAPlaceInATable) {
  const double each = for_each_more("SET key:%d xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Keys::fresh);
  EXPECT_GT(each, 3 - kNothing) << "this much is seen at least";
  EXPECT_LT(each, 3 * 1.5);
}

}  // namespace
}  // namespace holdfast::sim

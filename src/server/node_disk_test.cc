#include "server/node_disk.h"

#include <gtest/gtest.h>

#include <optional>

#include "env/clock.h"
#include "storage/test_disk.h"

namespace holdfast::server {
namespace {

class StillClock final : public env::Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall() const override { return {}; }

  Instant now_ = Instant{} + seconds(1);
};

class NodeDiskTest : public ::testing::Test {
 protected:
  void fail_all_with(const Error& error) {
    real_.fault = [error](const env::DiskOperation&) { return std::optional(error); };
  }

  void submit(env::Lane lane, std::vector<env::DiskOperation> operations) {
    disk_.submit(lane, {std::move(operations), [this](Result<void> result) {
                          told_.push_back(result ? "done" : result.error().message);
                        }});
    real_.run_all();
  }

  storage::TestDisk real_;
  StillClock clock_;
  std::vector<std::string> failed_;
  std::vector<std::string> told_;
  NodeDisk disk_{real_, clock_, [this](const std::string& what) { failed_.push_back(what); }};
};

TEST_F(NodeDiskTest, TheFirstFailureIsTheLastThingThatHappens) {
  submit(env::Lane::background, {env::WriteFile{"a", 0, {}}, env::SyncFile{"a"}});
  EXPECT_EQ(told_, std::vector<std::string>{"done"});
  fail_all_with({"input/output error"});
  submit(env::Lane::background, {env::WriteFile{"snapshot", 0, {}}});
  real_.fault = nullptr;
  submit(env::Lane::log, {env::SyncFile{"a"}});
  EXPECT_EQ(failed_, std::vector<std::string>{"input/output error"});
  EXPECT_EQ(told_.size(), 1U) << "nothing is heard after a failure";
}

TEST_F(NodeDiskTest, AFullDiskIsToldToWhoOrdered) {
  fail_all_with({"no space left", true});
  submit(env::Lane::background, {env::CreateFile{"a", 100}});
  EXPECT_EQ(told_, std::vector<std::string>{"no space left"});
  EXPECT_TRUE(failed_.empty());
}

TEST_F(NodeDiskTest, AFailedReadIsToldToWhoOrdered) {
  std::string out;
  fail_all_with({"input/output error"});
  submit(env::Lane::background, {env::ReadFile{"a", 0, 10, &out}});
  EXPECT_EQ(told_, std::vector<std::string>{"input/output error"});
  EXPECT_TRUE(failed_.empty());
}

TEST_F(NodeDiskTest, ARemovalWithoutListenerEndsTheNodeToo) {
  fail_all_with({"input/output error"});
  disk_.submit(env::Lane::background, {{env::RemoveFile{"a"}}, nullptr});
  real_.run_all();
  EXPECT_EQ(failed_.size(), 1U);
}

TEST_F(NodeDiskTest, SyncsOfTheLogAreTimed) {
  disk_.submit(env::Lane::log, {{env::WriteFile{"a", 0, {}}, env::SyncFile{"a"}}, nullptr});
  clock_.now_ = clock_.now_ + milliseconds(3);
  real_.run_all();
  EXPECT_EQ(disk_.log_syncs().count(), 1U);
}

}  // namespace
}  // namespace holdfast::server

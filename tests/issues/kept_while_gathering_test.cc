// Writes gather while the log syncs, and reads that came in with them wait as well. A KEEP among them
// was not counted as one that waits to be confirmed: the end of its session was proposed behind it,
// though it had come in time. Found by reading, when gathering was broken on purpose.
#include <gtest/gtest.h>

#include "keyspace/session.h"
#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

struct KeptWhileGathering : Stage {
  void send_in(const std::vector<std::string_view>& words, bool write) {
    std::string record;
    encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests}, words, record);
    ASSERT_EQ(replica->submit(record, write, Epoch{}), Accepted::yes);
  }
  // A turn in which nothing comes from the disk and the peers.
  void quiet_turn(Duration later) {
    clock.at = clock.at + later;
    replica->end_turn(clock.at);
  }
  bool lives(std::uint64_t id) const {
    return std::as_const(*replica).keyspace().sessions().lives(id);
  }
};

TEST_F(KeptWhileGathering, WhatCameInTimeIsReadBeforeItsSessionEnds) {
  open();
  outcomes.clear();
  write({"SESSION.OPEN", "TTL", "1000"});
  const std::uint64_t id = std::strtoull(outcomes.c_str() + 1, nullptr, 10);
  const auto session = std::as_const(*replica).keyspace().sessions().info(id);
  ASSERT_TRUE(session.has_value()) << outcomes;
  const std::int64_t due = session->opened.ms + 1000;
  run_for(milliseconds(700));
  write({"SET", "a", "1"});  // so that the next one's stamp has hardly anything to make up for
  // The last millisecond in which it can be kept, and the most of that.
  while (replica->status().cluster_time.ms < due) turn(clock.at + microseconds(50));
  ASSERT_EQ(replica->status().cluster_time.ms, due);
  run_for(microseconds(700));

  send_in({"SET", "b", "1"}, true);
  quiet_turn({});
  const std::string word = fmt::to_string(id);
  send_in({"SET", "c", "1"}, true);
  send_in({"SESSION.KEEP", word}, false);
  quiet_turn(microseconds(100));
  ASSERT_EQ(replica->status().cluster_time.ms, due) << "it came in time";
  quiet_turn(microseconds(450));
  ASSERT_GT(replica->status().cluster_time.ms, due);
  outcomes.clear();
  quiet_turn(microseconds(20));
  run_for(milliseconds(500));
  EXPECT_TRUE(lives(id));
  EXPECT_EQ(outcomes.find('-'), std::string::npos) << outcomes;
}

}  // namespace
}  // namespace holdfast::replica

// A follower on a full disk queued whatever its leader sent it. The promise to the next leader came behind
// that, and was never written: such a node could not vote, nor follow whom the others had elected. Found
// while looking for why a leader heard nothing of a full disk (silent_disk_counted_test.cc).
#include <gtest/gtest.h>

#include <string>

#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

using consensus::Entry;
using consensus::EntryKind;

struct FullDiskVotes : Stage {
  FullDiskVotes() { segment_bytes = 64 << 10; }

  Message from(NodeId node, MessageKind kind, Epoch epoch) {
    Message message;
    message.kind = kind;
    message.from = node;
    message.to = NodeId(1);
    message.epoch = epoch;
    return message;
  }
  // What node 2 appends where it believes this log to end: nothing comes of it here.
  void hear_entries(int count, std::size_t bytes) {
    Message append = from(NodeId(2), MessageKind::append, first_);
    append.index = Index(told_);
    append.index_epoch = told_ == 0 ? Epoch() : first_;
    for (int i = 0; i < count; ++i) {
      Entry entry;
      entry.index = Index(++told_);
      entry.epoch = first_;
      entry.kind = EntryKind::batch;
      BatchWriter batch;
      batch.add(std::string(bytes, 'x'));  // never applied
      entry.payload = SharedBytes(batch.finish({.stamp = {1'700'000'000'000}}));
      entry.content = content_checksum(GroupId(), entry.index, entry.kind, entry.payload.view());
      append.entries.push_back(std::move(entry));
    }
    replica->receive(std::move(append), {});
    turn(clock.at);
  }

  const Epoch first_{1, NodeId(2)};
  std::uint64_t told_ = 0;
};

TEST_F(FullDiskVotes, WhateverItsLeaderSentItBefore) {
  start();
  disk.capacity = 0;  // for any other file
  hear(first_, {});
  for (int i = 0; i < 100; ++i) hear_entries(10, 1000);
  ASSERT_FALSE(replica->has_room());
  EXPECT_GT(replica->protocol().log().last(), Index(20)) << "as long as there was room it took them";

  Message request = from(NodeId(3), MessageKind::vote_request, Epoch{2, NodeId(3)});
  request.index = Index(told_);
  request.index_epoch = first_;
  request.transfer = true;
  request.hint_epoch = first_;
  replica->receive(std::move(request), {});
  run_for(milliseconds(50));
  EXPECT_EQ(chosen, std::vector{NodeId(3)});
}

}  // namespace
}  // namespace holdfast::replica

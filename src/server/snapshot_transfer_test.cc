// Snapshots between two nodes: sender and receiver on disks of their own, with a wire between them that
// the test may cut, reorder and look at. Row 32 of the known scenarios.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "server/client_test_tools.h"
#include "server/snapshot_receiver.h"
#include "server/snapshot_sender.h"
#include "storage/test_disk.h"

namespace holdfast::server {
namespace {

using storage::SnapshotFile;
using storage::TestDisk;
using testing::FakeStream;

constexpr NodeId kSender{2};
constexpr GroupId kGroup{0};
constexpr std::uint64_t kIndex = 7;

struct NoOwner final : PeerLink::Owner {
  void on_frame(PeerLink&, Frame) override {}
  void on_turned_away(PeerLink&, std::string_view) override {}
  void on_link_closed(PeerLink&, std::string_view) override {}
};

class Transfers : public ::testing::Test {
 protected:
  Transfers() {
    start_sender();
    start_receiver();
  }

  // ---- Both sides; each may end and begin again.
  void start_sender() {
    told_back_.clear();
    sender_.emplace(sender_disk_, sent_traffic_, trace_,
                    [this](GroupId, bool delivered) { reported_.push_back(delivered); });
  }
  void start_receiver() {
    wire_.clear();
    receiver_.emplace(
        receiver_disk_, received_traffic_, trace_,
        [this](GroupId, Index, std::string_view content) -> Result<std::shared_ptr<void>> {
          ++tries_;
          if (content.find(unloadable_) != std::string_view::npos) return Error{"nobody understands it"};
          return std::shared_ptr<void>(held_ = std::make_shared<int>(0));
        },
        [this](GroupId, Index index, std::string content) {
          EXPECT_EQ(held_.use_count(), 2) << "what was loaded is there until now";
          arrived_.emplace_back(index.value, std::move(content));
        },
        [this](NodeId, FrameKind kind, const std::string& body) {
          told_back_.push_back({kind, SharedBytes(body)});
        });
  }
  // The connection breaks: what is on the way is gone, and both notice.
  void cut() {
    wire_.clear();
    told_back_.clear();
    sender_->on_link_lost();
    receiver_->on_link_lost(kSender);
  }

  // ---- Snapshots of the sender
  SnapshotFile make(std::uint64_t index, char filling, std::size_t chunks = 40) {
    storage::SnapshotHeader header;
    header.group = kGroup;
    header.mark.index = Index(index);
    header.mark.epoch = {3, kSender};
    header.wall.ms = filling;
    storage::SnapshotWriter writer(sender_disk_, header);
    for (std::size_t i = 0; i < chunks; ++i) writer.add_chunk(std::string(100'000, filling));
    writer.finish([](Result<void> written) { EXPECT_TRUE(written.ok()); });
    sender_disk_.run_all();
    return {writer.name(), Index(index), writer.bytes()};
  }
  void want(const SnapshotFile& file) { sender_->start({kGroup, file, nullptr}); }

  // ---- Time goes on, a millisecond at a turn
  void turn() {
    now_ = now_ + milliseconds(1);
    sender_disk_.run_all();
    sender_->on_turn_end(link_.get(), now_);
    take_from_sender();
    while (!wire_.empty()) {
      const Frame frame = std::move(wire_.front());
      wire_.pop_front();
      deliver(frame);
    }
    receiver_disk_.run_all();
    receiver_->on_turn_end(now_);
    while (!told_back_.empty()) {
      const Frame frame = std::move(told_back_.front());
      told_back_.pop_front();
      const std::string_view body = frame.body.view();
      if (const auto progress = decode_snapshot_progress(body)) sender_->on_progress(*progress);
      if (const auto result = decode_snapshot_result(body)) sender_->on_result(*result);
    }
  }
  void take_from_sender() {
    FrameDecoder decoder;
    decoder.set_limit(kLargestFrame);
    decoder.feed(stream_.take());
    while (auto frame = decoder.next()) {
      if (frame->kind == FrameKind::snapshot_chunk) {
        chunks_.push_back(decode_snapshot_chunk(frame->body.view())->offset);
      }
      if (on_the_way_) on_the_way_(*frame);
      wire_.push_back(*std::move(frame));
    }
  }
  void deliver(const Frame& frame) {
    const std::string_view body = frame.body.view();
    if (frame.kind == FrameKind::snapshot_begin) {
      receiver_->on_begin(kSender, *decode_snapshot_begin(body));
    } else if (frame.kind == FrameKind::snapshot_end) {
      receiver_->on_end(kSender, *decode_snapshot_end(body));
    } else {
      receiver_->on_chunk(
          kSender, *decode_snapshot_chunk(body),
          frame.body.part(kSnapshotChunkHeader, body.size() - kSnapshotChunkHeader));
    }
  }
  // Until the transfer has ended, or for at most so many turns.
  bool run(int turns = 5'000) {
    for (int i = 0; i < turns && reported_.empty(); ++i) turn();
    return !reported_.empty() && reported_.front();
  }
  void run_until_received(std::uint64_t bytes) {
    for (int i = 0; i < 5'000 && received_traffic_.received_bytes < bytes; ++i) turn();
    ASSERT_GE(received_traffic_.received_bytes, bytes);
    ASSERT_TRUE(reported_.empty());
  }

  std::string content_of(const SnapshotFile& file) { return sender_disk_.content(file.name); }
  // The receiver's disk holds this snapshot and nothing else.
  void expect_stored(const SnapshotFile& file) {
    EXPECT_EQ(receiver_disk_.files(), std::vector{file.name});
    EXPECT_EQ(receiver_disk_.content(file.name), content_of(file));
    ASSERT_FALSE(arrived_.empty());
    EXPECT_EQ(arrived_.back().second, content_of(file));
  }
  void flip(const SnapshotFile& file, std::uint64_t offset) {
    std::string bytes = content_of(file);
    bytes[offset] = static_cast<char>(bytes[offset] ^ 4);
    sender_disk_.put(file.name, bytes);
  }

  TestDisk sender_disk_;
  TestDisk receiver_disk_;
  NoTrace trace_;
  Instant now_{seconds(50).ns};
  SnapshotTraffic sent_traffic_;
  SnapshotTraffic received_traffic_;
  std::optional<SnapshotSender> sender_;
  std::optional<SnapshotReceiver> receiver_;
  PeerKeys keys_;
  NoOwner owner_;
  FakeStream stream_{"127.0.0.1:1"};
  std::shared_ptr<PeerLink> link_ = PeerLink::accept(stream_, keys_, owner_);
  std::deque<Frame> wire_;       // sent and not yet arrived
  std::deque<Frame> told_back_;  // the other way
  std::function<void(const Frame&)> on_the_way_;
  std::vector<std::uint64_t> chunks_;  // offsets of all that were sent
  std::string unloadable_ = "none has this in it";
  int tries_ = 0;
  std::shared_ptr<int> held_;
  std::vector<bool> reported_;
  std::vector<std::pair<std::uint64_t, std::string>> arrived_;
};

TEST_F(Transfers, ASnapshotArrivesAsItIs) {
  const SnapshotFile file = make(kIndex, 'a');
  want(file);
  ASSERT_TRUE(run());
  expect_stored(file);
  EXPECT_EQ(arrived_.size(), 1U);
  EXPECT_EQ(sent_traffic_.sent_bytes, file.size);
  EXPECT_EQ(received_traffic_.received_bytes, file.size);
  EXPECT_EQ(received_traffic_.resumed, 0U);
}

TEST_F(Transfers, NoMoreThanTheWindowIsOnTheWay) {
  want(make(kIndex, 'a', 100));
  // The receiver's disk hangs.
  for (int i = 0; i < 200; ++i) {
    now_ = now_ + milliseconds(1);
    sender_disk_.run_all();
    sender_->on_turn_end(link_.get(), now_);
    take_from_sender();
    while (!wire_.empty()) {
      deliver(wire_.front());
      wire_.pop_front();
    }
    while (!told_back_.empty()) {
      const auto progress = decode_snapshot_progress(told_back_.front().body.view());
      if (progress) sender_->on_progress(*progress);
      told_back_.pop_front();
    }
  }
  EXPECT_EQ(sent_traffic_.sent_bytes, kSnapshotWindow);
  ASSERT_TRUE(run()) << "and it goes on when the disk does";
}

TEST_F(Transfers, AllTogetherGoNoFasterThanTheThrottle) {
  constexpr std::uint64_t kRate = 2 << 20;
  sent_traffic_.throttle.set_rate(kRate);
  const SnapshotFile file = make(kIndex, 'a', 100);
  const Instant began = now_;
  SnapshotSender other(sender_disk_, sent_traffic_, trace_, [](GroupId, bool) {});
  other.start({kGroup, file, nullptr});
  want(file);
  FakeStream stream("127.0.0.1:2");
  const auto link = PeerLink::accept(stream, keys_, owner_);
  std::uint64_t told = 0;
  while (reported_.empty()) {
    turn();
    other.on_turn_end(link.get(), now_);
    // This receiver takes everything at once.
    if (stream.sends > 0) other.on_progress({1, told, std::exchange(told, file.size) == 0});
    ASSERT_LT(now_ - began, seconds(60));
  }
  const double passed = static_cast<double>((now_ - began).ms()) / 1000;
  const auto bytes = static_cast<double>(sent_traffic_.sent_bytes);
  EXPECT_LE(bytes, static_cast<double>(kRate) * (passed + 0.2) + 2 * kSnapshotChunk);
  EXPECT_GE(bytes, static_cast<double>(kRate) * passed * 0.9);
}

TEST_F(Transfers, WhereALinkBreaksItGoesOn) {
  const SnapshotFile file = make(kIndex, 'a');
  want(file);
  for (int breaks = 1; breaks <= 3; ++breaks) {
    run_until_received(file.size / 5 * static_cast<std::uint64_t>(breaks));
    cut();
    turn();
    EXPECT_EQ(std::exchange(reported_, {}), std::vector{false});
    want(file);
  }
  ASSERT_TRUE(run());
  expect_stored(file);
  EXPECT_EQ(received_traffic_.resumed, 3U);
  EXPECT_EQ(received_traffic_.received_bytes, file.size) << "nothing came twice";
  EXPECT_LE(sent_traffic_.sent_bytes, file.size + 3 * kSnapshotWindow);
}

// logcabin#174: a receiver that was restarted in the middle of a stream must neither end at the next
// chunk nor begin at nothing for ever.
TEST_F(Transfers, row32_receiver_restarts_mid_stream) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    receiver_disk_.load({});
    arrived_.clear();
    reported_.clear();
    received_traffic_ = SnapshotTraffic();
    start_sender();
    start_receiver();
    Prng prng(seed);
    const SnapshotFile file = make(kIndex + seed, 'a');
    want(file);
    run_until_received(file.size / 2);
    if (seed % 2 == 0) {
      receiver_disk_.crash(prng);  // its machine has lost its power
    } else {
      receiver_disk_.run_all();  // its process was killed
    }
    const std::uint64_t had = received_traffic_.received_bytes;
    start_receiver();
    sender_->on_link_lost();
    turn();
    reported_.clear();
    want(file);
    ASSERT_TRUE(run());
    expect_stored(file);
    if (seed % 2 == 0) continue;
    EXPECT_EQ(received_traffic_.resumed, 1U);
    EXPECT_LE(received_traffic_.received_bytes - had, file.size - had + 200'000)
        << "all whole chunks were used";
  }
}

TEST_F(Transfers, row32_sender_restarts_mid_stream) {
  const SnapshotFile file = make(kIndex, 'a');
  want(file);
  run_until_received(file.size / 2);
  start_sender();
  receiver_->on_link_lost(kSender);
  turn();
  want(file);
  ASSERT_TRUE(run());
  expect_stored(file);
  EXPECT_EQ(received_traffic_.resumed, 1U);
  EXPECT_EQ(received_traffic_.received_bytes, file.size);
}

// RedisLabs/raft#162: what failed at its end is not kept as if it were whole, and not gone on with.
TEST_F(Transfers, row32_last_chunk_fails_to_load) {
  const SnapshotFile file = make(kIndex, 'a');
  const std::uint64_t in_last_chunk = file.size - storage::kSnapshotTrailerBytes - 10;
  flip(file, in_last_chunk);
  want(file);
  EXPECT_FALSE(run());
  ASSERT_EQ(reported_.size(), 1U);
  EXPECT_TRUE(arrived_.empty());
  EXPECT_TRUE(receiver_disk_.files().empty());

  flip(file, in_last_chunk);
  reported_.clear();
  want(file);
  ASSERT_TRUE(run());
  expect_stored(file);
  EXPECT_EQ(received_traffic_.resumed, 0U);
}

// Checksums say that it is what its maker wrote; not that it makes sense here.
TEST_F(Transfers, OneThatCannotBeLoadedGetsNoNameAndIsNotTakenAgainForAWhile) {
  unloadable_ = "aaaa";
  const SnapshotFile file = make(kIndex, 'a');
  want(file);
  EXPECT_FALSE(run());
  EXPECT_EQ(reported_, std::vector{false});
  EXPECT_EQ(tries_, 1);
  EXPECT_TRUE(arrived_.empty());
  EXPECT_TRUE(receiver_disk_.files().empty());

  const std::uint64_t received = received_traffic_.received_bytes;
  now_ = now_ + kUnloadableFor / 2;
  reported_.clear();
  want(file);
  EXPECT_FALSE(run());
  EXPECT_EQ(received_traffic_.received_bytes, received) << "not one byte of it travels again";

  reported_.clear();
  const SnapshotFile another = make(kIndex + 1, 'b');
  want(another);
  ASSERT_TRUE(run());
  expect_stored(another);

  now_ = now_ + kUnloadableFor;
  turn();
  unloadable_ = "cccc";  // a newer build
  reported_.clear();
  want(file);
  EXPECT_TRUE(run());
}

TEST_F(Transfers, row32_last_chunk_fails_to_be_written) {
  const SnapshotFile file = make(kIndex, 'a');
  receiver_disk_.fault = [&](const env::DiskOperation& operation) -> std::optional<Error> {
    const auto* write = std::get_if<env::WriteFile>(&operation);
    if (write == nullptr || write->offset + kSnapshotChunk < file.size) return std::nullopt;
    return Error{"no space left"};
  };
  want(file);
  EXPECT_FALSE(run());
  EXPECT_TRUE(arrived_.empty());
  EXPECT_TRUE(receiver_disk_.files().empty());
  // It is not tried again at the speed of the loop (openraft#1719).
  reported_.clear();
  const std::uint64_t sent = sent_traffic_.sent_bytes;
  want(file);
  for (int i = 0; i < 400; ++i) turn();
  EXPECT_EQ(sent_traffic_.sent_bytes, sent);
  receiver_disk_.fault = nullptr;
  ASSERT_TRUE(run());
  expect_stored(file);
}

// camunda#10180: a chunk out of its place neither ends the transfer nor begins it again.
TEST_F(Transfers, row32_out_of_order_chunk) {
  const SnapshotFile file = make(kIndex, 'a');
  want(file);
  int swapped = 0;
  std::optional<Frame> late;
  on_the_way_ = [&](const Frame& frame) {
    if (frame.kind != FrameKind::snapshot_chunk || swapped >= 3) return;
    if (late) {
      wire_.push_back(frame);  // … and comes again behind the one that it has passed
      wire_.push_back(*std::exchange(late, std::nullopt));
      ++swapped;
    } else if (chunks_.size() % 4 == 2) {
      late = frame;
    }
  };
  // Held back means: not delivered in its place.
  for (int i = 0; i < 5'000 && reported_.empty(); ++i) {
    if (late && !wire_.empty()) wire_.pop_back();
    turn();
  }
  ASSERT_EQ(reported_, std::vector{true});
  EXPECT_EQ(swapped, 3);
  expect_stored(file);
  EXPECT_EQ(received_traffic_.received_bytes, file.size);
}

TEST_F(Transfers, WhatIsLostOnTheWayIsAskedForOnce) {
  const SnapshotFile file = make(kIndex, 'a');
  want(file);
  run_until_received(file.size / 4);
  const std::uint64_t has = received_traffic_.received_bytes;
  // One is missing, those behind it are there.
  const std::string bytes = content_of(file);
  for (int i = 1; i <= 3; ++i) {
    receiver_->on_chunk(kSender, {1, has + static_cast<std::uint64_t>(i) * 1000},
                        SharedBytes(std::string(1000, 'x')));
  }
  ASSERT_EQ(told_back_.size(), 1U);
  const auto asked = decode_snapshot_progress(told_back_.front().body.view());
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->offset, has);
  EXPECT_TRUE(asked->from_here);
  ASSERT_TRUE(run());
  expect_stored(file);
}

// openraft#1719: the newer one is sent instead, and nothing of the older one gets into it.
TEST_F(Transfers, row32_newer_snapshot_replaces_the_one_in_flight) {
  const SnapshotFile older = make(kIndex, 'a');
  const SnapshotFile newer = make(kIndex + 1, 'b');
  want(older);
  run_until_received(older.size / 2);
  // The end of the older one is still on the way when the newer one begins.
  sender_disk_.run_all();
  sender_->on_turn_end(link_.get(), now_);
  take_from_sender();
  want(newer);
  ASSERT_TRUE(run());
  expect_stored(newer);
  EXPECT_EQ(arrived_.size(), 1U);
  EXPECT_EQ(received_traffic_.resumed, 0U);
}

TEST_F(Transfers, AnotherSnapshotOfTheSameIndexBeginsAtItsBeginning) {
  const SnapshotFile one = make(kIndex, 'a');
  want(one);
  run_until_received(one.size / 2);
  cut();
  turn();
  reported_.clear();
  // Another node leads now, and its own snapshot differs in what no entry says.
  const SnapshotFile other = make(kIndex, 'b');
  ASSERT_EQ(other.size, one.size);
  ASSERT_EQ(other.name, one.name);
  want(other);
  ASSERT_TRUE(run());
  expect_stored(other);
  EXPECT_EQ(received_traffic_.resumed, 0U);
}

// Wherever the power fails while the last of it is stored: nothing, a part, or all of it is there.
TEST_F(Transfers, AfterACrashAtAnyLineTheNextAttemptSucceeds) {
  const SnapshotFile file = make(kIndex, 'a', 4);
  for (std::uint64_t operations = 0; operations < 12; ++operations) {
    receiver_disk_.load({});
    arrived_.clear();
    reported_.clear();
    start_sender();
    start_receiver();
    receiver_disk_.power_until = receiver_disk_.operations + operations;
    want(file);
    for (int i = 0; i < 50; ++i) turn();
    Prng prng(operations);
    receiver_disk_.crash(prng);
    if (receiver_disk_.has(file.name)) {
      EXPECT_EQ(receiver_disk_.content(file.name), content_of(file)) << operations;
    }
    start_receiver();
    start_sender();
    reported_.clear();
    want(file);
    ASSERT_TRUE(run()) << operations;
    expect_stored(file);
  }
}

TEST_F(Transfers, APartIsNotKeptForEver) {
  const SnapshotFile file = make(kIndex, 'a');
  want(file);
  run_until_received(file.size / 2);
  cut();
  turn();
  EXPECT_EQ(receiver_disk_.files().size(), 1U);
  start_receiver();  // nor what a start finds
  turn();
  EXPECT_EQ(receiver_->wake_at(), now_ + kPartKept);
  now_ = now_ + kPartKept;
  turn();
  receiver_disk_.run_all();
  EXPECT_TRUE(receiver_disk_.files().empty());
  EXPECT_EQ(receiver_->wake_at(), Instant::never());
}

TEST_F(Transfers, WhatMakesNoSenseEndsNothing) {
  const SnapshotFile file = make(kIndex, 'a');
  storage::SnapshotIdentity huge;
  huge.size = kSnapshotBytesMax + 1;
  receiver_->on_begin(kSender, {1, huge});
  ASSERT_EQ(told_back_.size(), 1U);
  EXPECT_FALSE(decode_snapshot_result(told_back_.front().body.view())->delivered);
  receiver_->on_chunk(kSender, {9, 0}, SharedBytes(std::string("x")));
  receiver_->on_end(kSender, 9);
  sender_->on_progress({1, 5, true});
  told_back_.clear();
  want(file);
  run_until_received(file.size / 2);
  sender_->on_progress({1, file.size + 1, true});
  sender_->on_progress({1, UINT64_MAX, false});
  ASSERT_TRUE(run());
  expect_stored(file);
}

TEST_F(Transfers, WithoutAFileThereIsNothingToSend) {
  want({});
  EXPECT_FALSE(run());
  EXPECT_EQ(reported_.size(), 1U);
  want({"snapshot-gone", Index(3), 100});
  reported_.clear();
  EXPECT_FALSE(run());
  EXPECT_EQ(reported_.size(), 1U);
}

}  // namespace
}  // namespace holdfast::server

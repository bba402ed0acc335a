// A link between nodes on a wire that changes what it carries.
#include "server/peer_link.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/client_test_tools.h"

namespace holdfast::server {
namespace {

using testing::FakeStream;

const PeerKeys no_keys;

struct Listener final : PeerLink::Owner {
  void on_frame(PeerLink&, Frame frame) override { frames.push_back(std::move(frame)); }
  void on_turned_away(PeerLink&, std::string_view) override {}
  void on_link_closed(PeerLink&, std::string_view reason) override { closed = reason; }

  std::vector<Frame> frames;
  std::string closed;
};

// Hands out one stream for each dial, and keeps who dialled.
struct FakeNetwork final : env::Network {
  Result<std::unique_ptr<env::Listener>> listen(const env::Address&, env::AcceptHandler) override {
    return Error{"nobody listens here"};
  }
  env::Stream& connect(const env::Address&, std::shared_ptr<env::StreamHandler> handler) override {
    handlers.push_back(std::move(handler));
    return *streams.emplace_back(std::make_unique<FakeStream>("127.0.0.1:17379"));
  }

  std::vector<std::shared_ptr<env::StreamHandler>> handlers;
  std::vector<std::unique_ptr<FakeStream>> streams;
};

struct Events final : OutgoingLane::Events {
  bool on_welcome(const Hello&) override { return true; }
  void on_lane_up(PeerLane) override { told += "up "; }
  void on_lane_down(PeerLane, std::string_view) override { told += "down "; }
  void on_refused(PeerLane, std::string_view reason) override {
    told += "refused ";
    refusal = reason;
  }

  std::string told;
  std::string refusal;
};

std::string sent_by(PeerLink& link, FakeStream& stream, std::size_t size) {
  const SharedBytes shared(std::string(size, 'a'));
  link.send(FrameKind::message, "head", {shared.part(0, 3), shared, SharedBytes("tail")});
  link.send(FrameKind::snapshot_chunk, "head", shared);
  link.send(FrameKind::ping, {});
  return stream.take();
}

TEST(PeerLink, FramesOfSharedPartsArriveAsSent) {
  for (const std::size_t size : {10UL, 5000UL, 300'000UL}) {
    Listener owner;
    FakeStream stream("127.0.0.1:1");
    const auto link = PeerLink::accept(stream, no_keys, owner);
    const std::string bytes = sent_by(*link, stream, size);

    Listener other;
    FakeStream back("127.0.0.1:2");
    const auto receiving = PeerLink::accept(back, no_keys, other);
    receiving->on_bytes(make_frame(FrameKind::hello, encode_hello({})));
    other.frames.clear();
    receiving->allow_frames(kLargestFrame);
    receiving->on_bytes(bytes);
    ASSERT_EQ(other.frames.size(), 3U) << other.closed;
    EXPECT_EQ(other.frames[0].body.view(), "headaaa" + std::string(size, 'a') + "tail");
    EXPECT_EQ(other.frames[1].body.view(), "head" + std::string(size, 'a'));
    EXPECT_TRUE(other.frames[2].body.empty());
  }
}

TEST(PeerLink, ADamagedByteClosesTheLinkWithTheReason) {
  Listener sender;
  FakeStream out("127.0.0.1:1");
  std::string bytes = sent_by(*PeerLink::accept(out, no_keys, sender), out, 2000);
  bytes[1500] ^= 4;

  Listener owner;
  FakeStream stream("127.0.0.1:2");
  const auto link = PeerLink::accept(stream, no_keys, owner);
  link->on_bytes(make_frame(FrameKind::hello, encode_hello({})));
  owner.frames.clear();
  link->allow_frames(kLargestFrame);
  link->on_bytes(bytes);
  EXPECT_TRUE(owner.frames.empty());
  EXPECT_NE(owner.closed.find("fails its checksum"), std::string::npos) << owner.closed;
  EXPECT_TRUE(link->damaged());
  EXPECT_TRUE(stream.closed);
  EXPECT_NE(stream.take().find("fails its checksum"), std::string::npos)
      << "the other side is told";
}

// The dialler hears why its link was cut, tells its owner that it is down, and dials again.
TEST(PeerLink, ALaneThatWasCutForDamageIsDialledAgain) {
  FakeNetwork network;
  Events events;
  OutgoingLane lane({.address = {"127.0.0.1", 17379},
                     .hello = {},
                     .first_pause = milliseconds(100),
                     .longest_pause = milliseconds(1000),
                     .greeting_timeout = seconds(3)},
                    no_keys, network, events);
  const Instant start{1'000'000'000};
  lane.on_turn_end(start);
  ASSERT_EQ(network.handlers.size(), 1U);
  const auto first = network.handlers[0];
  first->on_connected();
  first->on_bytes(make_frame(FrameKind::welcome, encode_hello({})));
  ASSERT_NE(lane.link(), nullptr);

  first->on_bytes(make_frame(FrameKind::refused, encode_refusal("a frame fails its checksum")));
  EXPECT_EQ(lane.link(), nullptr);
  EXPECT_EQ(events.told, "up refused down ");
  EXPECT_EQ(events.refusal, "a frame fails its checksum");
  lane.on_turn_end(start + milliseconds(1));
  EXPECT_EQ(network.handlers.size(), 1U);
  lane.on_turn_end(start + milliseconds(101));
  EXPECT_EQ(network.handlers.size(), 2U);
}

}  // namespace
}  // namespace holdfast::server

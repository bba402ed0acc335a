#include "server/peer_frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/codec.h"
#include "base/prng.h"

namespace holdfast::server {
namespace {

std::vector<Frame> decode_in_pieces(FrameDecoder& decoder, std::string_view bytes,
                                    std::size_t piece) {
  std::vector<Frame> frames;
  while (!bytes.empty()) {
    decoder.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (auto frame = decoder.next()) frames.push_back(*std::move(frame));
  }
  return frames;
}

TEST(PeerFrame, ArrivesWholeHoweverItIsCut) {
  const std::string large(20'000, 'x');
  const std::string bytes = make_frame(FrameKind::ping, "") +
                            make_frame(FrameKind::message, large) +
                            make_frame(FrameKind::forward, "abc") + make_frame(FrameKind::ping, "");
  for (const std::size_t piece : {1UL, 2UL, 3UL, 5UL, 7UL, 1000UL, 20'040UL, 1'000'000UL}) {
    FrameDecoder decoder;
    decoder.set_limit(kSmallFrame);
    const auto frames = decode_in_pieces(decoder, bytes, piece);
    ASSERT_EQ(frames.size(), 4U) << piece;
    EXPECT_EQ(frames[0].kind, FrameKind::ping);
    EXPECT_TRUE(frames[0].body.empty());
    EXPECT_EQ(frames[1].body.view(), large);
    EXPECT_EQ(frames[2].body.view(), "abc");
    EXPECT_EQ(frames[3].kind, FrameKind::ping);
    EXPECT_EQ(decoder.error(), "");
    EXPECT_EQ(decoder.buffered(), 0U);
  }
}

TEST(PeerFrame, ALengthIsBoundedBeforeItIsUsed) {
  FrameDecoder decoder;
  const std::string bytes = frame_header(FrameKind::ping, kSmallFrame, 0);
  decoder.feed(bytes);
  EXPECT_FALSE(decoder.next());
  EXPECT_NE(decoder.error().find("65549 bytes"), std::string::npos) << decoder.error();
  decoder.feed(make_frame(FrameKind::ping, ""));
  EXPECT_FALSE(decoder.next()) << "an error is final";

  FrameDecoder large;
  large.set_limit(kLargestFrame);
  large.feed(bytes);
  EXPECT_FALSE(large.next());
  EXPECT_EQ(large.error(), "");
  EXPECT_LT(large.buffered(), 100U) << "memory follows what came";
}

TEST(PeerFrame, UnknownKindsAreErrors) {
  for (const int kind : {0, 99}) {
    FrameDecoder decoder;
    decoder.feed(make_frame(static_cast<FrameKind>(kind), "body"));
    EXPECT_FALSE(decoder.next());
    EXPECT_EQ(decoder.error(), "a frame of the unknown kind " + std::to_string(kind));
  }
}

// One flipped bit, wherever it is, ends the stream there: no frame behind it, none changed, and no
// waiting for the bytes that a damaged length announces.
TEST(PeerFrame, NoFlippedBitGetsThrough) {
  const std::string first = make_frame(FrameKind::ping, "");
  const std::string second = make_frame(FrameKind::forward, "a command of a client");
  const std::string good = first + second + make_frame(FrameKind::outcome, "+OK");
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    FrameDecoder decoder;
    decoder.set_limit(kLargestFrame);
    const auto frames = decode_in_pieces(decoder, bytes, 1 + bit % 50);
    const std::size_t whole = bit / 8 < first.size()                   ? 0U
                              : bit / 8 < first.size() + second.size() ? 1U
                                                                       : 2U;
    ASSERT_EQ(frames.size(), whole) << bit;
    ASSERT_NE(decoder.error().find("fails its checksum"), std::string::npos) << bit;
  }
}

TEST(PeerFrame, ABodyDoesNotPassUnderAnotherKind) {
  std::string bytes = make_frame(FrameKind::snapshot_end, "12345678");
  const std::string other = make_frame(FrameKind::forward, "12345678");
  bytes[kFrameLength] = other[kFrameLength];
  FrameDecoder decoder;
  decoder.feed(bytes);
  EXPECT_FALSE(decoder.next());
  EXPECT_NE(decoder.error(), "");
}

TEST(PeerFrame, GarbageNeverCrashes) {
  Prng prng(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (std::uint64_t i = prng.below(200); i > 0; --i) {
      bytes += static_cast<char>(prng.below(prng.chance_ppm(500'000) ? 16 : 256));
    }
    FrameDecoder decoder;
    decode_in_pieces(decoder, bytes, 1 + prng.below(20));
    static_cast<void>(decode_hello(bytes));
    static_cast<void>(decode_forward(bytes));
    static_cast<void>(decode_outcome(bytes));
    static_cast<void>(decode_snapshot_begin(bytes));
    static_cast<void>(decode_snapshot_progress(bytes));
    static_cast<void>(decode_published(bytes));
    static_cast<void>(decode_snapshot_chunk(bytes));
    static_cast<void>(decode_snapshot_end(bytes));
    static_cast<void>(decode_snapshot_result(bytes));
    static_cast<void>(decode_digest_report(bytes));
    static_cast<void>(decode_rebuild_order(bytes));
    static_cast<void>(decode_snapshot_request(bytes));
  }
}

TEST(PeerFrame, GreetingsSurviveTheTrip) {
  const Hello hello{PeerLane::data, 1, NodeId(2),           3, Incarnation(4), NodeId(5), {},
                    6,              "a.example:17379", 7, Incarnation(8), 9};
  const auto back = decode_hello(encode_hello(hello));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, hello);
}

TEST(PeerFrame, AnAddressThatNoListHoldsIsLeftOutOfAGreeting) {
  Hello hello;
  hello.peer_address = std::string(kGreetedAddress, 'a');
  EXPECT_EQ(decode_hello(encode_hello(hello))->peer_address, hello.peer_address);
  EXPECT_LT(encode_hello(hello).size() + kFrameHeader + sizeof(Nonce), kGreetingFrame);
  hello.peer_address += 'a';
  EXPECT_EQ(decode_hello(encode_hello(hello))->peer_address, "");
}

TEST(PeerFrame, ANewerVersionIsRefusedClearly) {
  std::string body = encode_hello({});
  body[8] = 7;
  body += "whatever a newer version adds";
  const auto refused = decode_hello(body);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(
      refused.error().message,
      "version 7 of the peer protocol is newer than the 6 spoken here; upgrade the older node");
  body[8] = 4;
  EXPECT_NE(decode_hello(body).error().message.find("older than the 6 spoken"), std::string::npos);
}

TEST(PeerFrame, SomethingElseIsToldApart) {
  const auto refused = decode_hello("GET / HTTP/1.1\r\n\r\n");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("not a Holdfast node"), std::string::npos);
  std::string body = encode_hello({});
  body[10] = 9;
  EXPECT_FALSE(decode_hello(body).ok()) << "no such lane";
  EXPECT_FALSE(decode_hello(encode_hello({}) + "x").ok());
  EXPECT_FALSE(decode_hello(std::string_view(body).substr(0, 20)).ok());
}

TEST(PeerFrame, ARefusalStaysOneLine) {
  EXPECT_EQ(decode_refusal("a\r\nb\x1b[0m"), "a??b?[0m");
  EXPECT_EQ(decode_refusal(std::string(5000, 'a')).size(), 1000U);
}

TEST(PeerFrame, BodiesSurviveTheTrip) {
  const auto forward_body = encode_forward({true, Epoch{7, NodeId(2)}, "record"});
  const auto forward = decode_forward(forward_body);
  ASSERT_TRUE(forward);
  EXPECT_TRUE(forward->write);
  EXPECT_EQ(forward->under, (Epoch{7, NodeId(2)}));
  EXPECT_EQ(forward->record, "record");
  EXPECT_FALSE(decode_forward(encode_forward({false, {}, ""})));

  const Origin origin{NodeId(1), Incarnation(2), ConnectionId(3), 4};
  const auto outcome_body =
      encode_outcome({origin, replica::Verdict::blocked, Index(9), "+OK\r\n"});
  const auto outcome = decode_outcome(outcome_body);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->origin, origin);
  EXPECT_EQ(outcome->verdict, replica::Verdict::blocked);
  EXPECT_EQ(outcome->index, Index(9));
  EXPECT_EQ(outcome->reply, "+OK\r\n");

  const storage::SnapshotIdentity snapshot{GroupId(2), Index(3), {4, NodeId(5)}, 6, 7};
  const auto begin = decode_snapshot_begin(encode_snapshot_begin({1, snapshot}));
  ASSERT_TRUE(begin);
  EXPECT_EQ(begin->transfer, 1U);
  EXPECT_EQ(begin->snapshot, snapshot);
  const auto progress = decode_snapshot_progress(encode_snapshot_progress({1, 2, true}));
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->offset, 2U);
  EXPECT_TRUE(progress->from_here);
  const std::string chunk = encode_snapshot_chunk({1, 2});
  EXPECT_EQ(chunk.size(), kSnapshotChunkHeader);
  EXPECT_EQ(decode_snapshot_chunk(chunk + "bytes")->offset, 2U);
  EXPECT_TRUE(decode_snapshot_result(encode_snapshot_result({1, true}))->delivered);
  EXPECT_EQ(decode_snapshot_end(encode_snapshot_end(8)), 8U);

  const auto digest = decode_digest_report(encode_digest_report({GroupId(1), Index(2), 3}));
  ASSERT_TRUE(digest);
  EXPECT_EQ(digest->index, Index(2));
  EXPECT_EQ(digest->hash, 3U);
  const auto order =
      decode_rebuild_order(encode_rebuild_order({GroupId(1), Epoch{2, NodeId(3)}, Index(4)}));
  ASSERT_TRUE(order);
  EXPECT_EQ(order->under, (Epoch{2, NodeId(3)}));
  EXPECT_EQ(order->index, Index(4));
  const auto wish = decode_snapshot_request(encode_snapshot_request({GroupId(1), Index(2)}));
  ASSERT_TRUE(wish);
  EXPECT_EQ(wish->at_least, Index(2));
}

}  // namespace
}  // namespace holdfast::server

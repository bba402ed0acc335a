#include "consensus/message_codec.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "consensus/testing/printing.h"

namespace holdfast::consensus {
namespace {

Message sample(MessageKind kind) {
  Message message;
  message.kind = kind;
  message.group = GroupId(7);
  message.from = NodeId(300);
  message.to = NodeId(2);
  message.epoch = {70000, NodeId(300)};
  message.index = Index(1234567);
  message.index_epoch = {69999, NodeId(5)};
  message.commit = Index(1234000);
  message.refused = true;
  const bool heartbeat = kind == MessageKind::heartbeat || kind == MessageKind::heartbeat_reply;
  heartbeat ? void(message.lease_ms = 240) : void(message.hint = Index(99));
  message.hint_epoch = {3, NodeId(1)};
  message.transfer = true;
  message.leads_last = true;
  message.read_round = 1ULL << 40;
  return message;
}

Entry entry_of(std::uint64_t index, EntryKind kind, std::string payload) {
  Entry result;
  result.index = Index(index);
  result.epoch = {70000, NodeId(300)};
  result.kind = kind;
  result.content = content_checksum(GroupId(7), result.index, kind, payload);
  result.payload = SharedBytes(std::move(payload));
  return result;
}

Message with_entries() {
  Message message = sample(MessageKind::append);
  message.entries = {entry_of(1234568, EntryKind::noop, ""),
                     entry_of(1234569, EntryKind::batch, std::string(1000, 'x')),
                     entry_of(1234570, EntryKind::batch, "y")};
  return message;
}

std::string bytes_of(const Message& message) {
  std::vector<SharedBytes> parts;
  encode_message(message, parts);
  std::string all;
  for (const SharedBytes& part : parts) all += part.view();
  return all;
}

void expect_same(const Message& a, const Message& b) {
  EXPECT_EQ(testing::to_text(a), testing::to_text(b));
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.group, b.group);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.index, b.index);
  EXPECT_EQ(a.index_epoch, b.index_epoch);
  EXPECT_EQ(a.commit, b.commit);
  EXPECT_EQ(a.refused, b.refused);
  EXPECT_EQ(a.hint, b.hint);
  EXPECT_EQ(a.hint_epoch, b.hint_epoch);
  EXPECT_EQ(a.transfer, b.transfer);
  EXPECT_EQ(a.leads_last, b.leads_last);
  EXPECT_EQ(a.read_round, b.read_round);
  EXPECT_EQ(a.lease_ms, b.lease_ms);
  ASSERT_EQ(a.entries.size(), b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    EXPECT_EQ(a.entries[i].index, b.entries[i].index);
    EXPECT_EQ(a.entries[i].epoch, b.entries[i].epoch);
    EXPECT_EQ(a.entries[i].kind, b.entries[i].kind);
    EXPECT_EQ(a.entries[i].content, b.entries[i].content);
    EXPECT_EQ(a.entries[i].payload.view(), b.entries[i].payload.view());
  }
}

TEST(MessageCodec, every_kind_comes_back) {
  for (int kind = 1; kind <= 10; ++kind) {
    const Message message = sample(static_cast<MessageKind>(kind));
    const auto decoded = decode_message(SharedBytes(bytes_of(message)));
    ASSERT_TRUE(decoded) << decoded.error().message;
    expect_same(*decoded, message);
  }
}

TEST(MessageCodec, entries_come_back_and_share_the_buffer) {
  const Message message = with_entries();
  const SharedBytes bytes(bytes_of(message));
  const auto decoded = decode_message(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  expect_same(*decoded, message);
  const char* payload = decoded->entries[1].payload.view().data();
  EXPECT_GE(payload, bytes.view().data());
  EXPECT_LT(payload, bytes.view().data() + bytes.size());
}

TEST(MessageCodec, payloads_are_sent_as_they_are) {
  const Message message = with_entries();
  std::vector<SharedBytes> parts;
  encode_message(message, parts);
  ASSERT_EQ(parts.size(), 3u) << "the head, and the two payloads that are not empty";
  EXPECT_EQ(parts[1].view().data(), message.entries[1].payload.view().data());
}

TEST(MessageCodec, entries_without_an_append_start_where_they_say) {
  Message message = sample(MessageKind::vote_reply);
  message.entries = {entry_of(5, EntryKind::batch, "a"), entry_of(6, EntryKind::batch, "b")};
  const auto decoded = decode_message(SharedBytes(bytes_of(message)));
  ASSERT_TRUE(decoded) << decoded.error().message;
  expect_same(*decoded, message);
}

TEST(MessageCodec, an_absurd_lease_is_refused) {
  // In the place of the hint, which other kinds have there.
  Message message = sample(MessageKind::append_reply);
  message.hint = Index(std::uint64_t{1} << 32);
  std::string bytes = bytes_of(message);
  ASSERT_TRUE(decode_message(SharedBytes(std::string(bytes))));
  bytes[12] = static_cast<char>(MessageKind::heartbeat_reply);
  const std::uint64_t sum = checksum(std::string_view(bytes).substr(12), kMessageHeadSeed);
  for (int i = 0; i < 8; ++i) bytes[4 + i] = static_cast<char>(sum >> (8 * i));
  EXPECT_FALSE(decode_message(SharedBytes(std::move(bytes))));
}

TEST(MessageCodec, an_append_with_a_hole_is_refused) {
  Message message = with_entries();
  message.index = Index(1);
  EXPECT_FALSE(decode_message(SharedBytes(bytes_of(message))));
}

TEST(MessageCodec, an_entry_of_another_group_is_refused) {
  Message message = with_entries();
  message.group = GroupId(8);
  const auto decoded = decode_message(SharedBytes(bytes_of(message)));
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message.find("checksum"), std::string::npos);
}

TEST(MessageCodec, whatever_is_cut_or_added_is_refused) {
  const std::string bytes = bytes_of(with_entries());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_message(SharedBytes(bytes.substr(0, size)))) << size;
  }
  EXPECT_FALSE(decode_message(SharedBytes(bytes + "x")));
}

TEST(MessageCodec, every_flipped_bit_is_found) {
  const std::string bytes = bytes_of(with_entries());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = bytes;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(decode_message(SharedBytes(std::move(bad)))) << i;
    }
  }
}

TEST(MessageCodec, the_format_does_not_change_by_accident) {
  Message message;
  message.kind = MessageKind::append;
  message.group = GroupId(1);
  message.from = NodeId(1);
  message.to = NodeId(2);
  message.epoch = {3, NodeId(1)};
  message.index = Index(4);
  message.index_epoch = {2, NodeId(2)};
  message.commit = Index(4);
  Entry one;
  one.index = Index(5);
  one.epoch = {3, NodeId(1)};
  one.kind = EntryKind::batch;
  one.payload = SharedBytes(std::string("hi"));
  one.content = content_checksum(GroupId(1), Index(5), EntryKind::batch, "hi");
  message.entries = {one};
  std::string hex;
  const std::string bytes = bytes_of(message);
  // The head's length, then (after its checksum) the head up to the entry's content checksum.
  for (const char c : bytes.substr(0, 4) + bytes.substr(12, 20)) {
    hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  EXPECT_EQ(hex,
            "1d000000"
            "0500"
            "01"
            "0102"
            "0301"
            "04"
            "0202"
            "04"
            "00"
            "0000"
            "00"
            "01"
            "05"
            "0301"
            "02");
  EXPECT_EQ(bytes.substr(bytes.size() - 3), std::string("\x02hi"));
}

}  // namespace
}  // namespace holdfast::consensus

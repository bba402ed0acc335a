#include "consensus/message_codec.h"

#include <string>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/codec.h"

namespace holdfast::consensus {
namespace {

constexpr std::size_t kPrefixSize = 12;      // head length, head checksum
constexpr std::uint64_t kMinEntryHead = 12;  // epoch 2, kind 1, content 8, length 1
constexpr std::uint8_t kRefused = 1;
constexpr std::uint8_t kTransfer = 2;
constexpr std::uint8_t kNoRoom = 4;
constexpr std::uint8_t kLeadsLast = 8;
constexpr std::uint8_t kKnownFlags = kRefused | kTransfer | kNoRoom | kLeadsLast;

void write_epoch(Writer& writer, Epoch epoch) {
  writer.varint(epoch.round);
  writer.varint(epoch.node.value);
}

Epoch read_epoch(Reader& reader) {
  Epoch epoch;
  epoch.round = reader.varint();
  epoch.node = NodeId(reader.varint());
  return epoch;
}

bool known(MessageKind kind) {
  return kind >= MessageKind::pre_vote_request && kind <= MessageKind::campaign_now;
}

// They have no hint, and carry lease_ms in its place.
bool is_heartbeat(MessageKind kind) {
  return kind == MessageKind::heartbeat || kind == MessageKind::heartbeat_reply;
}

bool known(EntryKind kind) { return kind >= EntryKind::noop && kind <= EntryKind::config; }

std::string encode_head(const Message& message) {
  std::string head;
  Writer writer(head);
  writer.u8(static_cast<std::uint8_t>(message.kind));
  writer.u8(static_cast<std::uint8_t>((message.refused ? kRefused : 0) |
                                      (message.transfer ? kTransfer : 0) |
                                      (message.no_room ? kNoRoom : 0) |
                                      (message.leads_last ? kLeadsLast : 0)));
  writer.varint(message.group.value);
  writer.varint(message.from.value);
  writer.varint(message.to.value);
  write_epoch(writer, message.epoch);
  writer.varint(message.index.value);
  write_epoch(writer, message.index_epoch);
  writer.varint(message.commit.value);
  writer.varint(is_heartbeat(message.kind) ? message.lease_ms : message.hint.value);
  write_epoch(writer, message.hint_epoch);
  writer.varint(message.read_round);
  writer.varint(message.entries.size());
  if (message.entries.empty()) return head;

  Index index = message.entries.front().index;
  writer.varint(index.value);
  for (const Entry& entry : message.entries) {
    CHECK(entry.index == index, "entry {} where {} was due", entry.index, index);
    index = index.next();
    write_epoch(writer, entry.epoch);
    writer.u8(static_cast<std::uint8_t>(entry.kind));
    writer.u64(entry.content);
    writer.varint(entry.payload.size());
  }
  return head;
}

Message decode_fields(Reader& reader) {
  Message message;
  message.kind = static_cast<MessageKind>(reader.u8());
  const std::uint8_t flags = reader.u8();
  if (!known(message.kind) || (flags & ~kKnownFlags) != 0) reader.fail();
  message.refused = (flags & kRefused) != 0;
  message.transfer = (flags & kTransfer) != 0;
  message.no_room = (flags & kNoRoom) != 0;
  message.leads_last = (flags & kLeadsLast) != 0;
  const std::uint64_t group = reader.varint();
  if (group > UINT32_MAX) reader.fail();
  message.group = GroupId(static_cast<std::uint32_t>(group));
  message.from = NodeId(reader.varint());
  message.to = NodeId(reader.varint());
  message.epoch = read_epoch(reader);
  message.index = Index(reader.varint());
  message.index_epoch = read_epoch(reader);
  message.commit = Index(reader.varint());
  const std::uint64_t hint = reader.varint();
  if (is_heartbeat(message.kind)) {
    if (hint > UINT32_MAX) reader.fail();
    message.lease_ms = static_cast<std::uint32_t>(hint);
  } else {
    message.hint = Index(hint);
  }
  message.hint_epoch = read_epoch(reader);
  message.read_round = reader.varint();
  return message;
}

// Reads the entries' heads; their payloads follow one another from `payloads` on in `bytes`.
Result<void> decode_entries(Reader& reader, const SharedBytes& bytes, std::size_t payloads,
                            Message& message) {
  const std::uint64_t count = reader.varint();
  if (count > reader.left() / kMinEntryHead) return Error{"a message has an absurd entry count"};
  Index index;
  if (count > 0) {
    index = Index(reader.varint());
    if (index.value == 0 || index.value > UINT64_MAX - count) reader.fail();
    if (message.kind == MessageKind::append && index != message.index.next()) {
      return Error{"an append's entries do not follow the entry before them"};
    }
  }
  message.entries.reserve(static_cast<std::size_t>(count));
  std::size_t offset = payloads;
  for (std::uint64_t i = 0; i < count; ++i) {
    Entry entry;
    entry.index = index;
    index = index.next();
    entry.epoch = read_epoch(reader);
    entry.kind = static_cast<EntryKind>(reader.u8());
    entry.content = reader.u64();
    const std::uint64_t length = reader.varint();
    if (!reader.ok() || !known(entry.kind) || length > bytes.size() - offset) {
      return Error{fmt::format("entry {} of a message is not readable", entry.index)};
    }
    entry.payload = bytes.part(offset, static_cast<std::size_t>(length));
    offset += static_cast<std::size_t>(length);
    if (content_checksum(message.group, entry.index, entry.kind, entry.payload.view()) !=
        entry.content) {
      return Error{fmt::format("entry {} of a message fails its checksum", entry.index)};
    }
    message.entries.push_back(std::move(entry));
  }
  if (!reader.finished() || offset != bytes.size()) {
    return Error{"a message is longer or shorter than it says"};
  }
  return {};
}

}  // namespace

void encode_message(const Message& message, std::vector<SharedBytes>& parts) {
  const std::string head = encode_head(message);
  std::string out;
  out.reserve(kPrefixSize + head.size());
  Writer writer(out);
  writer.u32(static_cast<std::uint32_t>(head.size()));
  writer.u64(checksum(head, kMessageHeadSeed));
  writer.raw(head);
  parts.emplace_back(std::move(out));
  for (const Entry& entry : message.entries) {
    if (!entry.payload.empty()) parts.push_back(entry.payload);
  }
}

Result<Message> decode_message(const SharedBytes& bytes) {
  Reader prefix(bytes.view());
  const std::uint32_t head_size = prefix.u32();
  const std::uint64_t head_checksum = prefix.u64();
  const std::string_view head = prefix.raw(head_size);
  if (!prefix.ok()) return Error{"a message is shorter than its head"};
  if (checksum(head, kMessageHeadSeed) != head_checksum) {
    return Error{"a message's head fails its checksum"};
  }
  Reader reader(head);
  Message message = decode_fields(reader);
  if (!reader.ok()) return Error{"a message's head is not readable"};
  const Result<void> entries = decode_entries(reader, bytes, kPrefixSize + head_size, message);
  if (!entries) return entries.error();
  return message;
}

}  // namespace holdfast::consensus

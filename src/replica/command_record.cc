#include "replica/command_record.h"

#include <algorithm>

#include "base/codec.h"

namespace holdfast::replica {
namespace {

// The parser's limits are far lower; this only keeps a damaged record from asking for the world.
constexpr std::uint64_t kMostItems = 16 << 20;
// What more than so many items needed is given back.
constexpr std::size_t kKeptItems = 1024;

// What is short is put together in one piece, so that a string is appended to once instead of byte by byte.
constexpr std::size_t kLongestHead = 1 + 4 * kLongestVarint;
constexpr std::size_t kShort = 256;

char* put_head(char* end, std::uint8_t flags, const Origin& origin) {
  *end++ = static_cast<char>(flags);
  end = put_varint(end, origin.node.value);
  end = put_varint(end, origin.incarnation.value);
  end = put_varint(end, origin.connection.value);
  return put_varint(end, origin.request);
}

void put_head(Writer& writer, std::uint8_t flags, const Origin& origin) {
  char head[kLongestHead];
  writer.raw({head, static_cast<std::size_t>(put_head(head, flags, origin) - head)});
}

Origin get_origin(Reader& reader) {
  Origin origin;
  origin.node = NodeId(reader.varint());
  origin.incarnation = Incarnation(reader.varint());
  origin.connection = ConnectionId(reader.varint());
  origin.request = reader.varint();
  return origin;
}

void put_words(Writer& writer, const std::vector<std::string_view>& words) {
  writer.varint(words.size());
  for (const auto word : words) writer.bytes(word);
}

// Makes room for so many, mostly as many as the record before had. Each takes a byte at least.
template <class T>
bool begin_anew(std::vector<T>& items, std::uint64_t count, Reader& reader) {
  if (count == items.size()) return true;
  if (count > std::min<std::uint64_t>(kMostItems, reader.left())) {
    reader.fail();
    return false;
  }
  if (items.capacity() > kKeptItems) std::vector<T>().swap(items);
  items.resize(count);
  return true;
}

}  // namespace

void CommandRecord::clear() {
  flags = 0;
  origin = {};
  watched.clear();
  commands.clear();
}

void encode_record(const CommandRecord& record, std::string& out) {
  Writer writer(out);
  put_head(writer, record.flags, record.origin);
  writer.varint(record.watched.size());
  for (const auto& key : record.watched) {
    writer.bytes(key.name);
    writer.varint(key.revision);
  }
  writer.varint(record.commands.size());
  for (const auto& words : record.commands) put_words(writer, words);
}

void encode_command(std::uint8_t flags, const Origin& origin,
                    const std::vector<std::string_view>& words, std::string& out) {
  Writer writer(out);
  std::size_t longest = kLongestHead + 2 + (1 + words.size()) * kLongestVarint;
  for (const auto word : words) longest += word.size();
  if (longest > kShort) {
    put_head(writer, flags, origin);
    writer.varint(0);
    writer.varint(1);
    return put_words(writer, words);
  }
  char record[kShort];
  char* end = put_varint(put_varint(put_head(record, flags, origin), 0), 1);
  end = put_varint(end, words.size());
  for (const auto word : words) {
    end = put_varint(end, word.size());
    end = std::copy(word.begin(), word.end(), end);
  }
  writer.raw({record, static_cast<std::size_t>(end - record)});
}

// Each command is decoded on each replica. Flat, so that the reader lives in registers.
[[gnu::flatten]] Result<void> decode_record(std::string_view bytes, CommandRecord& record) {
  Reader reader(bytes);
  record.flags = reader.u8();
  record.origin = get_origin(reader);
  const std::uint64_t watched = reader.varint();
  if (begin_anew(record.watched, watched, reader)) {
    for (auto& key : record.watched) {
      key.name = reader.bytes();
      key.revision = reader.varint();
    }
  }
  // Inner vectors are kept, so that a record decoded again and again allocates nothing.
  const std::uint64_t commands = reader.varint();
  if (begin_anew(record.commands, commands, reader)) {
    for (auto& words : record.commands) {
      const std::uint64_t count = reader.varint();
      if (count == 0) reader.fail();
      if (!begin_anew(words, count, reader)) break;
      for (auto& word : words) word = reader.bytes();
    }
  }
  if (!reader.finished()) return Error{"a command record is damaged"};
  return {};
}

Result<Origin> decode_origin(std::string_view bytes) {
  Reader reader(bytes);
  reader.u8();
  const Origin origin = get_origin(reader);
  if (!reader.ok()) return Error{"a command record is damaged"};
  return origin;
}

}  // namespace holdfast::replica

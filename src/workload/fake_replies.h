// For tests: the replies that fakes of the server give.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "resp/reply_parser.h"

namespace holdfast::workload {

inline resp::Reply fake_text(resp::Reply::Kind kind, std::string text) {
  resp::Reply reply;
  reply.kind = kind;
  reply.text = std::move(text);
  return reply;
}
inline resp::Reply fake_simple(std::string text) {
  return fake_text(resp::Reply::Kind::simple, std::move(text));
}
inline resp::Reply fake_bulk(std::string text) {
  return fake_text(resp::Reply::Kind::bulk, std::move(text));
}
inline resp::Reply fake_error(std::string text) {
  return fake_text(resp::Reply::Kind::error, std::move(text));
}
inline resp::Reply fake_integer(std::int64_t number) {
  resp::Reply reply;
  reply.kind = resp::Reply::Kind::integer;
  reply.number = number;
  return reply;
}
inline resp::Reply fake_array(std::vector<resp::Reply> items) {
  resp::Reply reply;
  reply.kind = resp::Reply::Kind::array;
  reply.items = std::move(items);
  return reply;
}

using FakeFields = std::vector<std::pair<std::string, resp::Reply>>;
// A map in RESP3; in RESP2 the list of its values.
inline resp::Reply fake_record(bool map, const FakeFields& fields) {
  std::vector<resp::Reply> items;
  for (const auto& [name, value] : fields) {
    if (map) items.push_back(fake_bulk(name));
    items.push_back(value);
  }
  resp::Reply reply = fake_array(std::move(items));
  if (map) reply.kind = resp::Reply::Kind::map;
  return reply;
}

// 0 if it is none.
inline std::int64_t fake_number(const std::string& text) { return std::stoll("0" + text); }

}  // namespace holdfast::workload

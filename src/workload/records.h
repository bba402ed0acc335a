// Answers that have named parts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "resp/reply_parser.h"

namespace holdfast::workload {

// A record is a map in RESP3; in RESP2 it is the list of its values in order. Null: there is none.
const resp::Reply* record_value(const resp::Reply& record, std::size_t number);
const std::int64_t* record_number(const resp::Reply& record, std::size_t number);

// The waiters that an INFO tells of: " owner:queued_at" of each. Nothing if they are none.
std::optional<std::string> queue_text(const resp::Reply* waiters);

}  // namespace holdfast::workload

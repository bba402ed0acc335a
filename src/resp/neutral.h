// Replies that are kept and told later, to a client that may speak another version than the one who
// asked first (ONCE).
//
// The form: RESP3, with two differences that RESP2 needs to know. A null array is `*-1` rather than
// `_`, and a record (ReplyWriter::record) is `&n` rather than `%n`: names and values alternate, and
// RESP2 is told the values alone. Written by a ReplyWriter of Version::neutral.
#pragma once

#include <string_view>

#include "resp/reply_writer.h"

namespace holdfast::resp {

inline constexpr char kNeutralRecord = '&';

// Appends one reply in the writer's version. False if `neutral` is not exactly one whole reply;
// some of it may then have been appended.
bool append_neutral(std::string_view neutral, ReplyWriter& reply);

}  // namespace holdfast::resp

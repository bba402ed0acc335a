// The words after the value of SET and after the key of GETEX.
#pragma once

#include <optional>
#include <string_view>

#include "commands/expire_time.h"

namespace holdfast::commands {

struct SetOptions {
  bool if_absent = false;   // NX
  bool if_present = false;  // XX
  bool get = false;
  bool keep_ttl = false;
  bool persist = false;
  std::optional<std::string_view> time;  // of EX, PX, EXAT, PXAT
  TimeUnit unit = TimeUnit::seconds;
  TimeBase base = TimeBase::from_now;
};

enum class OptionsOf : std::uint8_t { set, getex };

// Nothing: a syntax error. `words` are the options alone.
std::optional<SetOptions> parse_set_options(Args words, OptionsOf command);

// The time as it is to be counted; answers the error itself if it is no integer, not positive or
// does not fit. REQUIRES: options.time.
std::optional<keyspace::Expiry> expiry_or_error(const SetOptions& options, std::string_view command,
                                                Stamp now, resp::ReplyWriter& reply);

}  // namespace holdfast::commands

// How a tool asks a server: logged in, and for what it says of itself.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "client/connection.h"
#include "client/info.h"
#include "env/network.h"

namespace holdfast::cli {

struct Access;  // cli/access.h

using client::field;
using client::Info;
using client::other_server;
using client::parse_info;

// How long a tool waits for an answer: for one that may itself wait for a leader,
inline constexpr Duration kPatience = seconds(10);
// and for one that a node gives at once, if it is there.
inline constexpr Duration kBriefPatience = seconds(2);

// A connection that is logged in, if there is a password. Blocks, for `patience` at most.
Result<client::Connection> log_in(const env::Address& server, const Access& access,
                                  Duration patience);
// INFO HOLDFAST. An error if the server is no Holdfast server.
Result<Info> ask_info(const env::Address& server, const Access& access, Duration patience);

}  // namespace holdfast::cli

// What a server says of itself when it is asked for INFO.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "client/connection.h"
#include "env/network.h"

namespace holdfast::cli {

struct Access;  // cli/access.h

// INFO as name → value.
using Info = std::map<std::string, std::string, std::less<>>;

Info parse_info(std::string_view text);
// "-" if there is none.
std::string field(const Info& info, std::string_view name);

// A connection that is logged in, if there is a password. Blocks, for `patience` at most.
Result<client::Connection> log_in(const env::Address& server, const Access& access,
                                  Duration patience);
// INFO HOLDFAST. An error if the server is no Holdfast server.
Result<Info> ask_info(const env::Address& server, const Access& access, Duration patience);

}  // namespace holdfast::cli

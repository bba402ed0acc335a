// What a server says of itself when it is asked for INFO.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/network.h"

namespace holdfast::client {

// INFO as name → value.
using Info = std::map<std::string, std::string, std::less<>>;

Info parse_info(std::string_view text);
// "-" if there is none.
std::string field(const Info& info, std::string_view name);
// Whether it is a Holdfast server that said this.
bool is_holdfast(const Info& info);

// Where to ask another server of which `info`, got at `asked`, tells: over TLS at the port that is
// as far from its plain one as on the server that was asked.
Result<env::Address> other_server(const env::Address& asked, const Info& info,
                                  std::string_view told);

}  // namespace holdfast::client

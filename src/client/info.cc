#include "client/info.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::client {

Info parse_info(std::string_view text) {
  Info info;
  while (!text.empty()) {
    const auto end = std::min(text.find("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) {
      info.emplace(line.substr(0, colon), line.substr(colon + 1));
    }
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return info;
}

std::string field(const Info& info, std::string_view name) {
  const auto found = info.find(name);
  return found == info.end() ? std::string("-") : found->second;
}

bool is_holdfast(const Info& info) { return info.contains("holdfast_version"); }

Result<env::Address> other_server(const env::Address& asked, const Info& info,
                                  std::string_view told) {
  auto other = env::Address::parse(told);
  const auto own = env::Address::parse(field(info, "holdfast_address"));
  if (!other || !own || field(info, "holdfast_tls_port") != fmt::to_string(asked.port)) {
    return other;
  }
  const int port = other->port + asked.port - own->port;
  if (port < 1 || port > 65535) return other;
  return env::Address{other->host, static_cast<std::uint16_t>(port)};
}

}  // namespace holdfast::client

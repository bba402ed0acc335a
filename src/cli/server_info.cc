#include "cli/server_info.h"

#include "cli/access.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::cli {

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

Result<client::Connection> log_in(const env::Address& server, const Access& access,
                                  Duration patience) {
  auto tls = access.context();
  if (!tls) return tls.error();
  auto connection = client::Connection::open(server, patience, *std::move(tls));
  if (!connection || access.password.empty()) return connection;
  auto welcome = connection->ask({"AUTH", access.password});
  if (!welcome) return welcome.error();
  if (welcome->is_error()) return Error{fmt::format("{}: {}", server.text(), welcome->text)};
  return connection;
}

Result<Info> ask_info(const env::Address& server, const Access& access, Duration patience) {
  auto connection = log_in(server, access, patience);
  if (!connection) return connection.error();
  auto reply = connection->ask({"INFO", "HOLDFAST"});
  if (!reply) return reply.error();
  if (reply->is_error()) return Error{fmt::format("{}: {}", server.text(), reply->text)};
  Info info = parse_info(reply->text);
  if (!info.contains("holdfast_version")) {
    return Error{fmt::format("{} answers, but is no Holdfast server", server.text())};
  }
  return info;
}

}  // namespace holdfast::cli

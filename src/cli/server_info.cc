#include "cli/server_info.h"

#include "cli/access.h"

#include <fmt/format.h>

namespace holdfast::cli {

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
  if (!client::is_holdfast(info)) {
    return Error{fmt::format("{} answers, but is no Holdfast server", server.text())};
  }
  return info;
}

}  // namespace holdfast::cli

// SESSION.ATTACH and SESSION.DETACH: a connection that keeps a session alive as long as it lives
// itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/connection_table.h"
#include "server/dispatch.h"
#include "server/request_ring.h"

namespace holdfast::server {

std::vector<LocalCommand> attach_commands();
// What the client is told when the leader has answered its SESSION.ATTACH.
std::string attached(Connection& connection, ConnectionTable& table, const Request& request,
                     std::string_view answer);
// The connection is gone, or begins anew: what it kept is kept by others or not at all.
void detach_all(Session& session, ConnectionTable& table);

}  // namespace holdfast::server

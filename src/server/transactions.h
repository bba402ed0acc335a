// MULTI, EXEC, DISCARD, WATCH, UNWATCH: what is between MULTI and EXEC becomes one record that the
// leader runs in one step, with the revisions that WATCH was told.
//
// A queue may hold commands that the node answers itself (PING, CLIENT …). They stay out of the
// record; when its answer comes they are run and their replies are put where they stood.
#pragma once

#include <string>
#include <string_view>

#include "server/connection.h"
#include "server/connection_table.h"
#include "server/request_ring.h"
#include "server/session.h"

namespace holdfast::server {

// The client's reply, from the answer to a request that is not plain (WATCH, EXEC, a password).
std::string translate_answer(Connection& connection, ConnectionTable& table, Request& request,
                             std::string_view answer);
// A WATCH was answered by an error of ours.
void watch_refused(Session& session, const Request& request);
// Where the reply that begins at `begin` ends; npos if it is not whole. Any RESP version.
std::size_t end_of_reply(std::string_view replies, std::size_t begin);

}  // namespace holdfast::server

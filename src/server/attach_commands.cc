#include "server/attach_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "commands/session_commands.h"
#include "replica/command_record.h"
#include "resp/number.h"

namespace holdfast::server {
namespace {

constexpr std::string_view kBadId = "ERR a session's id is an integer above 0";

// SESSION.ATTACH id → remaining milliseconds
void attach(LocalCall& call) {
  const auto id = commands::parse_session(call.args[1]);
  if (!id) return call.reply.error(kBadId);
  if (call.connection.refusing()) return call.reply.error(kRefusedAfterUnknown);
  const auto& attached = call.connection.session.attached;
  if (attached.size() >= KeptSessions::kAttachedAtMost &&
      std::find(attached.begin(), attached.end(), *id) == attached.end()) {
    return call.reply.error(
        fmt::format("LIMIT a connection keeps at most {} sessions alive (session-attachments)",
                    KeptSessions::kAttachedAtMost));
  }
  call.no_reply = true;
  Requests& requests = call.connection.requests;
  Request& request = requests.begin(&call.spec, false, call.silent);
  request.kind = Request::Kind::attach;
  request.generation = *id;
  const std::vector<std::string_view> words = {"_SESSION.KEEP", call.args[1]};
  replica::encode_command(0, requests.origin(), words, request.record);
  requests.launch();
}

// SESSION.DETACH id → 1, 0 if this connection did not keep it
void detach(LocalCall& call) {
  const auto id = commands::parse_session(call.args[1]);
  if (!id) return call.reply.error(kBadId);
  const bool was = std::erase(call.connection.session.attached, *id) != 0;
  if (was) call.table.kept.detach(*id);
  call.reply.integer(was ? 1 : 0);
}

}  // namespace

std::vector<LocalCommand> attach_commands() {
  return {{"session.attach", attach}, {"session.detach", detach, After::answers}};
}

std::string attached(Connection& connection, ConnectionTable& table, const Request& request,
                     std::string_view answer) {
  constexpr std::string_view kOne = "*1\r\n:";
  std::int64_t left = -1;
  if (!answer.starts_with(kOne) || !answer.ends_with("\r\n") ||
      !resp::parse_integer(answer.substr(kOne.size(), answer.size() - kOne.size() - 2), left)) {
    return std::string(answer);
  }
  std::string reply;
  resp::ReplyWriter writer(reply, connection.session.version);
  if (left < 0) {
    writer.error(commands::not_kept(request.generation, left));
    return reply;
  }
  auto& kept = connection.session.attached;
  if (!connection.closed() && std::find(kept.begin(), kept.end(), request.generation) == kept.end()) {
    kept.push_back(request.generation);
    table.kept.attach(request.generation, left);
  }
  writer.integer(left);
  return reply;
}

void detach_all(Session& session, ConnectionTable& table) {
  for (const std::uint64_t id : std::exchange(session.attached, {})) table.kept.detach(id);
}

}  // namespace holdfast::server

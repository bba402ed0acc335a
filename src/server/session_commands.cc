// What a connection says about itself: PING ECHO HELLO AUTH SELECT QUIT RESET TIME READONLY
// READWRITE WAIT.
#include <fmt/format.h>

#include <algorithm>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "replica/command_record.h"
#include "server/attach_commands.h"
#include "server/audit_log.h"
#include "server/dispatch.h"
#include "server/session_commands.h"

namespace holdfast::server {
namespace {

using commands::is_word;

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";

void ping(LocalCall& call) {
  if (call.args.size() > 2) return call.reply.error(commands::wrong_arity("ping"));
  if (call.connection.session.only_listens()) {
    call.reply.array(2);
    call.reply.bulk("pong");
    return call.reply.bulk(call.args.size() == 2 ? call.args[1] : std::string_view());
  }
  if (call.args.size() == 2) return call.reply.bulk(call.args[1]);
  call.reply.simple("PONG");
}

void echo(LocalCall& call) { call.reply.bulk(call.args[1]); }

// There is one user, "default", as in a Redis without ACLs.
bool authenticate(LocalCall& call, std::string_view user, std::string_view password) {
  const std::string_view wanted = call.table.services.setting(ConnectionTable::kPasswordSetting);
  const bool right =
      user == "default" && (wanted.empty() || call.table.passwords.matches(password, wanted));
  if (right) {
    call.connection.set_authenticated(true);
    call.connection.session.let_in_early = false;
  } else {
    ++call.table.metrics.password_failures;
    if (AuditLog* audit = call.table.services.audit()) {
      audit->on_login_failed(call.connection.address(), call.table.services.wall());
    }
    call.table.services.trace().warning("wrong password",
                                        {{"client", call.connection.address()}});
  }
  return right;
}

void auth(LocalCall& call) {
  if (call.args.size() > 3) return call.reply.error(commands::kSyntaxError);
  if (call.args.size() == 2 && !call.table.password_set()) {
    return call.reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }
  const std::string_view user = call.args.size() == 3 ? call.args[1] : "default";
  if (!authenticate(call, user, call.args.back())) return call.reply.error(kWrongPassword);
  call.reply.ok();
}

struct HelloWords {
  std::optional<resp::Version> version;
  std::optional<std::pair<std::string_view, std::string_view>> login;
  std::optional<std::string_view> name;
};

// Nothing, or the error.
std::optional<std::string> read_hello(const std::vector<std::string_view>& args, HelloWords& hello) {
  if (args.size() == 1) return std::nullopt;
  const auto version = commands::parse_integer(args[1]);
  if (!version) return "ERR Protocol version is not an integer or out of range";
  if (*version != 2 && *version != 3) return "NOPROTO unsupported protocol version";
  hello.version = *version == 3 ? resp::Version::resp3 : resp::Version::resp2;
  for (std::size_t i = 2; i < args.size();) {
    const std::size_t left = args.size() - i - 1;
    if (is_word(args[i], "auth") && left >= 2) {
      hello.login = {args[i + 1], args[i + 2]};
      i += 3;
    } else if (is_word(args[i], "setname") && left >= 1) {
      hello.name = args[i + 1];
      i += 2;
    } else {
      return fmt::format("ERR Syntax error in HELLO option '{}'", args[i]);
    }
  }
  return std::nullopt;
}

void answer_hello(LocalCall& call) {
  const Session& session = call.connection.session;
  resp::ReplyWriter& reply = call.reply;
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(session.version == resp::Version::resp3 ? 3 : 2);
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(call.connection.id().value));
  reply.bulk("mode");
  reply.bulk("standalone");
  // Every node takes writes, so every node is a master to clients that would look for one.
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

void hello(LocalCall& call) {
  Session& session = call.connection.session;
  HelloWords wanted;
  if (const auto refused = read_hello(call.args, wanted)) return call.reply.error(*refused);
  if (wanted.login && !authenticate(call, wanted.login->first, wanted.login->second)) {
    return call.reply.error(kWrongPassword);
  }
  if (call.connection.needs_password()) {
    return call.reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
        "protocol version at the same time");
  }
  if (wanted.name) {
    if (!is_client_name(*wanted.name)) return call.reply.error(kBadClientName);
    session.name = *wanted.name;
  }
  if (wanted.version) call.connection.speak(*wanted.version);
  std::string text;
  resp::ReplyWriter writer(text, session.version);
  LocalCall answer{call.table, call.connection, call.spec, call.args, writer};
  answer_hello(answer);
  call.reply.raw(text);
}

void select_database(LocalCall& call) {
  const auto number = commands::integer_or_error(call.args[1], call.reply);
  if (!number) return;
  if (*number != 0) return call.reply.error(commands::kDbRange);
  call.reply.ok();
}

void quit(LocalCall& call) {
  call.reply.ok();
  call.connection.finish();
}

void reset(LocalCall& call) {
  Session& session = call.connection.session;
  detach_all(session, call.table);
  const std::uint64_t generation = session.watching.generation + 1;
  call.table.pushes.forget(call.connection);
  call.connection.speak(resp::Version::resp2);
  Session fresh;
  fresh.since = session.since;
  fresh.last_active = session.last_active;
  fresh.last_command = session.last_command;
  fresh.library_name = session.library_name;
  fresh.library_version = session.library_version;
  fresh.let_in_early = session.let_in_early;
  fresh.watching.generation = generation;
  session = std::move(fresh);
  call.connection.set_authenticated(!call.table.password_set());
  call.reply.simple("RESET");
}

void time_of_node(LocalCall& call) {
  const std::int64_t ms = call.table.services.wall().ms;
  call.reply.array(2);
  call.reply.bulk_integer(ms / 1000);
  call.reply.bulk_integer(ms % 1000 * 1000);
}

// Reads are answered by the leader from what is agreed, whatever the client would bear.
void accepted(LocalCall& call) { call.reply.ok(); }

// ---- WAIT

std::int64_t other_replicas(const Services& services) {
  const auto status = services.status();
  if (!status) return 0;
  const auto everyone = status->protocol.membership.everyone();
  return everyone.empty() ? 0 : static_cast<std::int64_t>(everyone.size()) - 1;
}

void wait(LocalCall& call) {
  const auto wanted = commands::integer_or_error(call.args[1], call.reply);
  if (!wanted) return;
  const auto timeout = commands::parse_integer(call.args[2]);
  if (!timeout) return call.reply.error("ERR timeout is not an integer or out of range");
  if (*timeout < 0) return call.reply.error("ERR timeout is negative");
  Requests& requests = call.connection.requests;
  const Index newest = requests.last_write();
  // In a transaction nothing waits: what this node knows by itself is the answer.
  const replica::Replica* replica = call.table.services.replica();
  if (newest == Index{}) return call.reply.integer(other_replicas(call.table.services));
  if (call.inside_exec) {
    const std::size_t there = replica == nullptr ? 0 : replica->replicas_with(newest);
    return call.reply.integer(static_cast<std::int64_t>(there));
  }
  call.no_reply = true;
  Request& request = requests.begin(&call.spec, false, call.silent);
  request.kind = Request::Kind::wait;
  request.wanted = *wanted;
  constexpr std::int64_t kLongest = std::int64_t{365} * 24 * 3600 * 1000;
  request.deadline = *timeout == 0
                         ? Instant::never()
                         : call.table.now() + milliseconds(std::min(*timeout, kLongest));
  const std::string index = fmt::to_string(newest.value);
  replica::encode_command(0, requests.origin(), {"_DURABLE", index}, request.record);
  requests.launch();
  call.connection.hold_followers();
}

}  // namespace

bool is_client_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
}

std::vector<LocalCommand> session_commands() {
  return {{"ping", ping},
          {"echo", echo},
          {"auth", auth, After::applied},
          {"hello", hello, After::applied},
          {"select", select_database},
          {"quit", quit},
          {"reset", reset},
          {"time", time_of_node},
          {"readonly", accepted},
          {"readwrite", accepted},
          {"wait", wait, After::answers}};
}

}  // namespace holdfast::server

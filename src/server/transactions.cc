#include "server/transactions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replica/command_record.h"
#include "resp/number.h"
#include "server/attach_commands.h"
#include "server/dispatch.h"

namespace holdfast::server {
namespace {

std::uint8_t record_flags(const Session& session) {
  const bool resp3 = session.version == resp::Version::resp3;
  return resp3 ? std::uint8_t{replica::kResp3} : std::uint8_t{0};
}

void multi(LocalCall& call) {
  Transaction& transaction = call.connection.session.transaction;
  if (transaction.open) return call.reply.error("ERR MULTI calls can not be nested");
  transaction.open = true;
  call.reply.ok();
}

void forget(Session& session) {
  session.transaction = {};
  session.watching.forget();
}

void discard(LocalCall& call) {
  Session& session = call.connection.session;
  if (!session.transaction.open) return call.reply.error("ERR DISCARD without MULTI");
  forget(session);
  call.reply.ok();
}

void unwatch(LocalCall& call) {
  call.connection.session.watching.forget();
  call.reply.ok();
}

void watch(LocalCall& call) {
  Session& session = call.connection.session;
  if (session.transaction.open) return call.reply.error("ERR WATCH inside MULTI is not allowed");
  if (call.connection.refusing()) {
    session.watching.lost = true;
    return call.reply.error(kRefusedAfterUnknown);
  }
  call.no_reply = true;
  Requests& requests = call.connection.requests;
  Request& request = requests.begin(&call.spec, false, call.silent);
  request.kind = Request::Kind::watch;
  request.generation = session.watching.generation;
  request.names.assign(call.args.begin() + 1, call.args.end());
  ++session.watching.pending;
  std::vector<std::string_view> words = call.args;
  words.front() = "_REVISIONS";
  replica::encode_command(record_flags(session), requests.origin(), words, request.record);
  requests.launch();
}

// Nothing of the queue concerns data, and nothing is watched.
void answer_locally(LocalCall& call, const std::vector<QueuedCommand>& queue) {
  call.reply.array(queue.size());
  for (const QueuedCommand& command : queue) {
    std::string reply;
    call.table.dispatch->run_inside_exec(call.connection, command, reply);
    call.reply.raw(reply);
  }
}

void route_transaction(LocalCall& call, std::vector<QueuedCommand> queue) {
  Session& session = call.connection.session;
  Requests& requests = call.connection.requests;
  replica::CommandRecord record;
  record.flags = static_cast<std::uint8_t>(record_flags(session) | replica::kTransaction);
  for (const auto& [name, revision] : session.watching.revisions) {
    record.watched.push_back({name, revision});
  }
  bool write = false;
  bool mixed = false;
  for (const QueuedCommand& command : queue) {
    if (command.local) {
      mixed = true;
      continue;
    }
    record.commands.emplace_back(command.words.begin(), command.words.end());
    write = write || commands::needs_log(*command.spec, record.commands.back());
  }
  call.no_reply = true;
  Request& request = requests.begin(&call.spec, write, call.silent);
  record.origin = requests.origin();
  replica::encode_record(record, request.record);
  if (mixed) {
    request.kind = Request::Kind::exec;
    request.queue = std::make_shared<const std::vector<QueuedCommand>>(std::move(queue));
  }
  requests.launch();
}

void exec(LocalCall& call) {
  Connection& connection = call.connection;
  Session& session = connection.session;
  if (!session.transaction.open) return call.reply.error("ERR EXEC without MULTI");
  if (session.watching.pending != 0 && !connection.requests.empty()) {
    connection.defer(call.args);  // the revisions are still on their way
    session.skip_next_reply = call.silent && !session.replies_off;
    call.no_reply = true;
    return;
  }
  if (session.transaction.broken) {
    call.reply.error("EXECABORT Transaction discarded because of previous errors.");
    return forget(session);
  }
  if (session.watching.lost) {
    call.reply.error("NOLEADER the transaction was not run, because a WATCH before it had failed. "
                     "Try again from WATCH on");
    return forget(session);
  }
  if (connection.refusing()) {
    call.reply.error(kRefusedAfterUnknown);
    return forget(session);
  }
  std::vector<QueuedCommand> queue = std::exchange(session.transaction, {}).queue;
  const bool all_local = std::all_of(queue.begin(), queue.end(),
                                     [](const QueuedCommand& command) { return command.local; });
  if (all_local && session.watching.revisions.empty()) {
    answer_locally(call, queue);
  } else {
    route_transaction(call, std::move(queue));
  }
  session.watching.forget();
}

// ---- answers

// "*3\r\n:1\r\n…": the count of an array and where its elements begin.
bool read_array(std::string_view answer, std::int64_t& count, std::size_t& begin) {
  if (answer.empty() || answer.front() != '*') return false;
  const std::size_t end = answer.find("\r\n");
  if (end == std::string_view::npos) return false;
  begin = end + 2;
  return resp::parse_integer(answer.substr(1, end - 1), count);
}

std::string watched(Session& session, const Request& request, std::string_view answer) {
  Watching& watching = session.watching;
  if (request.generation != watching.generation) return "+OK\r\n";  // forgotten meanwhile
  --watching.pending;
  std::int64_t count = 0;
  std::size_t at = 0;
  if (!read_array(answer, count, at) || count != static_cast<std::int64_t>(request.names.size())) {
    watching.lost = true;
    return std::string(answer);
  }
  for (const std::string& name : request.names) {
    const std::size_t end = end_of_reply(answer, at);
    std::int64_t revision = 0;
    if (end == std::string_view::npos ||
        !resp::parse_integer(answer.substr(at + 1, end - at - 3), revision)) {
      watching.lost = true;
      return "-ERR the answer to WATCH made no sense; nothing is watched\r\n";
    }
    // A key that is watched twice is watched since the first time.
    watching.revisions.emplace(name, static_cast<std::uint64_t>(revision));
    at = end;
  }
  return "+OK\r\n";
}

std::string with_local_answers(Connection& connection, ConnectionTable& table,
                               const Request& request, std::string_view answer) {
  std::int64_t count = 0;
  std::size_t at = 0;
  if (!read_array(answer, count, at) || count < 0) return std::string(answer);
  // Running a command may end the request that holds the queue (CLIENT KILL).
  const auto queue = request.queue;
  std::string reply = fmt::format("*{}\r\n", queue->size());
  for (const QueuedCommand& command : *queue) {
    if (command.local) {
      table.dispatch->run_inside_exec(connection, command, reply);
      continue;
    }
    const std::size_t end = end_of_reply(answer, at);
    if (end == std::string_view::npos) return std::string(answer);
    reply.append(answer.substr(at, end - at));
    at = end;
  }
  return reply;
}

}  // namespace

std::size_t end_of_reply(std::string_view replies, std::size_t begin) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t missing = 1;
  std::size_t at = begin;
  while (missing > 0) {
    if (at >= replies.size()) return kNone;
    const char kind = replies[at];
    const std::size_t end = replies.find("\r\n", at);
    if (end == kNone) return kNone;
    --missing;
    std::int64_t count = 0;
    const bool counted = std::string_view("$*%~>=!|").find(kind) != kNone;
    if (counted && !resp::parse_integer(replies.substr(at + 1, end - at - 1), count)) return kNone;
    at = end + 2;
    if (!counted || count < 0) continue;
    const auto size = static_cast<std::size_t>(count);
    if (kind == '$' || kind == '=' || kind == '!') {
      if (replies.size() - at < size + 2) return kNone;
      at += size + 2;
    } else if (kind == '%') {
      missing += 2 * size;
    } else {
      missing += kind == '|' ? 2 * size + 1 : size;
    }
  }
  return at;
}

void watch_refused(Session& session, const Request& request) {
  if (request.generation != session.watching.generation) return;
  --session.watching.pending;
  session.watching.lost = true;
}

std::string translate_answer(Connection& connection, ConnectionTable& table, Request& request,
                             std::string_view answer) {
  switch (request.kind) {
    case Request::Kind::watch: return watched(connection.session, request, answer);
    case Request::Kind::exec: return with_local_answers(connection, table, request, answer);
    case Request::Kind::attach: return attached(connection, table, request, answer);
    case Request::Kind::password:
      return answer.starts_with('-') ? std::string(answer) : std::string("+OK\r\n");
    case Request::Kind::plain:
    case Request::Kind::wait:
    case Request::Kind::feed: break;
  }
  return std::string(answer);
}

std::vector<LocalCommand> transaction_commands() {
  return {{"multi", multi},
          {"exec", exec},
          {"discard", discard},
          {"watch", watch},
          {"unwatch", unwatch}};
}

}  // namespace holdfast::server

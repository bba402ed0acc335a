// CLIENT and its subcommands: about the connections of this node.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/help.h"
#include "server/dispatch.h"
#include "server/session_commands.h"

namespace holdfast::server {
namespace {

using commands::is_word;

void id(LocalCall& call) {
  call.reply.integer(static_cast<std::int64_t>(call.connection.id().value));
}

void getname(LocalCall& call) {
  const std::string& name = call.connection.session.name;
  name.empty() ? call.reply.null() : call.reply.bulk(name);
}

void setname(LocalCall& call) {
  if (!is_client_name(call.args[2])) return call.reply.error(kBadClientName);
  call.connection.session.name = call.args[2];
  call.reply.ok();
}

void setinfo(LocalCall& call) {
  Session& session = call.connection.session;
  const bool name = is_word(call.args[2], "lib-name");
  if (!name && !is_word(call.args[2], "lib-ver")) {
    return call.reply.error(fmt::format("ERR Unrecognized option '{}'", call.args[2]));
  }
  if (!is_client_name(call.args[3])) {
    return call.reply.error(
        fmt::format("ERR {} cannot contain spaces, newlines or special characters.",
                    name ? "lib-name" : "lib-ver"));
  }
  (name ? session.library_name : session.library_version) = call.args[3];
  call.reply.ok();
}

// ---- who is there

std::string flags_of(const Connection& client) {
  std::string flags;
  if (client.session.subscriptions.count() != 0) flags += 'P';
  if (client.session.transaction.open) flags += 'x';
  if (client.requests.blocked() || client.requests.paused()) flags += 'b';
  if (client.session.no_evict) flags += 'e';
  if (client.session.no_touch) flags += 'T';
  return flags.empty() ? "N" : flags;
}

std::string describe(Connection& client, Instant now) {
  const Session& session = client.session;
  const Transaction& transaction = session.transaction;
  const std::size_t output = client.buffered_output();
  return fmt::format(
      "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db=0 sub={} psub={} ssub=0 "
      "multi={} qbuf={} qbuf-free=0 argv-mem=0 multi-mem={} rbs=0 rbp=0 obl=0 oll=0 omem={} "
      "tot-mem={} events=r cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={}",
      client.id(), client.address(), client.local_address(), client.id(), session.name,
      (now - session.since).ms() / 1000, (now - session.last_active).ms() / 1000, flags_of(client),
      session.subscriptions.channels.size(), session.subscriptions.patterns.size(),
      transaction.open ? fmt::to_string(transaction.queue.size()) : "-1", client.buffered_input(),
      transaction.bytes, output,
      client.buffered_input() + output + transaction.bytes + client.requests.bytes(),
      session.last_command == nullptr ? "NULL" : session.last_command->name,
      session.version == resp::Version::resp3 ? 3 : 2, session.library_name,
      session.library_version);
}

void info(LocalCall& call) {
  call.reply.verbatim(describe(call.connection, call.table.now()) + "\n");
}

// Of "master", "replica" and "slave" there are none.
enum class ClientType : std::uint8_t { normal, pubsub, none };

// Nothing: unknown.
std::optional<ClientType> type_named(std::string_view word) {
  if (is_word(word, "normal")) return ClientType::normal;
  if (is_word(word, "pubsub")) return ClientType::pubsub;
  for (const std::string_view other : {"master", "replica", "slave"}) {
    if (is_word(word, other)) return ClientType::none;
  }
  return std::nullopt;
}

ClientType type_of(const Connection& client) {
  return client.session.subscriptions.count() == 0 ? ClientType::normal : ClientType::pubsub;
}

void list(LocalCall& call) {
  const auto& args = call.args;
  bool all = true;
  std::optional<ClientType> type;
  std::vector<ConnectionId> ids;
  if (args.size() == 4 && is_word(args[2], "type")) {
    type = type_named(args[3]);
    if (!type) return call.reply.error(fmt::format("ERR Unknown client type '{}'", args[3]));
  } else if (args.size() > 3 && is_word(args[2], "id")) {
    all = false;
    for (std::size_t i = 3; i < args.size(); ++i) {
      const auto number = commands::parse_unsigned(args[i]);
      if (!number) return call.reply.error("ERR Invalid client ID");
      ids.emplace_back(*number);
    }
  } else if (args.size() != 2) {
    return call.reply.error(commands::kSyntaxError);
  }
  std::string text;
  call.table.for_each([&](Connection& client) {
    const bool named = std::find(ids.begin(), ids.end(), client.id()) != ids.end();
    if (type && type_of(client) != *type) return;
    if (all || named) text += describe(client, call.table.now()) + "\n";
  });
  call.reply.verbatim(text);
}

// ---- ending and pausing others

struct KillFilter {
  std::optional<ConnectionId> id;
  std::optional<std::string> address;
  std::optional<std::string> local_address;
  std::optional<ClientType> type;
  bool skip_me = true;

  bool matches(const Connection& client) const {
    return (!type || *type == type_of(client)) && (!id || *id == client.id()) &&
           (!address || *address == client.address()) &&
           (!local_address || *local_address == client.local_address());
  }
};

// Nothing, or the error.
std::optional<std::string> read_filter(const std::vector<std::string_view>& args,
                                       KillFilter& filter) {
  for (std::size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return std::string(commands::kSyntaxError);
    const std::string_view value = args[i + 1];
    if (is_word(args[i], "id")) {
      const auto number = commands::parse_integer(value);
      if (!number || *number < 1) return "ERR client-id should be greater than 0";
      filter.id = ConnectionId(static_cast<std::uint64_t>(*number));
    } else if (is_word(args[i], "type")) {
      filter.type = type_named(value);
      if (!filter.type) return fmt::format("ERR Unknown client type '{}'", value);
    } else if (is_word(args[i], "addr")) {
      filter.address = value;
    } else if (is_word(args[i], "laddr")) {
      filter.local_address = value;
    } else if (is_word(args[i], "user")) {
      if (value != "default") return fmt::format("ERR No such user '{}'", value);
    } else if (is_word(args[i], "skipme") && (is_word(value, "yes") || is_word(value, "no"))) {
      filter.skip_me = is_word(value, "yes");
    } else {
      return std::string(commands::kSyntaxError);
    }
  }
  return std::nullopt;
}

void kill(LocalCall& call) {
  KillFilter filter;
  const bool old_form = call.args.size() == 3;
  if (old_form) {
    filter.address = call.args[2];
    filter.skip_me = false;
  } else if (const auto refused = read_filter(call.args, filter)) {
    return call.reply.error(*refused);
  }
  std::int64_t killed = 0;
  call.table.for_each([&](Connection& client) {
    const bool me = &client == &call.connection;
    if (!filter.matches(client) || (me && filter.skip_me)) return;
    ++killed;
    // Who ends itself is still told that it did.
    me ? client.finish() : client.kill("CLIENT KILL");
  });
  if (!old_form) return call.reply.integer(killed);
  killed == 0 ? call.reply.error("ERR No such client") : call.reply.ok();
}

void unblock(LocalCall& call) {
  bool as_error = false;
  if (call.args.size() == 4) {
    as_error = is_word(call.args[3], "error");
    if (!as_error && !is_word(call.args[3], "timeout")) {
      return call.reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    }
  } else if (call.args.size() != 3) {
    return call.reply.error(commands::kSyntaxError);
  }
  const auto number = commands::integer_or_error(call.args[2], call.reply);
  if (!number) return;
  Connection* client = call.table.find(ConnectionId(static_cast<std::uint64_t>(*number)));
  if (client == nullptr) return call.reply.integer(0);
  std::string text;
  resp::ReplyWriter writer(text, client->session.version);
  as_error ? writer.error("UNBLOCKED client unblocked via CLIENT UNBLOCK") : writer.null_array();
  call.reply.integer(client->requests.unblock(text) ? 1 : 0);
}

void pause(LocalCall& call) {
  bool writes_only = false;
  if (call.args.size() == 4) {
    writes_only = is_word(call.args[3], "write");
    if (!writes_only && !is_word(call.args[3], "all")) {
      return call.reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    }
  } else if (call.args.size() != 3) {
    return call.reply.error(commands::kSyntaxError);
  }
  const auto ms = commands::parse_integer(call.args[2]);
  if (!ms) return call.reply.error("ERR timeout is not an integer or out of range");
  if (*ms < 0) return call.reply.error("ERR timeout is negative");
  constexpr std::int64_t kLongest = std::int64_t{365} * 24 * 3600 * 1000;
  const Instant now = call.table.now();
  const Instant until = now + milliseconds(std::min(*ms, kLongest));
  // Of two pauses at a time the longer and the stricter holds.
  Pause& present = call.table.pause;
  const bool running = present.until > now;
  present.writes_only = writes_only && (!running || present.writes_only);
  present.until = running ? std::max(present.until, until) : until;
  call.table.wake(present.until);
  call.reply.ok();
}

void unpause(LocalCall& call) {
  call.table.pause = {};
  call.table.for_each([](Connection& client) { client.attend(); });
  call.reply.ok();
}

// ---- what this connection wishes

std::optional<bool> on_or_off(std::string_view word) {
  if (is_word(word, "on")) return true;
  if (is_word(word, "off")) return false;
  return std::nullopt;
}

void reply_mode(LocalCall& call) {
  Session& session = call.connection.session;
  if (is_word(call.args[2], "on")) {
    session.replies_off = false;
    // Its own answer is the first that is heard again.
    call.silent = false;
    std::string text;
    resp::ReplyWriter(text, session.version).ok();
    if (call.inside_exec) return call.reply.raw(text);
    call.no_reply = true;
    call.connection.requests.answer(&call.spec, text, false);
  } else if (is_word(call.args[2], "off")) {
    session.replies_off = true;
    call.no_reply = true;
  } else if (is_word(call.args[2], "skip")) {
    session.skip_next_reply = !session.replies_off;
    call.no_reply = true;
  } else {
    call.reply.error(commands::kSyntaxError);
  }
}

void no_evict(LocalCall& call) {
  const auto on = on_or_off(call.args[2]);
  if (!on) return call.reply.error(commands::kSyntaxError);
  call.connection.session.no_evict = *on;
  call.reply.ok();
}

void no_touch(LocalCall& call) {
  const auto on = on_or_off(call.args[2]);
  if (!on) return call.reply.error(commands::kSyntaxError);
  call.connection.session.no_touch = *on;
  call.reply.ok();
}

void help(LocalCall& call) { commands::answer_help("client", call.reply); }

}  // namespace

std::vector<LocalCommand> client_commands() {
  return {{"client|id", id},
          {"client|getname", getname},
          {"client|setname", setname},
          {"client|setinfo", setinfo},
          {"client|info", info},
          {"client|list", list},
          {"client|kill", kill},
          {"client|unblock", unblock},
          {"client|pause", pause},
          {"client|unpause", unpause},
          {"client|reply", reply_mode},
          {"client|no-evict", no_evict},
          {"client|no-touch", no_touch},
          {"client|help", help}};
}

}  // namespace holdfast::server

// SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE PUBLISH PUBSUB, ELECT.OBSERVE ELECT.UNOBSERVE.
//
// PUBLISH reaches who listens at any node, at most once: directly here, through the links between nodes
// elsewhere, where a node that is not linked misses it. It answers how many heard it here, as a node of
// a Redis cluster does.
//
// They are answered when everything before them is, so that in RESP2, where messages look like replies,
// none comes between the replies to earlier commands.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "commands/errors.h"
#include "commands/help.h"
#include "server/dispatch.h"

namespace holdfast::server {
namespace {

using Kind = Channels::Kind;

std::vector<std::string_view> names_in(const LocalCall& call) {
  return {call.args.begin() + 1, call.args.end()};
}

void confirm(LocalCall& call, std::string_view what, std::optional<std::string_view> name) {
  call.reply.push(3);
  call.reply.bulk(what);
  if (name) {
    call.reply.bulk(*name);
  } else {
    call.reply.null();
  }
  call.reply.integer(
      static_cast<std::int64_t>(call.connection.session.subscriptions.count()));
}

void listen(LocalCall& call, Kind kind, std::string_view what) {
  Channels& channels = call.table.pushes.channels;
  const auto names = names_in(call);
  if (const auto refused = channels.refusal(call.connection, kind, names)) {
    return call.reply.error(*refused);
  }
  for (const std::string_view name : names) {
    channels.subscribe(call.connection, kind, name);
    confirm(call, what, name);
  }
}

void unlisten(LocalCall& call, Kind kind, std::string_view what) {
  Channels& channels = call.table.pushes.channels;
  const Subscriptions& present = call.connection.session.subscriptions;
  std::vector<std::string> names;
  for (const std::string_view name : names_in(call)) names.emplace_back(name);
  if (names.empty()) {
    const auto& all = kind == Kind::channel ? present.channels : present.patterns;
    names.assign(all.begin(), all.end());
    if (names.empty()) return confirm(call, what, std::nullopt);
  }
  for (const std::string& name : names) {
    channels.unsubscribe(call.connection, kind, name);
    confirm(call, what, name);
  }
}

void subscribe(LocalCall& call) { listen(call, Kind::channel, "subscribe"); }
void psubscribe(LocalCall& call) { listen(call, Kind::pattern, "psubscribe"); }
void unsubscribe(LocalCall& call) { unlisten(call, Kind::channel, "unsubscribe"); }
void punsubscribe(LocalCall& call) { unlisten(call, Kind::pattern, "punsubscribe"); }

void publish(LocalCall& call) {
  const std::string_view channel = call.args[1];
  const std::string_view message = call.args[2];
  if (channel.starts_with(Channels::kOwnPrefix)) {
    return call.reply.error(fmt::format("ERR channels that begin with {} are the cluster's own to use",
                                        Channels::kOwnPrefix));
  }
  if (channel.size() > Channels::kNameBytes) {
    return call.reply.error(fmt::format(
        "LIMIT the name of a channel has at most {} bytes (channel-bytes)", Channels::kNameBytes));
  }
  if (message.size() > Channels::kMessageBytes) {
    return call.reply.error(fmt::format("LIMIT a message has at most {} bytes (message-bytes)",
                                        Channels::kMessageBytes));
  }
  call.table.services.publish_elsewhere(channel, message);
  const std::size_t heard = call.table.pushes.channels.publish(channel, message);
  call.reply.integer(static_cast<std::int64_t>(heard));
}

// ---- PUBSUB

void channel_names(LocalCall& call) {
  if (call.args.size() > 3) {
    return call.reply.error(commands::wrong_arity("pubsub|channels"));
  }
  std::optional<std::string_view> pattern;
  if (call.args.size() == 3) pattern = call.args[2];
  if (pattern && pattern->size() > Channels::kPatternBytes) {
    return call.reply.error(fmt::format("LIMIT a pattern has at most {} bytes (pattern-bytes)",
                                        Channels::kPatternBytes));
  }
  const auto names = call.table.pushes.channels.names_like(pattern);
  call.reply.array(names.size());
  for (const std::string_view name : names) call.reply.bulk(name);
}

// Redis answers no map here, in RESP3 either.
void listener_counts(LocalCall& call) {
  call.reply.array(2 * (call.args.size() - 2));
  for (std::size_t i = 2; i < call.args.size(); ++i) {
    call.reply.bulk(call.args[i]);
    call.reply.integer(
        static_cast<std::int64_t>(call.table.pushes.channels.listeners(call.args[i])));
  }
}

void pattern_count(LocalCall& call) {
  call.reply.integer(static_cast<std::int64_t>(call.table.pushes.channels.pattern_count()));
}

void help(LocalCall& call) { commands::answer_help("pubsub", call.reply); }

// ---- elections

void observe(LocalCall& call) {
  if (call.connection.session.version != resp::Version::resp3) {
    return call.reply.error(
        fmt::format("ERR ELECT.OBSERVE pushes, which needs RESP3 (HELLO 3); in RESP2 use SUBSCRIBE "
                    "{}elect:<name>",
                    Channels::kOwnPrefix));
  }
  const auto names = names_in(call);
  Channels& channels = call.table.pushes.channels;
  if (names.front().empty()) return call.reply.error("ERR an election's name must not be empty");
  if (const auto refused = channels.refusal(call.connection, Kind::election, names)) {
    return call.reply.error(*refused);
  }
  channels.subscribe(call.connection, Kind::election, names.front());
  call.reply.ok();
}

void unobserve(LocalCall& call) {
  Connection& connection = call.connection;
  const bool observed = connection.session.subscriptions.elections.contains(call.args[1]);
  call.table.pushes.channels.unsubscribe(connection, Kind::election, call.args[1]);
  call.reply.integer(observed ? 1 : 0);
}

}  // namespace

std::vector<LocalCommand> pubsub_commands() {
  return {{"subscribe", subscribe, After::answers},
          {"psubscribe", psubscribe, After::answers},
          {"unsubscribe", unsubscribe, After::answers},
          {"punsubscribe", punsubscribe, After::answers},
          {"publish", publish, After::answers},
          {"pubsub|channels", channel_names},
          {"pubsub|numsub", listener_counts},
          {"pubsub|numpat", pattern_count},
          {"pubsub|help", help},
          {"elect.observe", observe, After::answers},
          {"elect.unobserve", unobserve, After::answers}};
}

}  // namespace holdfast::server

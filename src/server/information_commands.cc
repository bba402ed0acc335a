// INFO, ROLE, COMMAND: what this node and its cluster are like.
#include <fmt/format.h>

#include <algorithm>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/roster.h"
#include "commands/rows.h"
#include "server/dispatch.h"
#include "server/info.h"

namespace holdfast::server {
namespace {

void info(LocalCall& call) {
  std::vector<std::string_view> wanted(call.args.begin() + 1, call.args.end());
  call.reply.verbatim(info_text(call.table, wanted));
}

// "host:port" as two, the port 0 if there is none.
std::pair<std::string, std::int64_t> split(const std::string& address) {
  const auto parsed = env::Address::parse(address);
  return parsed ? std::pair(parsed->host, std::int64_t{parsed->port}) : std::pair(address, 0L);
}

void role(LocalCall& call) {
  resp::ReplyWriter& reply = call.reply;
  Services& services = call.table.services;
  const auto status = services.status();
  const auto views = services.peer_views();
  if (status && status->protocol.role == consensus::Role::leader) {
    reply.array(3);
    reply.bulk("master");
    reply.integer(static_cast<std::int64_t>(status->protocol.commit.value));
    const auto& peers = status->protocol.peers;
    reply.array(peers.size());
    for (const auto& peer : peers) {
      const auto [host, port] = split(address_of(services, peer.node));
      reply.array(3);
      reply.bulk(host);
      reply.bulk_integer(port);
      reply.bulk_integer(static_cast<std::int64_t>(peer.match.value));
    }
    return;
  }
  const NodeId leader = services.leader();
  const auto [host, port] = split(address_of(services, leader));
  reply.array(5);
  reply.bulk("slave");
  reply.bulk(host);
  reply.integer(port);
  reply.bulk(leader ? "connected" : "connect");
  reply.integer(status ? static_cast<std::int64_t>(status->applied.value) : -1);
}

// One map for each node: who it is, and what it is in the group.
void nodes(LocalCall& call) {
  Services& services = call.table.services;
  const auto roster = commands::Roster::decode(services.setting(commands::Roster::kSetting));
  const auto status = services.status();
  const auto views = services.peer_views();
  if (!roster || !status) return call.reply.error("NOLEADER this node is not part of a cluster yet");
  const consensus::Membership& members = status->protocol.membership;
  call.reply.array(roster->nodes.size());
  for (const auto& one : roster->nodes) {
    const bool self = one.node == services.self();
    const auto view = std::find_if(views.begin(), views.end(),
                                   [&](const auto& other) { return other.node == one.node; });
    const std::string_view role = one.node == services.leader()     ? "leader"
                                  : members.is_voter(one.node)      ? "voter"
                                  : members.contains(one.node)      ? "learner"
                                                                    : "none";
    call.reply.map(6);
    call.reply.bulk("node");
    call.reply.integer(static_cast<std::int64_t>(one.node.value));
    call.reply.bulk("address");
    call.reply.bulk(one.address);
    call.reply.bulk("peer-address");
    call.reply.bulk(one.peer_address);
    call.reply.bulk("state");
    call.reply.bulk(commands::name_of(one.state));
    call.reply.bulk("role");
    call.reply.bulk(role);
    call.reply.bulk("connected");
    call.reply.integer(self || (view != views.end() && view->connected) ? 1 : 0);
  }
}

// HOLDFAST TRANSFER [node]: on the leader. Begun when it is answered; how it ended shows in INFO
// (holdfast_transfer), and who leads in HOLDFAST NODES.
void transfer(LocalCall& call) {
  Services& services = call.table.services;
  const auto status = services.status();
  if (!status || status->protocol.role != consensus::Role::leader) {
    return call.reply.error(fmt::format("ERR this node does not lead; ask the leader, {}",
                                        address_of(services, services.leader())));
  }
  if (call.args.size() > 3) return call.reply.error(commands::kSyntaxError);
  NodeId to;
  if (call.args.size() == 3) {
    const auto number = commands::parse_unsigned(call.args[2]);
    if (!number) return call.reply.error(commands::kNotInteger);
    to = NodeId(*number);
    if (!status->protocol.membership.is_voter(to)) {
      return call.reply.error(fmt::format("ERR node {} does not vote here, so it cannot lead", to));
    }
  }
  services.hand_over(to);
  call.reply.ok();
}

// HOLDFAST IMAGE index offset: null while there is nothing yet; else index, size, bytes.
void image(LocalCall& call) {
  const auto index = commands::parse_unsigned(call.args[2]);
  const auto offset = commands::parse_unsigned(call.args[3]);
  if (!index || !offset) return call.reply.error(commands::kNotInteger);
  const auto image = call.table.services.image(call.connection.id(), Index(*index), *offset);
  if (!image) return call.reply.error(image.error().message);
  if (image->index == Index()) return call.reply.null_array();
  call.reply.array(3);
  call.reply.integer(static_cast<std::int64_t>(image->index.value));
  call.reply.integer(static_cast<std::int64_t>(image->size));
  call.reply.bulk(image->bytes);
}

void command(LocalCall& call) { commands::answer_command(call.args, call.reply); }

}  // namespace

std::vector<LocalCommand> information_commands() {
  std::vector<LocalCommand> all = {
      {"holdfast|image", image, After::answers},
      {"holdfast|nodes", nodes, After::applied},
      {"holdfast|transfer", transfer, After::answers},
      {"info", info, After::applied},
      {"role", role, After::applied}};
  for (const std::string_view name :
       {"command", "command|count", "command|docs", "command|getkeys", "command|getkeysandflags",
        "command|help", "command|info", "command|list"}) {
    all.push_back({name, command});
  }
  return all;
}

}  // namespace holdfast::server

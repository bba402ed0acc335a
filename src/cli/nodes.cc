// `holdfast nodes`: who belongs to a cluster and who votes; drain or remove a node, and wait until
// that is done. `holdfast transfer`: another node is to lead.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/access.h"
#include "cli/json_text.h"
#include "cli/server_info.h"
#include "cli/tools.h"
#include "env/network.h"

namespace holdfast::cli {
namespace {

constexpr Duration kPatienceWithOne = seconds(5);  // others may know as well
constexpr auto kLookAgain = std::chrono::milliseconds(100);

struct NodesOptions {
  std::string server = "127.0.0.1:7379";
  Access access;
  bool json = false;
  int wait_s = 60;
  std::uint64_t node = 0;
};

struct NodeRow {
  std::string node, address, peer_address, state, role, connected;
};

Result<std::vector<NodeRow>> rows_of(const resp::Reply& reply) {
  if (reply.is_error()) return Error{reply.text};
  std::vector<NodeRow> rows;
  for (const resp::Reply& item : reply.items) {
    Info fields;
    for (std::size_t i = 0; i + 1 < item.items.size(); i += 2) {
      const resp::Reply& value = item.items[i + 1];
      const bool number = value.kind == resp::Reply::Kind::integer;
      fields[item.items[i].text] = number ? fmt::to_string(value.number) : value.text;
    }
    rows.push_back({field(fields, "node"), field(fields, "address"), field(fields, "peer-address"),
                    field(fields, "state"), field(fields, "role"), field(fields, "connected")});
  }
  return rows;
}

Result<client::Connection> reach(const NodesOptions& options) {
  auto address = env::Address::parse(options.server);
  if (!address) return address.error();
  return log_in(*address, options.access, kPatienceWithOne);
}

Result<std::vector<NodeRow>> gather_nodes(client::Connection& server) {
  auto reply = server.ask({"HOLDFAST", "NODES"});
  if (!reply) return reply.error();
  return rows_of(*reply);
}

void print_nodes_json(const std::vector<NodeRow>& rows) {
  std::string text;
  for (const NodeRow& row : rows) {
    text += fmt::format(
        R"({}{{"node":{},"address":{},"peer_address":{},"state":{},"role":{},"connected":{}}})",
        text.empty() ? "" : ",", row.node, json_text(row.address), json_text(row.peer_address),
        json_text(row.state), json_text(row.role), row.connected == "1" ? "true" : "false");
  }
  fmt::print("[{}]\n", text);
}

int list_nodes(const NodesOptions& options) {
  auto server = reach(options);
  if (!server) return complain(server.error().message);
  const auto rows = gather_nodes(*server);
  if (!rows) return complain(rows.error().message);
  if (options.json) {
    print_nodes_json(*rows);
    return 0;
  }
  constexpr auto kLine = "{:<6}{:<24}{:<24}{:<10}{:<9}{}\n";
  fmt::print(kLine, "node", "address", "peers", "state", "role", "connected");
  for (const NodeRow& row : *rows) {
    fmt::print(kLine, row.node, row.address, row.peer_address, row.state, row.role,
               row.connected == "1" ? "yes" : "no");
  }
  return 0;
}

// Whom else to ask how it went: whoever is removed ends when that is done.
std::vector<env::Address> others_than(const NodesOptions& options, client::Connection& server) {
  std::vector<env::Address> others;
  const auto asked = env::Address::parse(options.server);
  const auto info = server.ask({"INFO", "HOLDFAST"});
  const auto rows = gather_nodes(server);
  if (!asked || !info || !rows) return others;
  for (const NodeRow& row : *rows) {
    const auto address = other_server(*asked, parse_info(info->text), row.address);
    if (address && row.node != fmt::to_string(options.node)) others.push_back(*address);
  }
  return others;
}

// The rows as this server has them, or, if it does not answer any more, as one of the others has.
Result<std::vector<NodeRow>> gather_somewhere(const NodesOptions& options,
                                              std::optional<client::Connection>& server,
                                              const std::vector<env::Address>& others) {
  auto rows = gather_nodes(*server);
  for (auto other = others.begin(); !rows && other != others.end(); ++other) {
    auto next = log_in(*other, options.access, kPatienceWithOne);
    if (!next) continue;
    server.emplace(*std::move(next));
    rows = gather_nodes(*server);
  }
  return rows;
}

// Asks, then waits until the node has the role that it should have ("": it is gone).
int change(const NodesOptions& options, const std::vector<std::string_view>& words, bool may_vote,
           bool stays) {
  auto server = reach(options);
  if (!server) return complain(server.error().message);
  const std::vector<env::Address> others = others_than(options, *server);
  const auto reply = server->ask(words);
  if (!reply) return complain(reply.error().message);
  if (reply->is_error()) return complain(reply->text);
  std::optional<client::Connection> answering(*std::move(server));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(options.wait_s);
  while (std::chrono::steady_clock::now() < until) {
    const auto rows = gather_somewhere(options, answering, others);
    if (!rows) {
      return complain(fmt::format(
          "the cluster has taken note of it; whether it is done is not known, since neither this node nor "
          "another one answers any more: {}",
          rows.error().message));
    }
    const auto row = std::find_if(rows->begin(), rows->end(), [&](const NodeRow& one) {
      return one.node == fmt::to_string(options.node);
    });
    const bool gone = row == rows->end();
    if (stays ? !gone && (may_vote || row->role == "learner") : gone) return 0;
    std::this_thread::sleep_for(kLookAgain);
  }
  return complain(fmt::format(
      "the cluster has taken note of it, but after {} s it is not done: another node has to catch "
      "up first, or the others are not a majority without this one. `holdfast nodes` shows how it "
      "is",
      options.wait_s));
}

// Only the leader can hand over: it is asked, whoever was named.
int transfer(const NodesOptions& options) {
  auto asked = env::Address::parse(options.server);
  if (!asked) return complain(asked.error().message);
  const auto info = ask_info(*asked, options.access, kPatienceWithOne);
  if (!info) return complain(info.error().message);
  const std::string before = field(*info, "holdfast_leader");
  const auto leader = field(*info, "holdfast_role") == "leader"
                          ? asked
                          : other_server(*asked, *info, field(*info, "holdfast_leader_address"));
  if (!leader) return complain("no leader is known; nothing was done");
  auto server = log_in(*leader, options.access, kPatienceWithOne);
  if (!server) return complain(server.error().message);
  const std::string to = fmt::to_string(options.node);
  std::vector<std::string_view> words = {"HOLDFAST", "TRANSFER"};
  if (options.node != 0) words.push_back(to);
  const auto reply = server->ask(words);
  if (!reply) return complain(reply.error().message);
  if (reply->is_error()) return complain(reply->text);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(options.wait_s);
  while (std::chrono::steady_clock::now() < until) {
    const auto now = ask_info(*leader, options.access, kPatienceWithOne);
    const std::string leads = now ? field(*now, "holdfast_leader") : "0";
    if (leads != "0" && (options.node == 0 ? leads != before : leads == to)) {
      fmt::print("node {} leads\n", leads);
      return 0;
    }
    const std::string outcome = now ? field(*now, "holdfast_transfer") : "";
    if (outcome.find("given up") != std::string::npos) {
      return complain(fmt::format("leadership stayed where it was: {}", outcome));
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return complain("leadership stayed where it was: nobody else could take it in time");
}

void add_common(Tool tool, const std::shared_ptr<NodesOptions>& options) {
  tool.add_option("--server", options->server, "any node's client address").shows_default();
  add_access(tool, options->access);
}

Tool add_change(Tool nodes, const std::shared_ptr<NodesOptions>& options, const char* name,
                const char* help) {
  Tool tool = nodes.add_tool(name, help);
  add_common(tool, options);
  tool.add_option("node", options->node, "its number").required();
  tool.add_option("--wait", options->wait_s, "seconds to wait until it is done").shows_default();
  return tool;
}

}  // namespace

void add_nodes(Tool app, int& exit_code) {
  auto options = std::make_shared<NodesOptions>();
  Tool nodes = app.add_tool("nodes", "Who belongs to a cluster; drain, remove");
  add_common(nodes, options);
  nodes.add_flag("--json", options->json, "print JSON");
  nodes.at_most_one_tool();
  nodes.on_chosen([nodes, options, &exit_code] {
    if (!nodes.chosen_a_tool()) exit_code = list_nodes(*options);
  });

  Tool hand_over = app.add_tool("transfer", "Hand leadership to another node");
  add_common(hand_over, options);
  hand_over.add_option("node", options->node, "its number; else whoever is furthest");
  hand_over.add_option("--wait", options->wait_s, "seconds to wait until it leads").shows_default();
  hand_over.on_chosen([options, &exit_code] { exit_code = transfer(*options); });

  const auto number = [options] { return fmt::to_string(options->node); };
  add_change(nodes, options, "remove", "Take a node out of the cluster, for good")
      .on_chosen([=, &exit_code] {
        exit_code = change(*options, {"HOLDFAST", "REMOVE", number()}, false, false);
      });
  add_change(nodes, options, "drain", "Keep a node from voting and leading")
      .on_chosen([=, &exit_code] {
        exit_code = change(*options, {"HOLDFAST", "DRAIN", number()}, false, true);
      });
  add_change(nodes, options, "undrain", "Let a drained node vote again").on_chosen([=, &exit_code] {
    exit_code = change(*options, {"HOLDFAST", "DRAIN", number(), "OFF"}, true, true);
  });
}

}  // namespace holdfast::cli

// `holdfast status`: the nodes of a cluster, who leads, how far each is.
//
// Asks one server, then the leader that it names, then every replica that the leader names. What
// cannot be reached is shown as what the leader knows of it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/access.h"
#include "cli/json_text.h"
#include "cli/server_info.h"
#include "cli/tools.h"
#include "env/network.h"

namespace holdfast::cli {
namespace {

struct StatusOptions {
  std::string server = "127.0.0.1:7379";
  Access access;
  bool json = false;
};

// What a server told, and where it was asked.
struct Asked {
  env::Address at;
  Info info;
};

Result<Asked> ask_node(const StatusOptions& options, const Result<env::Address>& server) {
  if (!server) return server.error();
  auto info = ask_info(*server, options.access, kBriefPatience);
  if (!info) return info.error();
  return Asked{*server, *std::move(info)};
}

// What the leader says of a replica: "node=2,address=127.0.0.1:7380,match=5,lag=0".
Info parse_replica(std::string_view text) {
  Info replica;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    const std::string_view pair = text.substr(0, end);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos) {
      replica.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return replica;
}

struct ReplicaRow {
  std::string node, address, role, epoch, commit, applied, snapshot, lag;
  std::string data = "-";  // whether it holds what the others hold
};

// INFO tells of a difference; people ask whether the data is right, and may grow.
std::string data_of(const Info& info) {
  std::string difference = field(info, "holdfast_divergence");
  if (difference == "none") difference = "agrees";
  return field(info, "holdfast_disk") == "full" ? difference + ", disk full" : difference;
}

ReplicaRow row_of(const Info& info, std::string address, std::string lag) {
  return {field(info, "holdfast_node"),           std::move(address),
          field(info, "holdfast_role"),           field(info, "holdfast_epoch"),
          field(info, "holdfast_commit_index"),   field(info, "holdfast_applied_index"),
          field(info, "holdfast_snapshot_index"), std::move(lag),
          data_of(info)};
}

struct Status {
  std::string cluster;
  std::string leader;  // "0": none known
  std::vector<ReplicaRow> rows;
};

Result<Status> gather_status(const StatusOptions& options) {
  auto asked = ask_node(options, env::Address::parse(options.server));
  if (!asked) return asked.error();
  Asked from = *std::move(asked);
  std::string address = options.server;
  Status status{field(from.info, "holdfast_cluster_id"), field(from.info, "holdfast_leader"), {}};
  if (field(from.info, "holdfast_role") != "leader") {
    status.rows.push_back(row_of(from.info, options.server, "-"));
    const std::string there = field(from.info, "holdfast_leader_address");
    auto told = ask_node(options, other_server(from.at, from.info, there));
    if (!told || field(told->info, "holdfast_role") != "leader") return status;
    from = *std::move(told);
    address = there;
  }
  const Info& leader = from.info;
  status.leader = field(leader, "holdfast_node");
  status.rows = {row_of(leader, address, "0")};
  for (int i = 0; leader.contains(fmt::format("replica{}", i)); ++i) {
    const Info replica = parse_replica(field(leader, fmt::format("replica{}", i)));
    const std::string there = field(replica, "address");
    auto told = ask_node(options, other_server(from.at, leader, there));
    if (told) {
      status.rows.push_back(row_of(told->info, there, field(replica, "lag")));
    } else {
      status.rows.push_back({field(replica, "node"), there, "unreachable", "-", "-", "-", "-",
                             field(replica, "lag"), "-"});
    }
  }
  return status;
}

void print_status(const Status& status) {
  fmt::print("cluster {}   group 0   leader {}\n\n", status.cluster,
             status.leader == "0" ? std::string("unknown") : "node " + status.leader);
  constexpr auto kLine = "{:<6}{:<24}{:<13}{:<9}{:>12}{:>12}{:>12}{:>8}  {}\n";
  fmt::print(kLine, "node", "address", "role", "epoch", "commit", "applied", "snapshot", "lag",
             "data");
  for (const ReplicaRow& row : status.rows) {
    fmt::print(kLine, row.node, row.address, row.role, row.epoch, row.commit, row.applied,
               row.snapshot, row.lag, row.data);
  }
}

void print_status_json(const Status& status) {
  std::string nodes;
  for (const ReplicaRow& row : status.rows) {
    nodes +=
        fmt::format(R"({}{{"node":{},"address":{},"role":{},"epoch":{},"commit":{},"applied":{},)"
                    R"("snapshot":{},"lag":{},"data":{}}})",
                    nodes.empty() ? "" : ",", json_text(row.node), json_text(row.address),
                    json_text(row.role), json_text(row.epoch), json_text(row.commit),
                    json_text(row.applied), json_text(row.snapshot), json_text(row.lag), json_text(row.data));
  }
  fmt::print(R"({{"cluster":{},"groups":[{{"group":0,"leader":{},"replicas":[{}]}}]}})"
             "\n",
             json_text(status.cluster), json_text(status.leader), nodes);
}

int show_status(const StatusOptions& options) {
  const auto status = gather_status(options);
  if (!status) {
    fmt::print(stderr, "holdfast: {}\n", status.error().message);
    return 1;
  }
  if (options.json) {
    print_status_json(*status);
  } else {
    print_status(*status);
  }
  return 0;
}

}  // namespace

void add_status(Tool app, int& exit_code) {
  auto options = std::make_shared<StatusOptions>();
  Tool tool = app.add_tool("status", "Show the nodes of a cluster and how far each is");
  tool.add_option("--server", options->server, "any node's client address").shows_default();
  add_access(tool, options->access);
  tool.add_flag("--json", options->json, "print JSON");
  tool.on_chosen([options, &exit_code] { exit_code = show_status(*options); });
}

}  // namespace holdfast::cli

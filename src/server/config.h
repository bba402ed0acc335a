// What a node can be told: flags over HOLDFAST_* variables over a TOML file over these defaults.
// Each setting says its unit, its range, and whether it may change while the node runs.
//
// Node-wide only. What apply can observe is replicated instead (keyspace settings), never here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "env/network.h"

namespace holdfast::server {

struct Config {
  env::Address listen{"127.0.0.1", 7379};  // clients; at restart
  std::uint16_t peer_port = 0;             // 0: client port + 10000; at restart
  std::string data = "./holdfast-data";    // folder; at restart
  std::vector<env::Address> join;          // the founding nodes' client addresses; first start only
  bool bootstrap = false;                  // an empty folder may become a cluster off loopback
  std::string log_level = "info";          // debug | info | warning | error; online
  std::string log_format = "text";         // text | json; at restart
  std::int64_t heartbeat_ms = 50;          // 5 … 10000; at restart
  std::int64_t election_ms = 300;          // at least 3 heartbeats; at restart
  std::int64_t leader_wait_ms = 2000;      // how long a command is held without a leader; online
  std::int64_t outcome_wait_ms = 5000;     // then -UNKNOWN; online
  std::int64_t waiter_grace_ms = 1000;     // a waiter without connection keeps its place; online
  std::int64_t max_clients = 10000;        // online
  std::int64_t timeout_s = 0;              // idle clients are closed; 0: never; online
  std::int64_t max_value_bytes = 64 << 20; // 1 MiB … 512 MiB ("proto-max-bulk-len"); at restart
  std::int64_t segment_bytes = 64 << 20;   // of the log; at restart
  std::int64_t snapshot_after_bytes = 64 << 20;  // online
  bool protected_mode = true;              // refuse clients from elsewhere while there is no password

  env::Address peer_listen() const;
};

}  // namespace holdfast::server

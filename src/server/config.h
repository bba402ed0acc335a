// What a node can be told: flags over HOLDFAST_* variables over a TOML file over these defaults.
// Each setting says its unit, its range, and whether it may change while the node runs.
//
// Node-wide only. What apply can observe is replicated instead (keyspace settings), never here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "env/network.h"

namespace holdfast::server {

// The peer port is the client port plus this, the cluster-client port likewise, unless given.
inline constexpr std::uint16_t kPeerPortOffset = 10000;
// And the HTTP port.
inline constexpr std::uint16_t kHttpPortOffset = 1000;

// Where a node is found: HOST:PORT of its clients, and the port at which it meets other nodes.
struct Place {
  env::Address client;
  std::uint16_t peer_port = 0;  // 0: client port + kPeerPortOffset

  Place() = default;
  Place(env::Address address, std::uint16_t peer = 0)
      : client(std::move(address)), peer_port(peer) {}

  env::Address peer() const;
  bool operator==(const Place&) const = default;
  // HOST:PORT or HOST:PORT@PEERPORT.
  static Result<Place> parse(std::string_view text);
  std::string text() const;
};

struct Config {
  env::Address listen{"127.0.0.1", 7379};  // clients, and how others know this node; at restart
  std::uint16_t peer_port = 0;             // 0: client port + 10000; at restart
  std::string http_listen;                 // "": loopback, client port + 1000; "off"; at restart
  std::string data = "./holdfast-data";    // folder; at restart
  std::vector<Place> join;                 // the founding nodes, the same list on each; first start
  bool bootstrap = false;                  // an empty folder may become a cluster off loopback
  std::string log_level = "info";          // debug | info | warning | error; online
  std::string log_format = "text";         // text | json; at restart
  std::int64_t heartbeat_ms = 50;          // 5 … 10000; at restart
  std::int64_t election_ms = 300;          // at least 3 heartbeats; at restart
  std::string priority = "normal";         // normal | last: leads only if no other can; at restart
  std::string reads = "quorum";            // quorum | lease: how this node, leading, answers; online
  std::int64_t leader_wait_ms = 2000;      // how long a command is held without a leader; online
  std::int64_t outcome_wait_ms = 5000;     // then -UNKNOWN; online
  std::int64_t waiter_grace_ms = 1000;     // a waiter without connection keeps its place; online
  std::int64_t max_clients = 10000;        // online
  std::int64_t loops = 1;  // threads for the work of the node; the first does all but I/O; at restart
  std::int64_t busy_poll_us = 100;  // a busy loop looks for so long before it sleeps; 0: never; online
  std::int64_t timeout_s = 0;              // idle clients are closed; 0: never; online
  std::int64_t max_value_bytes = 64 << 20;  // 1 MiB … 512 MiB ("proto-max-bulk-len"); at restart
  std::int64_t segment_bytes = 64 << 20;    // of the log; at restart
  std::int64_t snapshot_after_bytes = 64 << 20;  // at restart
  std::int64_t snapshot_after_max_bytes = 1 << 30;  // where the last one is larger; at restart
  // Of all snapshots to other nodes together; 0: no limit; online
  std::int64_t snapshot_send_bytes_per_s = 32 << 20;
  std::int64_t scrub_period_s = 6 * 3600;  // files are read again; 0: never; online
  std::int64_t scrub_bytes_per_s = 8 << 20;  // so fast; 0: no limit; online
  std::int64_t check_walk_s = 600;  // replicas compare all they hold within it; at restart
  std::int64_t replace_after_s = 300;  // a voter silent for so long is replaced; 0: never; at restart
  std::string notify_keyspace_events;  // letters, see key_events.h; "": none; online
  std::string audit_log;                 // folder of the audit log; "": none; at restart
  std::string audit_level = "losses";    // changes | losses | all; online
  std::int64_t audit_max_bytes = 64 << 20;  // of one of its files; online
  std::int64_t audit_files = 16;            // then the oldest is removed; online
  std::int64_t max_level = 0;  // the highest semantics level that it agrees to; 0: the newest; online
  std::string cluster_secret;  // a file; empty: nodes meet on loopback only; at restart
  bool protected_mode = true;  // refuse clients from elsewhere while there is no password
  // TLS for clients. 0: none; the port of `listen`: instead of the plain one; at restart
  std::int64_t tls_port = 0;
  // PEM files, read at start, on SIGHUP and when they are set; online
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string tls_ca_cert_file;          // whose certificates clients may show
  std::string tls_auth_clients = "yes";  // yes | optional | no: whether they must; online
  // TLS between nodes: all three files or none (then peers speak in plain); online, as those above
  std::string peer_tls_cert_file;
  std::string peer_tls_key_file;
  std::string peer_tls_ca_cert_file;
  std::string peer_tls_name;  // that every node's certificate must have; "": the host dialled; at restart

  bool peer_tls() const { return !peer_tls_cert_file.empty(); }
  bool plain_clients() const { return tls_port != listen.port; }
  // Where clients speak TLS; nothing if nowhere.
  std::optional<env::Address> tls_listen() const;
  // Where this node meets others. Never off loopback without a cluster secret or TLS.
  env::Address peer_listen() const;
  // Where health and metrics are told; nothing if nowhere.
  std::optional<env::Address> http_address() const;
};

// ---- Settings by name ---------------------------------------------------------------------------

// One setting: how it is called in a TOML file and as --name; as a variable it is HOLDFAST_NAME
// with underscores.
struct Setting {
  std::string_view name;
  std::string_view range;  // for people
  std::string_view help;
  bool online = false;  // may change while the node runs
  bool quoted = false;  // text in TOML
  bool list = false;    // several, separated by commas
  bool certificates = false;  // names a file of TLS, or what is asked of it
  Result<void> (*set)(Config&, const Setting&, std::string_view value) = nullptr;
  std::string (*get)(const Config&, const Setting&) = nullptr;
  std::int64_t Config::*number = nullptr;
  std::int64_t low = 0;
  std::int64_t high = 0;
  bool or_zero = false;  // 0 is below its lowest value and means something else

  bool allows(std::int64_t value) const {
    return (value >= low && value <= high) || (or_zero && value == 0);
  }
};

std::span<const Setting> all_settings();
const Setting* find_setting(std::string_view name);  // null if unknown; '_' counts as '-'

// One source of settings: the command line, the environment, a file.
struct ConfigLayer {
  struct Value {
    std::string name;
    std::string text;
    std::string origin;  // for people, for example "--listen" or "holdfast.toml"
  };
  std::vector<Value> values;
};

// A configuration and, for each setting in the order of all_settings(), where its value is from.
struct EffectiveConfig {
  Config config;
  std::vector<std::string> origins;
};

// Sets one value. The error names the setting, the value and what is allowed.
Result<void> apply_setting(Config& config, std::string_view name, std::string_view value);
// Whether the settings of TLS fit together; what is in the files is not looked at.
Result<void> check_certificate_settings(const Config& config);
// Applies layers over the defaults, the weakest first, then checks what concerns several settings.
Result<EffectiveConfig> make_config(std::span<const ConfigLayer> layers);
// As TOML, each line with the origin of its value.
std::string print_config(const EffectiveConfig& effective);

}  // namespace holdfast::server

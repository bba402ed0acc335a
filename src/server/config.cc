#include "server/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "server/audit_lines.h"
#include "server/key_events.h"

namespace holdfast::server {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kMebi = 1 << 20;

Error refused(const Setting& setting, std::string_view value) {
  return Error{
      fmt::format("{} = '{}' is not possible: it is {}", setting.name, value, setting.range)};
}

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// ---- One setter and getter for each kind of value -----------------------------------------------

Result<void> set_number(Config& config, const Setting& setting, std::string_view value) {
  const auto number = to_number(value);
  if (!number || !setting.allows(*number)) return refused(setting, value);
  config.*setting.number = *number;
  return {};
}

std::string get_number(const Config& config, const Setting& setting) {
  return fmt::to_string(config.*setting.number);
}

template <bool Config::*field>
Result<void> set_flag(Config& config, const Setting& setting, std::string_view value) {
  const bool yes = value == "true" || value == "yes" || value == "on" || value == "1";
  const bool no = value == "false" || value == "no" || value == "off" || value == "0";
  if (!yes && !no) return refused(setting, value);
  config.*field = yes;
  return {};
}

template <bool Config::*field>
std::string get_flag(const Config& config, const Setting&) {
  return config.*field ? "true" : "false";
}

template <std::string Config::*field>
std::string get_text(const Config& config, const Setting&) {
  return config.*field;
}

Result<void> set_audit_level(Config& config, const Setting& setting, std::string_view value) {
  if (!parse_audit_level(value)) return refused(setting, value);
  config.audit_level = value;
  return {};
}

Result<void> set_key_events(Config& config, const Setting& setting, std::string_view value) {
  const auto flags = KeyEventFlags::parse(value);
  if (!flags) return refused(setting, value);
  config.notify_keyspace_events = flags->text();
  return {};
}

Result<void> set_listen(Config& config, const Setting& setting, std::string_view value) {
  auto address = env::Address::parse(value);
  if (!address) return refused(setting, value);
  config.listen = *std::move(address);
  return {};
}

std::string get_listen(const Config& config, const Setting&) { return config.listen.text(); }

Result<void> set_peer_port(Config& config, const Setting& setting, std::string_view value) {
  const auto number = to_number(value);
  if (!number || *number < 0 || *number > 65535) return refused(setting, value);
  config.peer_port = static_cast<std::uint16_t>(*number);
  return {};
}

std::string get_peer_port(const Config& config, const Setting&) {
  return fmt::to_string(config.peer_listen().port);
}

Result<void> set_http_listen(Config& config, const Setting& setting, std::string_view value) {
  if (!value.empty() && value != "off") {
    const auto address = env::Address::parse(value);
    if (!address || address->port == 0) return refused(setting, value);
  }
  config.http_listen = value;
  return {};
}

std::string get_http_listen(const Config& config, const Setting&) {
  const auto address = config.http_address();
  return address ? address->text() : "off";
}

Result<void> set_data(Config& config, const Setting& setting, std::string_view value) {
  if (value.empty()) return refused(setting, value);
  config.data = value;
  return {};
}

// Any text, the empty one too.
template <std::string Config::*field>
Result<void> set_text(Config& config, const Setting&, std::string_view value) {
  config.*field = value;
  return {};
}

Result<void> set_join(Config& config, const Setting& setting, std::string_view value) {
  std::vector<Place> places;
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    auto place = Place::parse(value.substr(0, comma));
    if (!place) return refused(setting, value.substr(0, comma));
    places.push_back(*std::move(place));
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  config.join = std::move(places);
  return {};
}

std::string get_join(const Config& config, const Setting&) {
  std::string text;
  for (const Place& place : config.join) {
    if (!text.empty()) text += ',';
    text += place.text();
  }
  return text;
}

Result<void> set_level(Config& config, const Setting& setting, std::string_view value) {
  for (const std::string_view level : {"debug", "info", "warning", "error"}) {
    if (value == level) {
      config.log_level = value;
      return {};
    }
  }
  return refused(setting, value);
}

Result<void> set_auth_clients(Config& config, const Setting& setting, std::string_view value) {
  if (value != "yes" && value != "no" && value != "optional") return refused(setting, value);
  config.tls_auth_clients = value;
  return {};
}

Result<void> set_reads(Config& config, const Setting& setting, std::string_view value) {
  if (value != "quorum" && value != "lease") return refused(setting, value);
  config.reads = value;
  return {};
}

Result<void> set_priority(Config& config, const Setting& setting, std::string_view value) {
  if (value != "normal" && value != "last") return refused(setting, value);
  config.priority = value;
  return {};
}

Result<void> set_format(Config& config, const Setting& setting, std::string_view value) {
  if (value != "text" && value != "json") return refused(setting, value);
  config.log_format = value;
  return {};
}

// ---- The table ----------------------------------------------------------------------------------

constexpr bool kOnline = true;
constexpr bool kAtRestart = false;

constexpr Setting number(std::string_view name, std::int64_t Config::*field, std::int64_t low,
                         std::int64_t high, std::string_view range, bool online,
                         std::string_view help) {
  return {.name = name,
          .range = range,
          .help = help,
          .online = online,
          .set = set_number,
          .get = get_number,
          .number = field,
          .low = low,
          .high = high};
}

// Bytes in a second, or 0.
constexpr Setting rate(std::string_view name, std::int64_t Config::*field, std::string_view help) {
  Setting setting = number(name, field, 64 * 1024, 1024 * 1024 * kMebi,
                           "65536 … 1099511627776 bytes a second, or 0", kOnline, help);
  setting.or_zero = true;
  return setting;
}

// A file of TLS in PEM form.
template <std::string Config::*field>
constexpr Setting tls_file(std::string_view name, std::string_view help) {
  return {.name = name,
          .range = "the path of a PEM file, or nothing",
          .help = help,
          .online = kOnline,
          .quoted = true,
          .certificates = true,
          .set = set_text<field>,
          .get = get_text<field>};
}

constexpr Setting kSettings[] = {
    {.name = "listen",
     .range = "HOST:PORT with a port of 1 … 65535, or 0 if clients speak TLS only",
     .help = "where clients connect",
     .quoted = true,
     .set = set_listen,
     .get = get_listen},
    {.name = "peer-port",
     .range = "a port of 1 … 65535, or 0 for the client port + 10000",
     .help = "where other nodes connect",
     .set = set_peer_port,
     .get = get_peer_port},
    {.name = "http-listen",
     .range = "HOST:PORT, or off, or empty for loopback and the client port + 1000",
     .help = "where /live, /ready and /metrics are answered, to anyone who can reach it",
     .quoted = true,
     .set = set_http_listen,
     .get = get_http_listen},
    {.name = "data",
     .range = "the path of a folder",
     .help = "the folder of this node's data",
     .quoted = true,
     .set = set_data,
     .get = get_text<&Config::data>},
    {.name = "join",
     .range = "a list of HOST:PORT or HOST:PORT@PEERPORT, separated by commas",
     .help = "the founding nodes' client addresses, the same list on every node; first start only",
     .quoted = true,
     .list = true,
     .set = set_join,
     .get = get_join},
    {.name = "bootstrap",
     .range = "true or false",
     .help = "an empty folder may become a cluster that serves clients from elsewhere",
     .set = set_flag<&Config::bootstrap>,
     .get = get_flag<&Config::bootstrap>},
    {.name = "log-level",
     .range = "debug, info, warning or error",
     .help = "what is written to stderr",
     .online = kOnline,
     .quoted = true,
     .set = set_level,
     .get = get_text<&Config::log_level>},
    {.name = "log-format",
     .range = "text or json",
     .help = "how it is written",
     .quoted = true,
     .set = set_format,
     .get = get_text<&Config::log_format>},
    number("heartbeat-ms", &Config::heartbeat_ms, 5, 10'000, "5 … 10000 milliseconds", kAtRestart,
           "how often a leader says that it lives"),
    number("election-ms", &Config::election_ms, 15, kMinute, "15 … 60000 milliseconds", kAtRestart,
           "silence of a leader before others stand; at least three heartbeats"),
    {.name = "priority",
     .range = "normal or last",
     .help = "last: this node votes and keeps a copy, and leads only as long as no other voter can",
     .quoted = true,
     .set = set_priority,
     .get = get_text<&Config::priority>},
    {.name = "reads",
     .range = "quorum or lease",
     .help = "how a leader makes sure that its answers to reads are new: by asking a majority, or by "
             "a majority's promises, which trusts clocks",
     .online = kOnline,
     .quoted = true,
     .set = set_reads,
     .get = get_text<&Config::reads>},
    number("leader-wait-ms", &Config::leader_wait_ms, 0, 10 * kMinute, "0 … 600000 milliseconds",
           kOnline, "how long a command waits for a leader before it is refused"),
    number("outcome-wait-ms", &Config::outcome_wait_ms, 1, 10 * kMinute, "1 … 600000 milliseconds",
           kOnline, "how long a command under way waits before its outcome counts as unknown"),
    number("waiter-grace-ms", &Config::waiter_grace_ms, 0, 10 * kMinute, "0 … 600000 milliseconds",
           kOnline, "how long a waiter keeps its place without its connection"),
    number("max-clients", &Config::max_clients, 1, 1'000'000, "1 … 1000000 connections", kOnline,
           "more are refused"),
    number("loops", &Config::loops, 1, 64, "1 … 64 threads", kAtRestart,
           "event loops: one does the work, the others read and write clients' connections for it; 1: it "
           "does that too"),
    number("busy-poll-us", &Config::busy_poll_us, 0, 1'000, "0 … 1000 microseconds", kOnline,
           "how long a node under load looks for what comes next before it sleeps; 0: not at all"),
    number("timeout-s", &Config::timeout_s, 0, 365 * 86'400, "0 … 31536000 seconds, 0 for never",
           kOnline, "after which idle clients are closed"),
    number("max-value-bytes", &Config::max_value_bytes, kMebi, 512 * kMebi,
           "1048576 … 536870912 bytes", kAtRestart, "the longest word of a command"),
    number("segment-bytes", &Config::segment_bytes, kMebi, 1024 * kMebi,
           "1048576 … 1073741824 bytes", kAtRestart, "of one file of the log"),
    number("snapshot-after-bytes", &Config::snapshot_after_bytes, 64 * 1024, 1024 * 1024 * kMebi,
           "65536 … 1099511627776 bytes", kAtRestart,
           "of log since the last snapshot; where that is larger, as much as it"),
    number("snapshot-after-max-bytes", &Config::snapshot_after_max_bytes, 64 * 1024, 1024 * 1024 * kMebi,
           "65536 … 1099511627776 bytes", kAtRestart,
           "of log since the last snapshot, however large that is: a start reads it again"),
    rate("snapshot-send-bytes-per-s", &Config::snapshot_send_bytes_per_s,
         "of all snapshots that are sent to other nodes; 0: no limit"),
    number("scrub-period-s", &Config::scrub_period_s, 0, 30 * 86'400,
           "0 … 2592000 seconds, 0 for never", kOnline,
           "how often the files of the log and the snapshots are read again, to find damage"),
    rate("scrub-bytes-per-s", &Config::scrub_bytes_per_s, "how fast; 0: no limit"),
    number("check-walk-s", &Config::check_walk_s, 1, 7 * 86'400, "1 … 604800 seconds", kAtRestart,
           "within which the replicas compare all that they hold with each other, part by part"),
    number("replace-after-s", &Config::replace_after_s, 0, 30 * 86'400, "0 … 2592000 seconds",
           kAtRestart,
           "of silence after which another node takes a voter's place, if there is one; 0: never"),
    {.name = "notify-keyspace-events",
     .range = "letters of KEAg$xnlshzetd, or nothing for none",
     .help = "which events of keys this node publishes to those who listen at it, as in Redis",
     .online = kOnline,
     .quoted = true,
     .set = set_key_events,
     .get = get_text<&Config::notify_keyspace_events>},
    {.name = "audit-log",
     .range = "the path of a folder, or nothing for none",
     .help = "where the audit log is written, in files audit-*.jsonl; a folder of this node's own",
     .quoted = true,
     .set = set_text<&Config::audit_log>,
     .get = get_text<&Config::audit_log>},
    {.name = "audit-level",
     .range = "changes, losses or all",
     .help = "what is written there: members, settings, forced releases and failed logins; also every "
             "loss; also grants and releases",
     .online = kOnline,
     .quoted = true,
     .set = set_audit_level,
     .get = get_text<&Config::audit_level>},
    number("audit-max-bytes", &Config::audit_max_bytes, 64 * 1024, 1024 * kMebi,
           "65536 … 1073741824 bytes", kOnline, "of one file of the audit log; then comes the next"),
    number("audit-files", &Config::audit_files, 1, 100'000, "1 … 100000 files", kOnline,
           "of the audit log; the oldest is removed when there are more"),
    number("max-level", &Config::max_level, 0, 65535, "0 … 65535", kOnline,
           "the highest level (docs/guide/upgrade.md) that this node agrees to; 0: the newest it "
           "knows"),
    {.name = "cluster-secret",
     .range = "the path of a file, or nothing for no secret",
     .help = "the secret that the nodes of this cluster know and prove to each other",
     .quoted = true,
     .set = set_text<&Config::cluster_secret>,
     .get = get_text<&Config::cluster_secret>},
    {.name = "protected-mode",
     .range = "true or false",
     .help = "clients from elsewhere are refused while no password is set",
     .online = kOnline,
     .set = set_flag<&Config::protected_mode>,
     .get = get_flag<&Config::protected_mode>},
    number("tls-port", &Config::tls_port, 0, 65'535, "a port of 1 … 65535, or 0 for none",
           kAtRestart, "where clients speak TLS; the port of listen: TLS instead of plain there"),
    tls_file<&Config::tls_cert_file>("tls-cert-file", "the certificate that clients are shown"),
    tls_file<&Config::tls_key_file>("tls-key-file", "its private key"),
    tls_file<&Config::tls_ca_cert_file>("tls-ca-cert-file",
                                        "the authorities that vouch for clients"),
    {.name = "tls-auth-clients",
     .range = "yes, optional or no",
     .help = "whether clients must show a certificate",
     .online = kOnline,
     .quoted = true,
     .certificates = true,
     .set = set_auth_clients,
     .get = get_text<&Config::tls_auth_clients>},
    tls_file<&Config::peer_tls_cert_file>("peer-tls-cert-file",
                                          "this node's certificate, shown to other nodes"),
    tls_file<&Config::peer_tls_key_file>("peer-tls-key-file", "its private key"),
    tls_file<&Config::peer_tls_ca_cert_file>("peer-tls-ca-cert-file",
                                             "the authorities that vouch for nodes"),
    {.name = "peer-tls-name",
     .range = "a name, or nothing for the host that is dialled",
     .help = "the name that every node's certificate must have (subjectAltName)",
     .quoted = true,
     .set = set_text<&Config::peer_tls_name>,
     .get = get_text<&Config::peer_tls_name>},
};

Result<void> check_tls(const Config& config) {
  if (config.tls_port != 0 && (config.tls_cert_file.empty() || config.tls_key_file.empty())) {
    return Error{
        "tls-port needs a certificate and its key: name their files with tls-cert-file and "
        "tls-key-file"};
  }
  if (config.tls_port != 0 && config.tls_auth_clients != "no" && config.tls_ca_cert_file.empty()) {
    return Error{fmt::format(
        "tls-auth-clients = {} asks clients for certificates: name the file of the authorities "
        "that sign them with tls-ca-cert-file, or say tls-auth-clients = no",
        config.tls_auth_clients)};
  }
  const bool any = !config.peer_tls_cert_file.empty() || !config.peer_tls_key_file.empty() ||
                   !config.peer_tls_ca_cert_file.empty() || !config.peer_tls_name.empty();
  const bool all = !config.peer_tls_cert_file.empty() && !config.peer_tls_key_file.empty() &&
                   !config.peer_tls_ca_cert_file.empty();
  if (any && !all) {
    return Error{
        "TLS between nodes needs peer-tls-cert-file, peer-tls-key-file and peer-tls-ca-cert-file, "
        "all three: each node shows a certificate and asks the other for one"};
  }
  return {};
}

Result<void> check_together(const Config& config) {
  if (config.listen.port == 0) {
    return Error{
        fmt::format("listen = {} has no port; give one of 1 … 65535, or a tls-port for "
                    "clients that speak TLS",
                    config.listen.text())};
  }
  if (auto checked = check_tls(config); !checked) return checked;
  if (config.election_ms < 3 * config.heartbeat_ms) {
    return Error{fmt::format(
        "election-ms = {} is too short for heartbeat-ms = {}: an election needs the silence of at "
        "least three heartbeats ({} ms), or a leader would be replaced without need",
        config.election_ms, config.heartbeat_ms, 3 * config.heartbeat_ms)};
  }
  if (config.peer_port == 0 && config.listen.port > 65535 - kPeerPortOffset) {
    return Error{fmt::format(
        "listen = {}: the peer port would be {}, which is no port; give one with peer-port",
        config.listen.text(), config.listen.port + kPeerPortOffset)};
  }
  if (config.http_listen.empty() && config.listen.port > 65535 - kHttpPortOffset) {
    return Error{fmt::format(
        "listen = {}: the HTTP port would be {}, which is no port; give one with http-listen, or "
        "say off",
        config.listen.text(), config.listen.port + kHttpPortOffset)};
  }
  for (const Place& place : config.join) {
    if (place.peer_port == 0 && place.client.port > 65535 - kPeerPortOffset) {
      return Error{
          fmt::format("join: the peer port of {0} would be {1}, which is no port; write "
                      "{0}@PEERPORT",
                      place.client.text(), place.client.port + kPeerPortOffset)};
    }
  }
  return {};
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

// ---- Places -------------------------------------------------------------------------------------

env::Address Place::peer() const {
  const int port = peer_port != 0 ? peer_port : client.port + kPeerPortOffset;
  return {client.host, static_cast<std::uint16_t>(port)};
}

Result<Place> Place::parse(std::string_view text) {
  const auto at = text.find('@');
  auto address = env::Address::parse(text.substr(0, at));
  if (!address) return address.error();
  if (address->port == 0) return Error{fmt::format("'{}' has no port", text)};
  Place place{*std::move(address)};
  if (at != std::string_view::npos) {
    const auto port = to_number(text.substr(at + 1));
    if (!port || *port < 1 || *port > 65535) {
      return Error{fmt::format("'{}' is not a place; write HOST:PORT@PEERPORT", text)};
    }
    place.peer_port = static_cast<std::uint16_t>(*port);
  }
  return place;
}

std::string Place::text() const {
  return peer_port == 0 ? client.text() : fmt::format("{}@{}", client.text(), peer_port);
}

env::Address Config::peer_listen() const {
  const env::Address peer = Place(listen, peer_port).peer();
  const bool proven = !cluster_secret.empty() || peer_tls();
  return listen.is_loopback() || proven ? peer : env::Address{"127.0.0.1", peer.port};
}

std::optional<env::Address> Config::tls_listen() const {
  if (tls_port == 0) return std::nullopt;
  return env::Address{listen.host, static_cast<std::uint16_t>(tls_port)};
}

std::optional<env::Address> Config::http_address() const {
  if (http_listen == "off") return std::nullopt;
  if (auto address = env::Address::parse(http_listen)) return *std::move(address);
  return env::Address{listen.is_loopback() ? listen.host : "127.0.0.1",
                      static_cast<std::uint16_t>(listen.port + kHttpPortOffset)};
}

// ---- By name ------------------------------------------------------------------------------------

std::span<const Setting> all_settings() { return kSettings; }

const Setting* find_setting(std::string_view name) {
  const auto same = [name](const Setting& setting) {
    return std::equal(name.begin(), name.end(), setting.name.begin(), setting.name.end(),
                      [](char a, char b) { return (a == '_' ? '-' : a) == b; });
  };
  const auto found = std::find_if(std::begin(kSettings), std::end(kSettings), same);
  return found == std::end(kSettings) ? nullptr : &*found;
}

Result<void> check_certificate_settings(const Config& config) { return check_tls(config); }

Result<void> apply_setting(Config& config, std::string_view name, std::string_view value) {
  const Setting* setting = find_setting(name);
  if (setting == nullptr) {
    return Error{
        fmt::format("there is no setting '{}' (its value would be '{}'); "
                    "holdfast server --print-config lists those that exist",
                    name, value)};
  }
  return setting->set(config, *setting, value);
}

Result<EffectiveConfig> make_config(std::span<const ConfigLayer> layers) {
  EffectiveConfig effective;
  effective.origins.assign(std::size(kSettings), "default");
  for (const ConfigLayer& layer : layers) {
    for (const ConfigLayer::Value& value : layer.values) {
      if (auto set = apply_setting(effective.config, value.name, value.text); !set) {
        return Error{fmt::format("{}: {}", value.origin, set.error().message)};
      }
      const auto row = find_setting(value.name) - std::begin(kSettings);
      effective.origins[static_cast<std::size_t>(row)] = value.origin;
    }
  }
  Config& config = effective.config;
  if (config.listen.port == 0) config.listen.port = static_cast<std::uint16_t>(config.tls_port);
  if (auto checked = check_together(config); !checked) return checked.error();
  return effective;
}

std::string print_config(const EffectiveConfig& effective) {
  std::string text = "# Flags stand over HOLDFAST_* variables over the file over the defaults.\n";
  for (std::size_t i = 0; i < std::size(kSettings); ++i) {
    const Setting& setting = kSettings[i];
    const std::string value = setting.get(effective.config, setting);
    const std::string line =
        fmt::format("{} = {}", setting.name, setting.quoted ? quoted(value) : value);
    text += fmt::format("{:<44}  # {}; {}\n", line, effective.origins[i],
                        setting.online ? "may change while running" : "at restart");
  }
  return text;
}

}  // namespace holdfast::server

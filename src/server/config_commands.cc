// CONFIG GET, SET, RESETSTAT: the settings under Redis' names, as far as clients and tools ask for
// them, and under our own (config.h). What Redis can be told and we are by nature is shown and may
// be "set" to what it is.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "commands/arguments.h"
#include "commands/glob.h"
#include "commands/help.h"
#include "replica/command_record.h"
#include "server/audit_log.h"
#include "server/dispatch.h"

namespace holdfast::server {
namespace {

constexpr std::string_view kPassword = "requirepass";

std::string lower(std::string_view word) {
  std::string text(word);
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Redis' names for settings of ours, in the same unit.
constexpr std::pair<std::string_view, std::string_view> kSameAsOurs[] = {
    {"dir", "data"},
    {"maxclients", "max-clients"},
    {"proto-max-bulk-len", "max-value-bytes"},
    {"timeout", "timeout-s"},
};

// What does not change, because this is not a Redis that could be otherwise.
constexpr std::pair<std::string_view, std::string_view> kFixed[] = {
    {"activedefrag", "no"},
    {"appendfsync", "always"},
    {"appendonly", "yes"},
    {"auto-aof-rewrite-min-size", "67108864"},
    {"auto-aof-rewrite-percentage", "100"},
    {"cluster-enabled", "no"},
    {"daemonize", "no"},
    {"databases", "1"},
    {"hz", "10"},
    {"io-threads", "1"},
    {"maxmemory", "0"},
    {"maxmemory-policy", "noeviction"},
    {"maxmemory-samples", "5"},
    {"min-replicas-to-write", "0"},
    {"replica-read-only", "yes"},
    {"replica-serve-stale-data", "no"},
    {"save", ""},
    {"slave-read-only", "yes"},
    {"stop-writes-on-bgsave-error", "yes"},
    {"tcp-keepalive", "300"},
    {"unixsocket", ""},
};

std::string_view redis_level(std::string_view ours) {
  if (ours == "info") return "notice";
  return ours == "debug" ? "debug" : "warning";
}

using Values = std::vector<std::pair<std::string, std::string>>;

// All settings with their values, each name once.
Values all_values(const ConnectionTable& table, const Config& config) {
  Values values;
  for (const auto& [name, value] : kFixed) values.emplace_back(name, value);
  for (const auto& [name, ours] : kSameAsOurs) {
    const Setting* setting = find_setting(ours);
    if (setting != nullptr) values.emplace_back(name, setting->get(config, *setting));
  }
  for (const Setting& setting : all_settings()) {
    if (setting.name == "protected-mode") continue;
    values.emplace_back(setting.name, setting.get(config, setting));
  }
  values.emplace_back("bind", config.listen.host);
  values.emplace_back("port", config.plain_clients() ? fmt::to_string(config.listen.port) : "0");
  values.emplace_back("loglevel", redis_level(config.log_level));
  values.emplace_back("protected-mode", config.protected_mode ? "yes" : "no");
  values.emplace_back(kPassword, table.password_set() ? "*****" : "");
  values.emplace_back("client-output-buffer-limit",
                      fmt::format("normal {0} 0 0 slave {0} 0 0 pubsub {1} 0 0",
                                  table.limits.output_bytes, table.limits.push_bytes));
  values.emplace_back("output-bytes", fmt::to_string(table.limits.output_bytes));
  values.emplace_back("held-bytes", fmt::to_string(table.limits.held_bytes));
  values.emplace_back("outstanding-bytes", fmt::to_string(table.limits.outstanding_bytes));
  values.emplace_back("transaction-bytes", fmt::to_string(table.limits.transaction_bytes));
  values.emplace_back("key-bytes", fmt::to_string(resp::kKeyBytes));
  const resp::Limits limits;
  values.emplace_back("inline-bytes", fmt::to_string(limits.inline_bytes));
  values.emplace_back("arguments", fmt::to_string(limits.arguments));
  return values;
}

void get(LocalCall& call) {
  const Values values = all_values(call.table, call.table.services.config());
  std::vector<const Values::value_type*> found;
  for (const auto& value : values) {
    for (std::size_t i = 2; i < call.args.size(); ++i) {
      if (!commands::glob_matches(call.args[i], value.first, commands::Case::ignored)) continue;
      found.push_back(&value);
      break;
    }
  }
  call.reply.map(found.size());
  for (const auto* value : found) {
    call.reply.bulk(value->first);
    call.reply.bulk(value->second);
  }
}

// ---- SET

std::string failed(std::string_view name, std::string_view why) {
  return fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - {}", name, why);
}

// Sets one of ours. Nothing, or why not.
std::optional<std::string> set_ours(Config& config, const Setting& setting,
                                    std::string_view value) {
  if (!setting.online) {
    if (setting.get(config, setting) == value) return std::nullopt;
    return "can't set immutable config";
  }
  if (setting.number != nullptr) {
    const auto number = commands::parse_integer(value);
    if (!number) return "argument couldn't be parsed into an integer";
    if (!setting.allows(*number)) {
      return fmt::format("argument must be between {} and {} inclusive{}", setting.low,
                         setting.high, setting.or_zero ? ", or 0" : "");
    }
  }
  const auto done = setting.set(config, setting, value);
  return done.ok() ? std::nullopt : std::optional(done.error().message);
}

std::optional<std::string> set_protected_mode(Config& config, std::string_view value) {
  const bool yes = commands::is_word(value, "yes");
  if (!yes && !commands::is_word(value, "no")) return "argument must be 'yes' or 'no'";
  config.protected_mode = yes;
  return std::nullopt;
}

std::optional<std::string> set_level(Config& config, std::string_view value) {
  constexpr std::pair<std::string_view, std::string_view> kLevels[] = {
      {"debug", "debug"}, {"verbose", "debug"}, {"notice", "info"}, {"warning", "warning"}};
  for (const auto& [theirs, ours] : kLevels) {
    if (!commands::is_word(value, theirs)) continue;
    config.log_level = ours;
    return std::nullopt;
  }
  return "argument(s) must be one of the following: debug, verbose, notice, warning";
}

// Changes `config`; nothing, or the error for the client.
std::optional<std::string> set_one(const ConnectionTable& table, Config& config,
                                   const std::string& name, std::string_view value) {
  std::optional<std::string> why;
  const auto alias = std::find_if(std::begin(kSameAsOurs), std::end(kSameAsOurs),
                                  [&](const auto& pair) { return pair.first == name; });
  if (name == kPassword) return std::nullopt;
  if (name == "protected-mode") {
    why = set_protected_mode(config, value);
  } else if (name == "loglevel") {
    why = set_level(config, value);
  } else if (alias != std::end(kSameAsOurs)) {
    why = set_ours(config, *find_setting(alias->second), value);
  } else if (const Setting* setting = find_setting(name)) {
    why = set_ours(config, *setting, value);
  } else {
    const Values values = all_values(table, config);
    const auto found = std::find_if(values.begin(), values.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    if (found == values.end()) {
      return fmt::format("ERR Unknown option or number of arguments for CONFIG SET - '{}'", name);
    }
    if (found->second != value) why = "can't set immutable config";
  }
  return why ? std::optional(failed(name, *why)) : std::nullopt;
}

// The password is agreed by all nodes, hashed before it leaves this one.
void propose_password(LocalCall& call, std::string_view password) {
  std::string encoded;
  if (!password.empty()) {
    Salt salt;
    for (auto& byte : salt) {
      byte = static_cast<std::uint8_t>(call.table.services.random() >> 32);
    }
    encoded = encode_password(password, salt);
  }
  call.no_reply = true;
  Requests& requests = call.connection.requests;
  Request& request = requests.begin(&call.spec, true, call.silent);
  request.kind = Request::Kind::password;
  replica::encode_command(0, requests.origin(),
                          {"_SETTING", ConnectionTable::kPasswordSetting, encoded},
                          request.record);
  requests.launch();
}

// The password is agreed by all nodes, and noted where that is applied.
void note_settings(LocalCall& call) {
  AuditLog* audit = call.table.services.audit();
  if (audit == nullptr) return;
  std::vector<std::string> names;
  std::vector<AuditField> settings;
  names.reserve(call.args.size());
  for (std::size_t i = 2; i + 1 < call.args.size(); i += 2) {
    names.push_back(lower(call.args[i]));
    if (names.back() == kPassword) continue;
    settings.push_back({names.back(), std::string(call.args[i + 1])});
  }
  audit->on_configured(call.connection.address(), settings, call.table.services.wall());
}

void set(LocalCall& call) {
  const auto& args = call.args;
  if (args.size() % 2 != 0) {
    return call.reply.error(fmt::format(
        "ERR Unknown option or number of arguments for CONFIG SET - '{}'", args.back()));
  }
  Config changed = call.table.services.config();
  std::vector<std::string> names;
  std::optional<std::string_view> password;
  std::string certificates;  // the last setting of TLS that was named
  for (std::size_t i = 2; i < args.size(); i += 2) {
    const std::string name = lower(args[i]);
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return call.reply.error(failed(name, "duplicate parameter"));
    }
    names.push_back(name);
    if (name == kPassword) password = args[i + 1];
    if (const auto refused = set_one(call.table, changed, name, args[i + 1])) {
      return call.reply.error(*refused);
    }
    const Setting* setting = find_setting(name);
    if (setting != nullptr && setting->certificates) certificates = name;
  }
  // Also when it has the name that it had: the file may hold something else by now.
  if (!certificates.empty()) {
    const auto used = call.table.services.use_certificates(changed);
    if (!used) return call.reply.error(failed(certificates, used.error().message));
  }
  if (password && call.inside_exec) {
    return call.reply.error(failed(kPassword, "it goes through the log, so not inside MULTI"));
  }
  if (password && call.connection.refusing()) return call.reply.error(kRefusedAfterUnknown);
  call.table.services.config() = std::move(changed);
  note_settings(call);
  if (password) return propose_password(call, *password);
  call.reply.ok();
}

void resetstat(LocalCall& call) {
  call.table.metrics.reset();
  if (env::LoopWatch* loop = call.table.services.loop()) loop->forget_longest_turn();
  call.reply.ok();
}

void rewrite(LocalCall& call) {
  call.reply.error("ERR The server is running without a config file");
}

void help(LocalCall& call) { commands::answer_help("config", call.reply); }

}  // namespace

std::vector<LocalCommand> config_commands() {
  return {{"config|get", get, After::applied},
          {"config|set", set, After::applied},
          {"config|resetstat", resetstat},
          {"config|rewrite", rewrite},
          {"config|help", help}};
}

}  // namespace holdfast::server

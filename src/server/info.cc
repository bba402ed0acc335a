#include "server/info.h"

#include "server/audit_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/append.h"
#include "base/checksum.h"
#include "commands/arguments.h"
#include "commands/levels.h"
#include "commands/restore.h"
#include "keyspace/cache.h"
#include "replica/batch.h"
#include "server/connection.h"
#include "server/last_resort.h"
#include "server/session_commands.h"

namespace holdfast::server {
namespace {

// Collects the lines of one section.
class Lines {
 public:
  explicit Lines(std::string& out) : out_(out) {}

  template <class Value>
  void add(std::string_view name, const Value& value) {
    append(out_, "{}:{}\r\n", name, value);
  }
  template <class... Values>
  void line(fmt::format_string<Values...> format, Values&&... values) {
    append(out_, format, std::forward<Values>(values)...);
    out_.append("\r\n");
  }

 private:
  std::string& out_;
};

using replica::ReplicaStatus;

struct View {
  ConnectionTable& table;
  Services& services;
  std::optional<ReplicaStatus> status;

  bool leads() const { return status && status->protocol.role == consensus::Role::leader; }
};

// 40 hexadecimal digits, as Redis' ids have; the same for the same seeds.
std::string hex_id(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t first = mix(a, b);
  const std::uint64_t second = mix(first, b);
  return fmt::format("{:016x}{:016x}{:08x}", first, second, mix(second, a) & 0xffffffff);
}

std::string human(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "BKMGT";
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{}B", bytes) : fmt::format("{:.2f}{}", value, kUnits[unit]);
}

void server(const View& view, Lines& lines) {
  const Services& services = view.services;
  const std::int64_t uptime = (view.table.now() - services.started()).ms() / 1000;
  const std::int64_t wall = services.wall().ms;
  lines.add("redis_version", kRedisVersion);
  lines.add("redis_git_sha1", "00000000");
  lines.add("redis_git_dirty", 0);
  lines.add("redis_mode", "standalone");
  lines.add("os", "Linux");
  lines.add("arch_bits", 64);
  lines.add("multiplexing_api", "epoll");
  lines.add("process_id", services.process_id());
  lines.add("process_supervised", "no");
  lines.add("run_id", hex_id(services.self().value, services.incarnation().value));
  lines.add("tcp_port", view.services.config().listen.port);
  lines.line("server_time_usec:{}", wall * 1000);
  lines.add("uptime_in_seconds", uptime);
  lines.add("uptime_in_days", uptime / 86400);
  lines.add("hz", 10);
  lines.add("config_file", "");
}

void clients(const View& view, Lines& lines) {
  std::size_t blocked = 0;
  std::size_t input = 0;
  std::size_t output = 0;
  view.table.for_each([&](Connection& client) {
    if (client.requests.blocked() || client.requests.paused()) ++blocked;
    input = std::max(input, client.buffered_input());
    output = std::max(output, client.buffered_output());
  });
  lines.add("connected_clients", view.table.size());
  lines.add("cluster_connections", 0);
  lines.add("maxclients", view.services.config().max_clients);
  lines.add("client_recent_max_input_buffer", input);
  lines.add("client_recent_max_output_buffer", output);
  lines.add("blocked_clients", blocked);
  lines.add("tracking_clients", 0);
  lines.add("clients_in_timeout_table", 0);
}

void memory(const View& view, Lines& lines) {
  const replica::Replica* replica = view.services.replica();
  const std::uint64_t used = replica == nullptr ? 0 : replica->keyspace().memory();
  lines.add("used_memory", used);
  lines.add("used_memory_human", human(used));
  lines.add("used_memory_dataset", used);
  lines.add("maxmemory", 0);
  lines.add("maxmemory_human", "0B");
  lines.add("maxmemory_policy", "noeviction");
  lines.add("mem_clients_normal", view.table.held_bytes);
}

void persistence(const View& view, Lines& lines) {
  const ReplicaStatus status = view.status.value_or(ReplicaStatus{});
  const auto restore =
      commands::Restore::decode(view.services.setting(commands::Restore::kSetting));
  lines.add("loading", restore.ok() && restore->under_way() ? 1 : 0);
  lines.add("async_loading", 0);
  lines.add("rdb_changes_since_last_save", status.applied.value - status.snapshot.value);
  lines.add("rdb_bgsave_in_progress", status.snapshotting ? 1 : 0);
  lines.add("rdb_last_bgsave_status", "ok");
  lines.add("aof_enabled", 1);
  lines.add("aof_rewrite_in_progress", 0);
  lines.add("aof_rewrite_scheduled", 0);
  lines.add("aof_last_bgrewrite_status", "ok");
  lines.add("aof_last_write_status", "ok");
  lines.add("aof_current_size", status.log_bytes);
}

void stats(const View& view, Lines& lines) {
  const Metrics& metrics = view.table.metrics;
  const replica::Replica* replica = view.services.replica();
  lines.add("total_connections_received", metrics.connections_received);
  lines.add("total_commands_processed", metrics.commands);
  lines.add("instantaneous_ops_per_sec", metrics.commands_per_second());
  lines.add("total_net_input_bytes", metrics.input_bytes);
  lines.add("total_net_output_bytes", metrics.output_bytes);
  lines.line("instantaneous_input_kbps:{:.2f}", metrics.input_kbps());
  lines.line("instantaneous_output_kbps:{:.2f}", metrics.output_kbps());
  lines.add("rejected_connections", metrics.connections_rejected);
  lines.add("expired_keys", replica == nullptr ? 0 : replica->keyspace().expired_keys());
  lines.add("evicted_keys", 0);
  lines.add("keyspace_hits", 0);
  lines.add("keyspace_misses", 0);
  lines.add("pubsub_channels", view.table.pushes.channels.channel_count());
  lines.add("pubsub_patterns", view.table.pushes.channels.pattern_count());
  lines.add("latest_fork_usec", 0);
  lines.add("total_error_replies", metrics.error_replies);
  lines.add("total_reads_processed", metrics.input_reads);
  lines.add("total_writes_processed", metrics.output_writes);
  lines.add("client_output_buffer_limit_disconnections", metrics.output_limit_closed);
  lines.add("acl_access_denied_auth", metrics.password_failures);
}

void replication(const View& view, Lines& lines) {
  const ReplicaStatus status = view.status.value_or(ReplicaStatus{});
  const std::uint64_t offset = status.applied.value;
  lines.add("role", view.leads() ? "master" : "slave");
  if (!view.leads()) {
    const NodeId leader = view.services.leader();
    const auto address = env::Address::parse(address_of(view.services, leader));
    lines.add("master_host", address ? address->host : "");
    lines.add("master_port", address ? address->port : 0);
    lines.add("master_link_status", leader ? "up" : "down");
    lines.add("master_sync_in_progress", 0);
    lines.add("slave_repl_offset", offset);
    lines.add("slave_priority", 100);
    lines.add("slave_read_only", 0);
  }
  const auto& peers = status.protocol.peers;
  lines.add("connected_slaves", std::count_if(peers.begin(), peers.end(), [](const auto& peer) {
              return peer.recently_active;
            }));
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const auto address = env::Address::parse(address_of(view.services, peers[i].node));
    lines.line("slave{}:ip={},port={},state={},offset={},lag={}", i, address ? address->host : "",
               address ? address->port : 0, peers[i].recently_active ? "online" : "offline",
               peers[i].match.value,
               status.protocol.last.value - std::min(peers[i].match, status.protocol.last).value);
  }
  lines.add("master_failover_state", "no-failover");
  lines.add("master_replid", hex_id(view.services.cluster_id(), 0));
  lines.add("master_repl_offset", offset);
}

void cpu(const View&, Lines& lines) {
  // Time is the world's affair; what a process used is asked of the machine it runs on.
  lines.add("used_cpu_sys", "0.000000");
  lines.add("used_cpu_user", "0.000000");
}

void commandstats(const View& view, Lines& lines) {
  std::vector<std::pair<std::string_view, CommandCount>> rows;
  for (const auto& [spec, count] : view.table.metrics.by_command()) {
    rows.emplace_back(spec->name, count);
  }
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [name, count] : rows) {
    const auto calls = static_cast<double>(count.calls());
    const double each = calls == 0 ? 0 : static_cast<double>(count.took.sum_us()) / calls;
    lines.line("cmdstat_{}:calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}",
               name, count.calls(), count.took.sum_us(), each, count.rejected, count.failed);
  }
}

void errorstats(const View& view, Lines& lines) {
  for (const auto& [kind, count] : view.table.metrics.by_error()) {
    lines.line("errorstat_{}:count={}", kind, count);
  }
}

void cluster(const View&, Lines& lines) { lines.add("cluster_enabled", 0); }

void keyspace(const View& view, Lines& lines) {
  if (!view.status || view.status->keys == 0) return;
  const replica::Replica* replica = view.services.replica();
  const std::size_t expiring = replica == nullptr ? 0 : replica->keyspace().expiring();
  lines.line("db0:keys={},expires={},avg_ttl=0", view.status->keys, expiring);
}

std::string_view role_name(const View& view) {
  if (!view.status) return "follower";
  const auto& protocol = view.status->protocol;
  if (protocol.role == consensus::Role::leader) return "leader";
  return protocol.role == consensus::Role::learner ? "learner" : "follower";
}

std::string_view divergence_name(replica::Agreement agreement) {
  switch (agreement) {
    case replica::Agreement::rebuilding:
      return "rebuilding";
    case replica::Agreement::stopped:
      return "stopped";
    default:
      return "none";
  }
}

std::string restore_text(std::string_view setting) {
  const auto restore = commands::Restore::decode(setting);
  if (!restore || !restore->under_way()) return "none";
  if (restore->state == commands::Restore::State::broken) return "broken";
  return fmt::format("{} of {} pieces", restore->next, restore->pieces);
}

void scrub_and_audit(Services& services, Lines& lines) {
  if (const storage::Scrub* scrub = services.scrub()) {
    lines.add("holdfast_scrub_passes", scrub->figures().passes);
    lines.add("holdfast_scrub_found", scrub->figures().found);
    lines.add("holdfast_scrub_repaired", scrub->figures().repaired);
    lines.add("holdfast_scrub_damaged_files", scrub->damaged().size());
  }
  if (const AuditLog* audit = services.audit()) {
    lines.add("holdfast_audit", audit->figures().failing ? "failing" : "ok");
    lines.add("holdfast_audit_lines", audit->figures().lines);
    lines.add("holdfast_audit_dropped", audit->figures().dropped);
  }
}

void holdfast(const View& view, Lines& lines) {
  const ReplicaStatus status = view.status.value_or(ReplicaStatus{});
  const auto& protocol = status.protocol;
  Services& services = view.services;
  lines.add("holdfast_version", kVersion);
  lines.add("holdfast_node", services.self());
  lines.line("holdfast_cluster_id:{:016x}", services.cluster_id());
  lines.add("holdfast_address", services.config().listen.text());
  lines.add("holdfast_tls_port", services.config().tls_port);
  for (const auto& one : services.certificates()) {
    lines.line("holdfast_certificate_for_{}_expires_s:{}", one.whom, one.expires_s);
  }
  lines.add("holdfast_role", role_name(view));
  lines.add("holdfast_leader", services.leader());
  lines.add("holdfast_leader_address", address_of(services, services.leader()));
  lines.add("holdfast_epoch", protocol.epoch);
  lines.add("holdfast_commit_index", protocol.commit);
  lines.add("holdfast_applied_index", status.applied);
  lines.add("holdfast_snapshot_index", status.snapshot);
  lines.add("holdfast_snapshot_percent", 100 * status.snapshot_slots / kSlotCount);
  lines.add("holdfast_load_ms", status.loading.ns / 1'000'000);
  lines.add("holdfast_transfer", services.handed_over());
  if (const replica::Replica* replica = services.replica()) {
    lines.add("holdfast_sessions", replica->keyspace().sessions().size());
    lines.add("holdfast_cache_leases", replica->keyspace().caches().leases());
    lines.add("holdfast_cache_waiters", replica->keyspace().caches().waiting());
  }
  lines.add("holdfast_priority", services.config().priority);
  lines.add("holdfast_reads", services.config().reads);
  lines.add("holdfast_reads_by_lease", status.reads_by_lease);
  lines.add("holdfast_reads_by_quorum", status.reads_by_quorum);
  lines.add("holdfast_reads_by_entry", status.reads_by_entry);
  lines.add("holdfast_disk", status.disk_full ? "full" : "ok");
  scrub_and_audit(services, lines);
  lines.add("holdfast_divergence", divergence_name(status.agreement));
  lines.add("holdfast_checks", status.checks);
  lines.add("holdfast_rebuilds", status.rebuilds);
  lines.add("holdfast_restore", restore_text(services.setting(commands::Restore::kSetting)));
  lines.add("holdfast_recovering", status.protocol.recovering ? 1 : 0);
  const std::string_view recovered = services.setting(kRecoveredSetting);
  lines.add("holdfast_recovered", recovered.empty() ? std::string_view("no") : recovered);
  const auto levels = commands::Levels::decode(services.setting(commands::Levels::kSetting));
  if (levels) {
    lines.add("holdfast_level", levels->level);
    for (const auto& [node, level] : levels->nodes) {
      lines.line("holdfast_level_of_node_{}:{}", node, level);
    }
  }
  lines.add("holdfast_newest_level", replica::kSemantics);
  lines.add("holdfast_voters", protocol.membership.voters.size());
  lines.add("holdfast_learners", protocol.membership.learners.size());
  for (std::size_t i = 0; i < protocol.peers.size(); ++i) {
    const auto& peer = protocol.peers[i];
    lines.line("replica{}:node={},address={},match={},lag={}", i, peer.node,
               address_of(services, peer.node), peer.match,
               protocol.last.value - std::min(peer.match, protocol.last).value);
  }
  if (const env::LoopWatch* loop = services.loop()) {
    lines.add("holdfast_longest_turn_usec", loop->longest_turn().us());
    lines.add("holdfast_busy_polled_usec", loop->busy_polled().us());
  }
  lines.add("holdfast_held_bytes", view.table.held_bytes);
  lines.add("holdfast_routed_again", view.table.metrics.routed_again);
  lines.add("holdfast_not_done", view.table.metrics.not_done);
  lines.add("holdfast_unknown", view.table.metrics.unknown);
}

struct Section {
  std::string_view title;
  void (*write)(const View&, Lines&);
  bool by_default = true;
};

constexpr Section kSections[] = {
    {"Server", server},           {"Clients", clients},       {"Memory", memory},
    {"Persistence", persistence}, {"Stats", stats},           {"Replication", replication},
    {"CPU", cpu},                 {"Commandstats", commandstats, false},
    {"Errorstats", errorstats},   {"Cluster", cluster},       {"Keyspace", keyspace},
    {"Holdfast", holdfast},
};

bool wants(const Section& section, const std::vector<std::string_view>& wanted) {
  if (wanted.empty()) return section.by_default;
  std::string lower(section.title);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::any_of(wanted.begin(), wanted.end(), [&](std::string_view word) {
    return commands::is_word(word, lower) || commands::is_word(word, "all") ||
           commands::is_word(word, "everything") ||
           (commands::is_word(word, "default") && section.by_default);
  });
}

}  // namespace

std::string address_of(Services& services, NodeId node) {
  if (!node) return {};
  if (node == services.self()) return services.config().listen.text();
  for (const auto& peer : services.peer_views()) {
    if (peer.node == node) return peer.address;
  }
  return {};
}

std::string info_text(ConnectionTable& table, const std::vector<std::string_view>& wanted) {
  const View view{table, table.services, table.services.status()};
  std::string text;
  for (const Section& section : kSections) {
    if (!wants(section, wanted)) continue;
    if (!text.empty()) text.append("\r\n");
    text.append("# ").append(section.title).append("\r\n");
    Lines lines(text);
    section.write(view, lines);
  }
  return text;
}

}  // namespace holdfast::server

#include "server/metrics_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/append.h"
#include "server/audit_log.h"
#include "server/info.h"
#include "server/session_commands.h"

namespace holdfast::server {
namespace {

// Writes families one after the other; the samples of a family stand together.
class Exposition {
 public:
  explicit Exposition(std::string& out) : out_(out) {}

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    append(out_, "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  template <class Value>
  void sample(std::string_view labels, const Value& value) {
    out_ += name_;
    if (!labels.empty()) out_.append("{").append(labels).append("}");
    append(out_, " {}\n", value);
  }
  template <class Value>
  void counter(std::string_view name, std::string_view help, const Value& value) {
    family(name, "counter", help);
    sample("", value);
  }
  template <class Value>
  void gauge(std::string_view name, std::string_view help, const Value& value) {
    family(name, "gauge", help);
    sample("", value);
  }
  // One of a family of histograms.
  void histogram(std::string_view labels, const Histogram& values) {
    const std::string_view comma = labels.empty() ? "" : ",";
    for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
      append(out_, "{}_bucket{{{}{}le=\"{}\"}} {}\n", name_, labels, comma,
             static_cast<double>(Histogram::kBounds[i]) / 1e6, values.within(i));
    }
    append(out_, "{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name_, labels, comma, values.count());
    const std::string braces = labels.empty() ? "" : fmt::format("{{{}}}", labels);
    append(out_, "{}_sum{} {}\n", name_, braces, static_cast<double>(values.sum_us()) / 1e6);
    append(out_, "{}_count{} {}\n", name_, braces, values.count());
  }

 private:
  std::string& out_;
  std::string_view name_;
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

int number(bool yes) { return yes ? 1 : 0; }

void node(const NodeFigures& figures, const Services& services, Exposition& out) {
  out.family("holdfast_build_info", "gauge", "Always 1; the version is a label.");
  out.sample(fmt::format("version=\"{}\"", kVersion), 1);
  out.gauge("holdfast_ready", "1 if /ready answers 200.", number(figures.readiness.ready));
  out.gauge("holdfast_node_number", "This node's number in its cluster; 0 before it has one.",
            services.self().value);
  out.counter("holdfast_leader_changes_total",
              "Leaders that this node came to know since it started.", figures.leader_changes);
  out.counter("holdfast_elections_total", "Elections that this node stood in since it started.",
              figures.elections);
}

using Row = std::pair<std::string_view, const CommandCount*>;

std::vector<Row> commands_by_name(const Metrics& metrics) {
  std::vector<Row> rows;
  for (const auto& [spec, count] : metrics.by_command()) rows.emplace_back(spec->name, &count);
  std::sort(rows.begin(), rows.end());
  return rows;
}

void commands(const Metrics& metrics, Exposition& out) {
  const auto rows = commands_by_name(metrics);
  const auto each = [&](auto value_of) {
    for (const auto& [name, count] : rows) {
      out.sample(fmt::format("command=\"{}\"", escaped(name)), value_of(*count));
    }
  };
  out.family("holdfast_commands_total", "counter", "Commands of clients that were answered.");
  each([](const CommandCount& count) { return count.calls(); });
  out.family("holdfast_commands_failed_total", "counter",
             "Commands that ran and were answered with an error.");
  each([](const CommandCount& count) { return count.failed; });
  out.family("holdfast_commands_rejected_total", "counter",
             "Commands that were refused before they ran.");
  each([](const CommandCount& count) { return count.rejected; });
  out.family("holdfast_command_duration_seconds", "histogram",
             "From a command's arrival to its answer, replication and waiting for locks included.");
  for (const auto& [name, count] : rows) {
    out.histogram(fmt::format("command=\"{}\"", escaped(name)), count->took);
  }
  out.counter("holdfast_commands_not_done_total", "Commands answered with NOLEADER: not done.",
              metrics.not_done);
  out.counter("holdfast_commands_unknown_total",
              "Commands answered with UNKNOWN: perhaps done, perhaps not.", metrics.unknown);
  out.counter("holdfast_commands_routed_again_total",
              "Commands that came back as not done and were routed to the next leader.",
              metrics.routed_again);
}

// Kinds come from scripts and stored answers too: what is no plain word is counted together.
void errors(const Metrics& metrics, Exposition& out) {
  const auto plain = [](std::string_view kind) {
    return !kind.empty() && kind.size() <= 64 &&
           std::all_of(kind.begin(), kind.end(), [](char c) {
             return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';
           });
  };
  out.family("holdfast_errors_total", "counter",
             "Error replies to clients by their first word; unusual ones have an empty kind.");
  std::uint64_t unusual = 0;
  for (const auto& [kind, count] : metrics.by_error()) {
    if (plain(kind)) {
      out.sample(fmt::format("kind=\"{}\"", kind), count);
    } else {
      unusual += count;
    }
  }
  out.sample("kind=\"\"", unusual);
}

void connections(const ConnectionTable& table, Exposition& out) {
  const Metrics& metrics = table.metrics;
  out.gauge("holdfast_connections", "Clients that are connected.", table.size());
  out.counter("holdfast_connections_received_total", "Connections of clients that were accepted.",
              metrics.connections_received);
  out.counter("holdfast_connections_rejected_total",
              "Connections of clients that were refused: too many, or protected mode.",
              metrics.connections_rejected);
  out.counter("holdfast_connections_closed_for_output_total",
              "Connections closed because the client did not read its replies.",
              metrics.output_limit_closed);
  out.counter("holdfast_protocol_errors_total", "Requests of clients that were no RESP.",
              metrics.protocol_errors);
  out.counter("holdfast_password_failures_total", "Wrong passwords.", metrics.password_failures);
  out.counter("holdfast_client_received_bytes_total", "Bytes read from clients.",
              metrics.input_bytes);
  out.counter("holdfast_client_sent_bytes_total", "Bytes handed to the sockets of clients.",
              metrics.output_bytes);
  out.counter("holdfast_pushes_total", "What was pushed to clients: messages of channels and elections.",
              table.pushes.channels.pushes());
  out.counter("holdfast_lost_pushes_total", "Holders that were told that they lost what they held.",
              table.pushes.holders.told());
  if (const AuditLog* audit = table.services.audit()) {
    out.counter("holdfast_audit_lines_total", "Lines written to the audit log.",
                audit->figures().lines);
    out.counter("holdfast_audit_dropped_total",
                "Lines missing in the audit log of this node: its disk was slow, full or broken.",
                audit->figures().dropped);
  }
  out.gauge("holdfast_held_bytes", "Commands held back because no leader is known.",
            table.held_bytes);
}

std::string_view name_of(consensus::Role role) {
  switch (role) {
    case consensus::Role::leader:
      return "leader";
    case consensus::Role::candidate:
      return "candidate";
    case consensus::Role::learner:
      return "learner";
    case consensus::Role::follower:
      break;
  }
  return "follower";
}

void agreement(const replica::ReplicaStatus& status, Services& services, Exposition& out) {
  const auto& protocol = status.protocol;
  out.family("holdfast_role", "gauge", "1 for the role that this node has.");
  for (const auto role : {consensus::Role::leader, consensus::Role::candidate,
                          consensus::Role::follower, consensus::Role::learner}) {
    out.sample(fmt::format("role=\"{}\"", name_of(role)), number(protocol.role == role));
  }
  out.gauge("holdfast_leader_known", "1 if this node knows who leads.",
            number(protocol.leader != NodeId()));
  out.gauge("holdfast_epoch", "The round of the newest epoch that this node has promised.",
            protocol.epoch.round);
  out.gauge("holdfast_commit_index", "The newest entry known here to be committed.",
            protocol.commit.value);
  out.gauge("holdfast_applied_index", "The newest entry that is applied here.",
            status.applied.value);
  out.gauge("holdfast_snapshot_index", "The entry up to which the newest stored snapshot reaches.",
            status.snapshot.value);
  out.family("holdfast_reads_total", "counter",
             "Reads that this node answered as leader, by what showed that it led.");
  out.sample("by=\"lease\"", status.reads_by_lease);
  out.sample("by=\"quorum\"", status.reads_by_quorum);
  out.sample("by=\"entry\"", status.reads_by_entry);
  out.gauge("holdfast_voters", "Nodes that vote.", protocol.membership.voters.size());
  out.gauge("holdfast_learners", "Nodes that keep a copy and do not vote.",
            protocol.membership.learners.size());
  out.family("holdfast_replica_lag_entries", "gauge",
             "Entries that a replica does not have on its disk yet; told by the leader alone.");
  for (const auto& peer : protocol.peers) {
    out.sample(fmt::format("node=\"{}\",address=\"{}\"", peer.node.value,
                           escaped(address_of(services, peer.node))),
               protocol.last.value - std::min(peer.match, protocol.last).value);
  }
}

void peers(const Services& services, Exposition& out) {
  out.family("holdfast_peer_connected", "gauge", "1 if this node is linked with that one.");
  for (const auto& peer : services.peer_views()) {
    out.sample(fmt::format("node=\"{}\",address=\"{}\"", peer.node.value, escaped(peer.address)),
               number(peer.connected));
  }
}

void snapshots(const SnapshotTraffic& traffic, Exposition& out) {
  out.counter("holdfast_snapshot_sent_bytes_total", "Of snapshots, sent to other nodes.",
              traffic.sent_bytes);
  out.counter("holdfast_snapshot_received_bytes_total", "Of snapshots, received from other nodes.",
              traffic.received_bytes);
  out.counter("holdfast_snapshots_resumed_total",
              "Snapshots of other nodes that went on where an earlier transfer had ended.",
              traffic.resumed);
}

void scrub(const storage::Scrub& scrub, Exposition& out) {
  const auto& figures = scrub.figures();
  out.counter("holdfast_scrub_passes_total", "How often all files were read again to the end.",
              figures.passes);
  out.counter("holdfast_scrub_bytes_total", "Read for that.", figures.bytes);
  out.counter("holdfast_scrub_damages_total", "Files that were found to be damaged.", figures.found);
  out.counter("holdfast_scrub_repairs_total", "Of these, files that were made anew or unneeded.",
              figures.repaired);
  out.gauge("holdfast_scrub_damaged_files", "Files that are damaged and not yet mended.",
            scrub.damaged().size());
}

void storage(const replica::ReplicaStatus& status, const NodeFigures& figures, Exposition& out) {
  out.gauge("holdfast_log_bytes", "Entries applied since the last snapshot.", status.log_bytes);
  out.family("holdfast_log_sync_duration_seconds", "histogram",
             "From the order to write and sync the log to its completion, queues included.");
  if (figures.log_syncs != nullptr) out.histogram("", *figures.log_syncs);
  out.counter("holdfast_snapshots_total", "Snapshots that this node has made since it started.",
              status.snapshots_made);
  out.counter("holdfast_snapshots_installed_total",
              "Snapshots of other nodes that took the place of this node's data.",
              status.snapshots_installed);
  out.family("holdfast_recoveries_total", "counter",
             "What this node had to mend since it started, by cause.");
  out.sample("cause=\"divergence\"", status.rebuilds);
  out.sample("cause=\"unfinished_write\"", figures.unfinished_writes);
  out.sample("cause=\"damaged_files\"", figures.damages);
  out.gauge("holdfast_recovering",
            "1 if this node lost a part of its log and does not vote until it is here again.",
            number(status.protocol.recovering));
  out.counter("holdfast_divergence_checks_total",
              "Comparisons of a part of the data with the other replicas.", status.checks);
  out.gauge("holdfast_diverged", "1 if the replicas differ and no majority agrees.",
            number(status.agreement == replica::Agreement::stopped));
}

void data(const replica::Replica* replica, const replica::ReplicaStatus& status, Exposition& out) {
  out.gauge("holdfast_keys", "Keys of this replica.", status.keys);
  if (replica == nullptr) return;
  const auto& keyspace = replica->keyspace();
  out.gauge("holdfast_expiring_keys", "Keys that have a deadline.", keyspace.expiring());
  out.counter("holdfast_expired_keys_total", "Keys that ended by their deadline.",
              keyspace.expired_keys());
  out.gauge("holdfast_data_bytes", "Memory that the data takes, as estimated.", keyspace.memory());
}

void certificates(const std::vector<env::CertificateFigures>& all, Exposition& out) {
  if (all.empty()) return;
  out.family("holdfast_certificate_expiry_timestamp_seconds", "gauge",
             "When the certificate that this node shows is valid no more, in seconds since 1970.");
  for (const auto& one : all) out.sample(fmt::format("for=\"{}\"", one.whom), one.expires_s);
}

void process(const env::ProcessFigures& figures, Exposition& out) {
  out.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.",
            fmt::format("{:.2f}", figures.start_time_s));
  out.counter("process_cpu_seconds_total", "Processor time, user and system.", figures.cpu_s);
  out.gauge("process_resident_memory_bytes", "Resident memory.", figures.resident_bytes);
  out.gauge("process_virtual_memory_bytes", "Virtual memory.", figures.virtual_bytes);
  out.gauge("process_open_fds", "Open file descriptors.", figures.open_files);
  out.gauge("process_max_fds", "Most file descriptors that may be open.", figures.max_files);
}

}  // namespace

std::string metrics_text(const ConnectionTable& table, const NodeFigures& figures) {
  Services& services = table.services;
  std::string text;
  Exposition out(text);
  node(figures, services, out);
  commands(table.metrics, out);
  errors(table.metrics, out);
  connections(table, out);
  if (const auto status = services.status()) {
    agreement(*status, services, out);
    storage(*status, figures, out);
    data(services.replica(), *status, out);
    if (services.scrub() != nullptr) scrub(*services.scrub(), out);
    if (services.snapshot_traffic() != nullptr) snapshots(*services.snapshot_traffic(), out);
  }
  peers(services, out);
  certificates(services.certificates(), out);
  if (figures.process) process(*figures.process, out);
  return text;
}

}  // namespace holdfast::server

// What this node tells those who watch it.
#include <fmt/format.h>

#include "commands/restore.h"
#include "commands/roster.h"
#include "server/metrics_text.h"
#include "server/node.h"

namespace holdfast::server {

Result<void> Node::listen_for_http() {
  const auto address = options_.config.http_address();
  if (!address) return {};
  http_ = std::make_unique<HttpPort>([this](std::string_view path) { return http_answer(path); },
                                     [this] { return now(); });
  auto listening =
      network_.listen(*address, [this](env::Stream& stream) { return http_->accept(stream); });
  if (!listening) {
    return Error{fmt::format("{} This is the port for health and metrics; --http-listen names "
                             "another, or off.",
                             listening.error().message)};
  }
  http_listener_ = *std::move(listening);
  return {};
}

HttpAnswer Node::http_answer(std::string_view path) const {
  // Whoever gets an answer has seen the loop turn.
  if (path == "/live") return {200, "live\n"};
  if (path == "/ready") {
    const Readiness readiness = readiness_of(standing());
    return {readiness.ready ? 200 : 503, readiness.reason + "\n"};
  }
  if (path == "/metrics") {
    NodeFigures figures{.readiness = readiness_of(standing()),
                        .leader_changes = leader_changes_,
                        .elections = elections_,
                        .unfinished_writes = unfinished_writes_,
                        .damages = damages_,
                        .log_syncs = &node_disk_.log_syncs()};
    if (options_.process_figures) figures.process = options_.process_figures();
    return {200, clients_->metrics_text(figures), "text/plain; version=0.0.4; charset=utf-8"};
  }
  return {404, "there is nothing here; ask for /live, /ready or /metrics\n"};
}

Standing Node::standing() const {
  Standing standing{
      .serving = replica_ != nullptr, .ending = ending_since_.has_value(), .removed = leaving_};
  if (!replica_) return standing;
  standing.leader = replica_->leader();
  standing.commit = replica_->protocol().commit();
  standing.applied = replica_->applied();
  standing.agreement = replica_->agreement();
  const auto restore = commands::Restore::decode(setting(commands::Restore::kSetting));
  standing.restoring = restore.ok() && restore->under_way();
  standing.recovering = recovering_;
  const auto roster = commands::Roster::decode(setting(commands::Roster::kSetting));
  const auto* self = roster ? roster->find(identity_.node) : nullptr;
  standing.draining = self != nullptr && self->state == commands::NodeState::draining;
  return standing;
}

void Node::count_role(const consensus::RoleChange& role) {
  if (role.role == consensus::Role::candidate) ++elections_;
  if (!role.leader || (role.leader == counted_leader_ && role.epoch == counted_epoch_)) return;
  ++leader_changes_;
  counted_leader_ = role.leader;
  counted_epoch_ = role.epoch;
}

}  // namespace holdfast::server

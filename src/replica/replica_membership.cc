// The leader brings the membership of the group into line with the roster of the cluster: steward.h
// says how it should be, the engine changes it.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "replica/replica_state.h"

namespace holdfast::replica {
namespace {

constexpr Duration kTendEvery = milliseconds(100);
// While answers are awaited.
constexpr Duration kTendSoon = milliseconds(5);
// Records may be refused or lost with leadership: they are written again.
constexpr Duration kRosterAgain = seconds(1);
// Links to somebody who has left are kept for so long: he may have commands under way, and has to
// hear that he is out.
constexpr Duration kFarewell = seconds(3);

}  // namespace

std::string names(const consensus::Membership& membership) {
  std::string text;
  for (const NodeId node : membership.voters) text += fmt::format("{}{}", text.empty() ? "" : ",", node);
  if (!membership.outgoing.empty()) text += " and before";
  for (const NodeId node : membership.outgoing) text += fmt::format(" {}", node);
  if (!membership.learners.empty()) text += "; learning";
  for (const NodeId node : membership.learners) text += fmt::format(" {}", node);
  return text;
}

void Replica::State::tend_membership() {
  if (!leading() || rebuild || now < tend_at) return;
  tend_at = now + kTendEvery;
  const std::string* text = machine.keyspace().setting(commands::Roster::kSetting);
  const auto roster = commands::Roster::decode(text == nullptr ? std::string_view() : *text);
  CHECK(roster.ok(), "{}", roster.error().message);
  const consensus::Status status = engine->status();
  if (tend_roster(*roster, status) || roster->nodes.empty()) return;
  const bool settled = status.membership.outgoing.empty() && status.membership_index <= status.commit;
  if (!settled && !mutated(Mutation::two_changes_at_once)) return;

  const std::vector<Presence> present = presences(status);
  auto target = next_membership({.self = options.protocol.self,
                                 .roster = *roster,
                                 .membership = status.membership,
                                 .present = present,
                                 .replace_after = options.replace_after});
  if (!target) return intended.reset();
  if (!may_change_to(*target, status)) return;
  intended.reset();
  step(consensus::MembershipRequested{*std::move(target)});
}

// Only once those who are to decide have shown that they are there: steward.h.
bool Replica::State::may_change_to(const consensus::Membership& target,
                                   const consensus::Status& status) {
  if (target.voters == status.membership.voters) return true;
  if (mutated(Mutation::change_unconfirmed)) return true;
  if (!intended || intended->target != target) {
    intended = {target, status.round + 1};
    // Nobody waits for this read; it makes a round.
    step(consensus::ReadRequest{.ticket = ++last_ticket, .of_everybody = true});
  }
  if (have_answered(target.voters, options.protocol.self, intended->round, status.peers)) return true;
  tend_at = now + kTendSoon;
  return false;
}

// Writes the founding nodes down, and forgets who has left. True: a record is on its way.
bool Replica::State::tend_roster(const commands::Roster& roster, const consensus::Status& status) {
  if (now < roster_again || machine.stopped() || !log.may_accept()) return false;
  std::optional<std::string> record;
  const auto founders = commands::Roster::decode(options.founders);
  const bool alone = roster.nodes.size() == 1 && founders.ok() && founders->nodes.size() == 1;
  if (!options.founders.empty() &&
      (roster.nodes.empty() || (alone && roster.nodes[0].address != founders->nodes[0].address))) {
    record = own_record(own_origin(), {"_NODES.FOUND", options.founders});
  }
  const bool settled =
      status.membership.outgoing.empty() && status.membership_index <= status.commit;
  for (const auto& one : roster.nodes) {
    if (record || !settled) break;
    if (one.state != commands::NodeState::removed || status.membership.contains(one.node)) continue;
    if (now - out_since.try_emplace(one.node, now).first->second < kFarewell) continue;
    out_since.erase(one.node);
    record = own_record(own_origin(), {"_NODES.GONE", fmt::to_string(one.node.value)});
  }
  if (!record) return false;
  roster_again = now + kRosterAgain;
  ++own_records;
  proposals.add_write(*record);
  return true;
}

std::vector<Presence> Replica::State::presences(const consensus::Status& status) {
  std::vector<Presence> present = {
      {.node = options.protocol.self, .there = true, .caught_up = true}};
  for (const auto& peer : status.peers) {
    auto& heard = there_at.try_emplace(peer.node, now).first->second;
    if (peer.recently_active) heard = now;
    present.push_back({.node = peer.node,
                       .there = peer.recently_active,
                       .caught_up = !peer.snapshotting && peer.match + consensus::kNearlyAll >= status.commit,
                       .silent_for = now - heard});
  }
  return present;
}

void Replica::State::on_membership(const consensus::Membership& membership) {
  has_others = membership.everyone().size() > 1;
  trace.info("membership", {{"group", fmt::format("{}", options.protocol.group)},
                            {"voters", names(membership)}});
}

}  // namespace holdfast::replica

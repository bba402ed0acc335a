// Who belongs to the cluster, as the replicated roster says: taken over into the identity file and
// the links; and the asking for a number on behalf of an empty folder that wants to join.
#include <fmt/format.h>

#include <algorithm>

#include "commands/levels.h"
#include "commands/roster.h"
#include "replica/batch.h"
#include "replica/command_record.h"
#include "server/node.h"

namespace holdfast::server {
namespace {

using commands::Roster;

// An empty folder asks five times a second.
constexpr Duration kAskAgain = seconds(1);
constexpr std::size_t kMaxAsked = 64;
// Told apart from those that Departures counts from 1 on under the same connection.
constexpr std::uint64_t kNumberRequests = std::uint64_t{1} << 62;

std::vector<storage::Member> members_of(const Roster& roster, const storage::Identity& before) {
  std::vector<storage::Member> members;
  for (const commands::RosterNode& one : roster.nodes) {
    storage::Member member{one.node, one.address, one.peer_address, one.uid};
    // A founding place may have been claimed after the founding; the founder knows by whom.
    const storage::Member* known = before.find(one.node);
    if (member.uid == 0 && known != nullptr) member.uid = known->uid;
    members.push_back(std::move(member));
  }
  return members;
}

}  // namespace

std::string Node::founding_roster() const {
  if (identity_.founders == 0) return {};
  Roster roster;
  for (const storage::Member& member : identity_.members) {
    if (member.node.value > identity_.founders) continue;
    roster.nodes.push_back({member.node, member.address, member.peer_address, member.uid,
                            commands::NodeState::active});
  }
  roster.last = NodeId(identity_.founders);
  return roster.encode();
}

// After a start the log is applied again from its beginning, with lists that are older than what
// this folder knows already: those are passed over. Whoever is to leave takes new members over as well:
// if he is the last with the data, one of them has to take it from him first.
void Node::take_roster() {
  if (leaving_) leave_if_out();
  if (left()) return;
  const std::string_view text = setting(Roster::kSetting);
  if (text == roster_) return;
  roster_ = text;
  const auto roster = Roster::decode(text);
  if (!roster || roster->version <= identity_.roster_version) return;
  if (roster->nodes.size() == 1 && roster->nodes[0].node == identity_.node) {
    return;  // alone: the folder knows best where it listens
  }
  if (roster->last < identity_.node) return;
  const commands::RosterNode* self = roster->find(identity_.node);
  leaving_ = leaving_ || self == nullptr || self->state == commands::NodeState::removed;
  if (self == nullptr) return leave_if_out();
  storage::Identity next = identity_;
  next.members = members_of(*roster, identity_);
  next.roster_version = roster->version;
  if (auto stored = storage::store_identity(disk_, next); !stored) {
    return fail(stored.error().message);
  }
  identity_ = std::move(next);
  peers_->members_changed(identity_);
  if (leaving_) leave_if_out();
}

// What this node agrees to is written into the log, where it counts for the level (commands/levels.h).
// Nothing has to be said as long as it is what everybody takes for granted.
void Node::tell_level() {
  using commands::Levels;
  const std::int64_t limit = options_.config.max_level;
  const std::uint16_t newest = replica::kSemantics;
  const auto own = limit == 0 ? newest
                              : static_cast<std::uint16_t>(std::clamp<std::int64_t>(
                                    limit, Levels::kFirst, newest));
  const std::string_view text = setting(Levels::kSetting);
  if (own == level_told_ && text == levels_) return;
  if (leaving_ || !replica_->leader() || now() < level_again_) return;
  const auto levels = Levels::decode(text);
  const auto roster = Roster::decode(setting(Roster::kSetting));
  if (!levels || !roster || roster->find(identity_.node) == nullptr) return;
  if (levels->known_of(identity_.node) == own) {
    level_told_ = own;
    levels_ = text;
    return;
  }
  level_again_ = now() + kAskAgain;
  const Origin origin{identity_.node, identity_.incarnation, Departures::kConnection,
                      kNumberRequests + ++numbers_asked_};
  std::string record;
  replica::encode_command(0, origin, {"_NODES.LEVEL", fmt::to_string(identity_.node.value),
                                      fmt::to_string(own)},
                          record);
  (void)route(record, true, replica_->epoch());
}

// Removed, and the group goes on without this node: that is committed, and somebody else leads. The
// folder keeps in mind that it has no place any more.
void Node::leave_if_out() {
  if (ending_since_) return;
  const auto status = replica_->status().protocol;
  const bool out = !status.membership.contains(identity_.node) &&
                   status.membership_index <= status.commit;
  if (!out || status.role == consensus::Role::leader) return;
  storage::Identity next = identity_;
  std::erase_if(next.members, [this](const auto& one) { return one.node == identity_.node; });
  if (auto stored = storage::store_identity(disk_, next); !stored) {
    return fail(stored.error().message);
  }
  trace_.warning("removed from the cluster", {{"node", fmt::to_string(identity_.node.value)},
                                              {"meaning", std::string(kRemoved)}});
  shut_down();
}

// The leader writes it into the roster; the answer is there when the folder asks again.
void Node::ask_for_number(std::uint64_t folder_uid, const Place& place) {
  if (!replica_ || ended_) return;
  std::erase_if(asked_, [this](const auto& one) { return now() - one.second >= kAskAgain; });
  if (asked_.size() >= kMaxAsked || !asked_.emplace(folder_uid, now()).second) return;
  const Origin origin{identity_.node, identity_.incarnation, Departures::kConnection,
                      kNumberRequests + ++numbers_asked_};
  std::string record;
  replica::encode_command(0, origin,
                          {"_NODES.JOIN", fmt::to_string(folder_uid), place.client.text(),
                           place.peer().text()},
                          record);
  if (route(record, true, replica_->epoch()) == Routed::sent) {
    trace_.info("a node asks to join", {{"address", place.client.text()},
                                        {"folder", fmt::format("{:016x}", folder_uid)}});
  }
}

}  // namespace holdfast::server

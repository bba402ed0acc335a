// A folder that has lost a part of its log: what is damaged is set aside, and the node recovers from
// its peers (decision 0010). And how a replica is opened from what the folder holds.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replica/steward.h"
#include "server/node.h"
#include "storage/set_aside.h"

namespace holdfast::server {
namespace {

constexpr Duration kSayAgain = seconds(30);
// Damaged snapshots of several generations are set aside one after the other.
constexpr int kTriesMax = 4;

// What the log begins with. A node that joined later learns it from the log.
consensus::Membership founding_membership(const storage::Identity& identity) {
  const std::size_t voters = replica::voters_for(identity.founders);
  consensus::Membership membership;
  for (std::size_t i = 0; i < identity.founders; ++i) {
    auto& half = i < voters ? membership.voters : membership.learners;
    half.push_back(NodeId(i + 1));
  }
  return membership;
}

std::string listed(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += fmt::format("{}{}", text.empty() ? "" : ",", node);
  return text;
}

}  // namespace

Result<void> Node::open_own_log() {
  auto state = storage::folder_state(disk_);
  if (!state) return state.error();
  if (identity_.older_than) {
    const Incarnation met = identity_.older_than;
    if (auto begun = begin_without(fmt::format("{}: another node has met its start {}", kOlderCopy, met));
        !begun) {
      return begun;
    }
    // Only now: until here the next start would have to do it again.
    identity_.older_than = {};
    return storage::store_identity(disk_, identity_);
  }
  if (*state == storage::FolderState::setting_aside) {
    return begin_without("the node ended before its damaged files had their other names");
  }
  recovering_ = *state == storage::FolderState::recovering;
  // While it recovers its log may not have been made yet.
  auto opened = open_log(!recovering_);
  if (opened || log_damage_.empty() || identity_.members.size() < storage::kNodesToRecoverFrom) {
    return opened;
  }
  return begin_without(log_damage_);
}

// Nothing that this node ever vouched for rests on its disk alone any more: it says so to itself,
// durably, before the first file loses its name.
Result<void> Node::begin_without(std::string_view damage) {
  log_.reset();
  recovery_ = {};
  auto snapshots = storage::damaged_snapshots(disk_, GroupId{});
  if (!snapshots) return snapshots.error();
  const std::string why = fmt::format(
      "{}\n\nThis node has set its log aside (damaged-*) and takes a copy from the other nodes. "
      "Until it has everything it does not vote. Leave this file alone: without it the node would "
      "vote as if it had never known more.\n",
      damage);
  auto names = storage::set_aside(disk_, "log-", *snapshots, identity_.incarnation, why);
  if (!names) return names.error();
  recovering_ = true;
  ++damages_;
  trace_.error(
      "the data folder is damaged: its log is set aside, and this node takes what it held from the "
      "others. Until it has everything it votes for nobody and acknowledges nothing. Check this "
      "disk. The files damaged-* may be removed when the node has recovered, not before",
      {{"damage", std::string(damage)},
       {"files", fmt::to_string(names->size())},
       {"names", fmt::format("damaged-{}-*", identity_.incarnation)}});
  return open_log(false);
}

// What this node's log and promise say is not all that it has vouched for: nothing of it may be believed.
// Whoever recovers has said so already, and goes on under a number that nobody has seen.
bool Node::on_unknown_own_start(NodeId by, Incarnation met) {
  if (ended_) return false;
  if (recovering_ && met < identity_.incarnation) return true;
  storage::Identity next = identity_;
  next.older_than = met;
  if (auto stored = storage::store_identity(disk_, next); !stored) {
    fail(stored.error().message);
    return false;
  }
  const std::string why = fmt::format(
      "{}: node {} has met its start number {}, of which this folder, at its start number {}, knows "
      "nothing. What it promised and acknowledged since the copy was made it has forgotten, so nothing "
      "of it may count.", kOlderCopy, by, met, identity_.incarnation);
  const bool few = identity_.members.size() < storage::kNodesToRecoverFrom;
  fail(fmt::format("{} {}", why,
                   few ? kTooFewToForget
                       : "When it is started again it sets its log aside, takes everything from the "
                         "other nodes, and votes for nobody until it has it. Start it again."));
  return false;
}

bool Node::keeps_in_mind(const storage::Identity& other) const {
  return peers_ && !other.starts.empty() &&
         peers_->keeps_in_mind(other.node, other.incarnation, other.starts.back());
}

Result<void> Node::open_replica() {
  for (int tries = 1;; ++tries) {
    storage::GroupRecovery recovered;
    for (auto& [group, recovery] : recovery_.groups) {
      if (group == GroupId{}) recovered = std::move(recovery);
    }
    recovery_ = {};
    auto replica = replica::Replica::open(replica_options(), clock_, disk_, *log_, trace_, *this,
                                          recovered, founding_membership(identity_), prng_.next());
    if (replica) {
      replica_ = *std::move(replica);
      storage::Scrub::Owner& owner = *this;
      scrub_ = std::make_unique<storage::Scrub>(disk_, owner, identity_.folder_uid);
      open_audit();
      return {};
    }
    if (tries == kTriesMax || identity_.members.size() < storage::kNodesToRecoverFrom) return replica.error();
    auto damaged = storage::damaged_snapshots(disk_, GroupId{});
    if (!damaged) return damaged.error();
    if (damaged->empty()) return replica.error();
    const std::string damage = fmt::format("{}: it fails its checksums", fmt::join(*damaged, ", "));
    if (auto begun = begin_without(damage); !begun) return begun;
  }
}

// What people have to know about a recovery that does not end.
void Node::say_recovering(const consensus::Status& status) {
  std::vector<NodeId> silent = status.unheard;
  std::erase_if(silent, [&](NodeId node) {
    return std::count(status.recovering_too.begin(), status.recovering_too.end(), node) != 0;
  });
  std::string waits_for = "the leader's log";
  std::string meaning = "this node does not vote until it has what its disk has lost";
  if (!silent.empty()) {
    waits_for = "the word of nodes " + listed(silent);
    meaning += "; those nodes must run, or be replaced, before it can know what it has promised";
  } else if (!status.unheard.empty()) {
    waits_for = "people";
    meaning = fmt::format(
        "nodes {} have lost their logs as well: most of the cluster may have known what the others "
        "never heard of, so nobody leads. Restore a backup, or make a new cluster of what is left",
        listed(status.unheard));
  }
  trace_.warning("recovering", {{"waits_for", waits_for},
                                {"meaning", meaning},
                                {"entries", fmt::format("{}", status.last)}});
}

void Node::continue_recovery(Instant now) {
  if (!recovering_ || !replica_ || leaving_recovery_) return;
  const consensus::Status status = replica_->status().protocol;
  if (status.recovering) {
    if (now < say_recovering_at_) return;
    say_recovering_at_ = now + kSayAgain;
    return say_recovering(status);
  }
  if (!whole_with_) whole_with_ = replica_->issued_write();
  if (replica_->durable_write() < *whole_with_) return;
  leaving_recovery_ = true;
  disk_.submit(env::Lane::background,
               {storage::end_of_recovery(), [this, held = std::weak_ptr<int>(alive_)](
                                                Result<void> done) {
                  if (held.expired()) return;
                  if (!done) return fail(done.error().message);
                  recovering_ = false;
                  trace_.info("recovered: this node has everything again and votes", {});
                }});
}

}  // namespace holdfast::server

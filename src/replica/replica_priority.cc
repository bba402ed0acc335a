// Who is to lead last. A node that is told so by its setting says it in its replies, lets others
// campaign first (ProtocolOptions::leads_last), and hands over when it leads and another can: so it
// leads only as long as nobody else is there to.
#include <fmt/format.h>

#include "base/mutation.h"
#include "replica/replica_state.h"

namespace holdfast::replica {
namespace {

// A transfer that failed is not tried again at once: proposals wait while one is under way.
constexpr Duration kYieldAgain = seconds(1);

}  // namespace

void Replica::State::note_priority(const consensus::Message& message) {
  if (!is_reply(message)) return;
  if (message.leads_last) {
    last_to_lead.insert(message.from);
  } else if (!last_to_lead.empty()) {
    last_to_lead.erase(message.from);
  }
}

// A voter that is there, lacks next to nothing, has room, and is not to lead last itself: the one that
// is furthest; 0: none.
NodeId Replica::State::better_leader() const {
  const consensus::Status status = engine->status();
  const consensus::PeerProgress* best = nullptr;
  for (const auto& peer : status.peers) {
    if (!peer.voter || !peer.recently_active || peer.snapshotting) continue;
    if (without_room.contains(peer.node) || last_to_lead.contains(peer.node)) continue;
    if (peer.match + consensus::kNearlyAll < status.commit) continue;
    if (best == nullptr || peer.match > best->match) best = &peer;
  }
  return best == nullptr ? NodeId() : best->node;
}

void Replica::State::tend_priority() {
  if (!options.protocol.leads_last || !leading() || now < yield_again) return;
  // What others have said of themselves is in their first answers.
  if (engine->commit() < engine->log().last() || mutated(Mutation::priority_ignored)) return;
  const NodeId heir = better_leader();
  if (!heir) return;
  yield_again = now + kYieldAgain;
  trace.info("leadership is handed over: this node is to lead last",
             {{"node", fmt::format("{}", heir)}});
  step(consensus::TransferRequested{heir});
}

}  // namespace holdfast::replica

// Full disks. A node whose disk takes no more entries says so in its replies. Its leader goes on
// without it as long as a majority of the disks has room; a leader on a full disk hands over to
// one that has room; and where no majority has, writes are refused and reads go on.
#include "base/mutation.h"
#include "consensus/quorum.h"
#include "replica/replica_state.h"

namespace holdfast::replica {

using consensus::MessageKind;

bool is_reply(const consensus::Message& message) {
  return message.kind == MessageKind::append_reply || message.kind == MessageKind::heartbeat_reply;
}

void Replica::State::note_room(const consensus::Message& message) {
  if (!is_reply(message)) return;
  if (message.no_room) {
    without_room.insert(message.from);
  } else if (!without_room.empty()) {
    without_room.erase(message.from);
  }
}

// Who is not heard has room only as far as anybody knows: a disk that takes nothing at all does not take
// the promise without which its node answers nobody.
bool Replica::State::quorum_has_room() const {
  const consensus::Status status = engine->status();
  std::set<NodeId> with_room;
  if (log.may_accept()) with_room.insert(options.protocol.self);
  for (const auto& peer : status.peers) {
    if (peer.node == options.protocol.self || without_room.contains(peer.node)) continue;
    const bool counts = peer.recently_active && !peer.recovers;
    if (counts || mutated(Mutation::silent_disks_counted)) with_room.insert(peer.node);
  }
  const auto has_room = [&](NodeId node) -> std::optional<bool> { return with_room.contains(node); };
  return consensus::count_votes(status.membership, has_room) == consensus::VoteResult::won;
}

// The voter with room that is furthest; 0: none. Whose disk is full is in their first answers.
NodeId Replica::State::heir_with_room() const {
  const consensus::Status status = engine->status();
  const consensus::PeerProgress* best = nullptr;
  for (const auto& peer : status.peers) {
    if (!peer.voter || !peer.recently_active || without_room.contains(peer.node)) continue;
    if (peer.match == Index()) continue;  // has answered nothing yet
    if (best == nullptr || peer.match > best->match) best = &peer;
  }
  return best == nullptr ? NodeId() : best->node;
}

// Nothing: a write may be taken.
std::optional<Accepted> Replica::State::refusal_for_room() const {
  const bool own = log.may_accept();
  if (own && without_room.empty()) return std::nullopt;
  if (mutated(Mutation::full_disk_proposes)) return std::nullopt;
  if (!quorum_has_room()) return Accepted::no_space;
  if (own) return std::nullopt;
  // Leadership is on its way to somebody who has room.
  return heir_with_room() ? Accepted::busy : Accepted::no_space;
}

void Replica::State::tend_room() {
  if (!leading() || now < hand_over_again || log.may_accept() || !quorum_has_room()) return;
  const NodeId heir = heir_with_room();
  if (!heir || mutated(Mutation::full_disk_proposes)) return;
  hand_over_again = now + options.protocol.election_timeout;
  trace.warning("the disk is full: leadership is handed over to a node that has room",
                {{"node", fmt::format("{}", heir)},
                 {"hint", "free some space on this disk: until then this node acknowledges nothing"}});
  step(consensus::TransferRequested{heir});
}

}  // namespace holdfast::replica

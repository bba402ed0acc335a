// What replicas of one group say to each other.
//
// One struct for all kinds and engines: few fields, each with one meaning. The host routes by
// `group` and `to` and looks at nothing else. Encoded by message_codec.h; docs/formats/peer.md.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "consensus/entry.h"

namespace holdfast::consensus {

enum class MessageKind : std::uint8_t {
  pre_vote_request = 1,  // "would you promise me this epoch?" (Raft thesis 9.6)
  pre_vote_reply = 2,
  vote_request = 3,  // Raft RequestVote; Paxos phase 1a, "prepare"
  vote_reply = 4,    // Paxos phase 1b; `entries` then carries what was accepted
  append = 5,        // Raft AppendEntries; Paxos phase 2a over a contiguous log
  append_reply = 6,
  heartbeat = 7,
  heartbeat_reply = 8,
  snapshot = 9,  // the snapshot at (index, index_epoch) is on the receiver's disk: its host says so
  campaign_now = 10,  // Raft TimeoutNow: the leader hands over (thesis 3.10)
};

struct Message {
  MessageKind kind = MessageKind::heartbeat;
  GroupId group;
  NodeId from;
  NodeId to;
  // The sender's epoch; in pre-votes and their grants, the epoch that would be promised.
  Epoch epoch;
  // append: the entry before `entries`. votes: the sender's last entry. replies: the last index
  // that this reply acknowledges. snapshot: the last entry it contains.
  Index index;
  Epoch index_epoch;
  // append, heartbeat: how far the leader has committed, as far as this receiver may know.
  Index commit;
  // replies: refused. append_reply: `index` is the one asked about, `hint` how far it may match.
  // heartbeat_reply: the sender is there, and must not be counted. pre_vote_reply to a question:
  // `epoch` is what the sender has promised, `hint` its last entry; not refused: it cannot say.
  bool refused = false;
  Index hint;
  Epoch hint_epoch;
  // vote_request: sent by a leader's own wish (campaign_now), so stickiness does not apply.
  // `hint_epoch` is then that leader's.
  bool transfer = false;
  // replies: the sender's disk takes no more entries at present. Said by its host, and looked at by
  // the receiver's: advice, which engines pass over.
  bool no_room = false;
  // replies: the sender is to lead only if nobody else can. As above: from host to host.
  bool leads_last = false;
  // heartbeat, append and their replies: the newest read round that the sender had begun.
  // pre_vote_request: not 0 makes it the question of one who recovers, which asks for no vote; the
  // pre_vote_reply to it repeats it.
  std::uint64_t read_round = 0;
  // heartbeat: for how many milliseconds the leader asks the receiver to elect nobody else, counted
  // from its arrival; 0: it does not ask. The reply: for how many it will not.
  std::uint32_t lease_ms = 0;
  // append: contiguous, the first at index + 1. vote_reply in Paxos: accepted entries.
  std::vector<Entry> entries;
};

}  // namespace holdfast::consensus

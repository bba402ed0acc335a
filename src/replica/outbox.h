// What a replica has to say to the rest of its node: the one interface through which it speaks
// upward. Implemented by server/ and by the simulator.
//
// Nothing here may call back into the replica before returning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "consensus/protocol.h"
#include "keyspace/notice.h"

namespace holdfast::replica {

// How a submitted command ended, as far as it was not simply answered.
enum class Verdict : std::uint8_t {
  answered = 1,      // `reply` holds the encoded answer
  blocked = 2,       // applied and now waiting (LOCK.ACQUIRE … WAIT); the answer follows later
  not_done = 3,      // certainly had no effect: may be submitted again, here or elsewhere
  unknown = 4,       // may have been done: nobody can say any more
  no_space = 5,      // certainly had no effect: no majority of disks has room for it
};

// What was noticed while one entry was applied, in order.
struct EntryNotices {
  Index index;
  WallTime wall;  // the entry's; 0: it has none
  std::vector<keyspace::Notice> notices;
};

class Outbox {
 public:
  virtual ~Outbox() = default;

  // To a peer. `stamp` is this node's cluster time if it leads the group, else 0: it travels with
  // the message.
  virtual void send(GroupId group, const consensus::Message& message, ClusterTime stamp) = 0;
  // Streams the newest snapshot of this group to a peer; ends with Replica::snapshot_sent.
  virtual void send_snapshot(GroupId group, NodeId to) = 0;

  // ---- what replicas tell each other about whether they hold the same (divergence.h). All of it
  // may be lost. By default nobody is told: a replica without others has nobody to differ from.
  // To the leader: what this replica found at the check at `index`.
  virtual void tell_digest(GroupId /*group*/, NodeId /*leader*/, Index /*index*/,
                           std::uint64_t /*hash*/) {}
  // From the leader: your state differs from the majority's, as the check at `index` has shown.
  virtual void order_rebuild(GroupId /*group*/, NodeId /*to*/, Epoch /*under*/, Index /*index*/) {}
  // To the leader: send me a snapshot of this index or a later one.
  virtual void ask_for_snapshot(GroupId /*group*/, NodeId /*leader*/, Index /*at_least*/) {}

  // The outcome of a command for its origin, which may be a connection of this node or of another.
  // Called on the leader for every command it had accepted, and on every replica for the commands
  // that came from its own node (origin.node is this node), so an outcome may be told twice: the
  // receiver keeps the first. `index` is the entry's (0 for reads), for WAIT.
  virtual void outcome(const Origin& origin, Verdict verdict, std::string_view reply,
                       Index index) = 0;

  // Of the reads that Replica::read_at_once had answered under this ticket: it did lead, and the answers
  // are right; or that could not be shown, and they are to be asked again.
  virtual void reads_settled(GroupId /*group*/, consensus::ReadTicket /*ticket*/, bool /*right*/) {}

  // Role, epoch or known leader changed.
  virtual void role_changed(GroupId group, const consensus::RoleChange& role) = 0;
  // The first entry of this epoch was applied here: whatever was proposed under an earlier epoch
  // and has not been applied by now never will be (it is not done).
  virtual void epoch_applied(GroupId group, Epoch epoch) = 0;
  // A snapshot replaced the state: commands of this node that were under way when it was installed
  // and are covered by it cannot be judged any more (unknown).
  virtual void outcomes_lost(GroupId group) = 0;

  // After the outcomes of the entry, on every replica, if there was anything of the topics that
  // Replica::want_notices named.
  virtual void noticed(GroupId /*group*/, EntryNotices&& /*entry*/) {}
  // A snapshot replaced the state: what happened in the entries (from, to] is not noticed here.
  virtual void notices_missed(GroupId /*group*/, Index /*from*/, Index /*to*/) {}
};

}  // namespace holdfast::replica

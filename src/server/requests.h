// The order of one connection's commands, and how each of them ends.
//
// Every request takes its place in a ring and is answered in its turn. Commands on data are routed
// to the leader at once, one behind the other, while all under way went under one epoch. What comes
// back as not done is held, with everything behind it, and routed again in order. Rules:
//
//   - nothing is routed past something held, and nothing under a new epoch before every command
//     under way is judged: an earlier one may have to be routed again first;
//   - a held command whose successor was done meanwhile can no longer be done in order: it is
//     refused as not done;
//   - reads have no effect, so a change of leader makes those in front of the first write "not done"
//     at once; a write, and what was sent behind it, is "not done" when its leader says so or when an
//     entry of a later epoch was applied here before it;
//   - after UNKNOWN, what had been received by then and was not yet routed is refused.
//
// Threads: the loop's. Never routes from inside outcome(), leader_changed() and the like, which may
// be called by the replica: it asks for attention and routes in pump().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "replica/outbox.h"
#include "server/connection_table.h"
#include "server/request_ring.h"

namespace holdfast::server {

// What requests ask of their connection.
class RequestOwner {
 public:
  virtual ~RequestOwner() = default;
  // The next reply in order. May be empty.
  virtual void put_reply(std::string_view reply) = 0;
  // Makes the client's reply from the answer to a request that is not plain.
  virtual std::string translate(Request& request, std::string_view answer) = 0;
  // Such a request was settled with an error of ours instead: it has no answer.
  virtual void on_refused(Request& request) = 0;
  // Asks for a call of pump() at the turn's end.
  virtual void attend() = 0;
  // Requests were answered and made room.
  virtual void on_progress() = 0;
  // Commands received so far and not yet begun are to be refused.
  virtual void refuse_received() = 0;
};

// What is said to a command that was received before an UNKNOWN and not begun by then.
inline constexpr std::string_view kRefusedAfterUnknown =
    "NOLEADER this command was not done, because the outcome of an earlier command of this "
    "connection is unknown. Find out what became of that one, then try again";

// Of a read whose leader has said nothing.
std::string no_answer_for(std::int64_t milliseconds_waited);

class Requests {
 public:
  Requests(ConnectionTable& table, RequestOwner& owner, ConnectionId id)
      : table_(table), owner_(owner), id_(id) {}

  // ---- new requests
  // A reply that this node gave by itself takes its place in the order.
  void answer(const commands::CommandSpec* spec, std::string_view reply, bool silent);
  // The same for an error that was counted already.
  void answer_rejected(std::string_view reply, bool silent);
  // A place for a command on data. The caller fills in what is special, encodes `record` with
  // origin(), and launches it.
  Request& begin(const commands::CommandSpec* spec, bool write, bool silent);
  // The request last begun is a read of a feed: asked again until it tells of something, or until
  // then.
  void read_until_changed(Request& request, Instant deadline);
  // Of the request last begun.
  Origin origin() const;
  void launch();

  // ---- what is told about them
  void outcome(std::uint64_t number, replica::Verdict verdict, std::string_view reply,
               Index index);
  void leader_changed();
  void epoch_applied(Epoch epoch);
  void outcomes_lost();
  // What was forwarded may be lost; who is blocked is remembered by the replicas and stays so.
  void forwards_lost();

  // ---- the passing of time
  // Routes what is held, as far as it may be. Not to be called from inside the replica.
  void pump();
  // Ends what has waited too long.
  void sweep();

  // CLIENT UNBLOCK: ends the wait of a blocked command with this reply. False: none is blocked.
  bool unblock(std::string_view reply);
  // The answers put out so far were handed to the socket.
  void handed_over() { unsent_waits_.clear(); }
  // The connection is gone: whoever waits for a lock in its name is dropped after the grace.
  void close();

  bool empty() const { return ring_.empty(); }
  std::size_t size() const { return ring_.size(); }
  // Of records kept and of replies that wait for their turn.
  std::size_t bytes() const { return bytes_; }
  // Whether one waits for somebody's release.
  bool blocked() const { return blocked_ != 0; }
  // Whether CLIENT PAUSE holds the next one back.
  bool paused() const;
  // Adds those that wait for a lock.
  void add_waits(std::vector<LockWait>& waits);
  // Whether the request of this number was answered to the client.
  bool answered(std::uint64_t number) const { return position_of(number) < ring_.begin(); }
  // Whether something is to come without somebody else's release.
  bool pending() const { return under_way_ + held_ != 0; }
  // The newest entry that a write of this connection went into; 0: none.
  Index last_write() const { return last_write_; }

 private:
  enum class Routing : std::uint8_t { sent, stays, settled };

  Request& push();
  void pop();
  Routing route(std::uint64_t position);
  Routing stay(std::uint64_t position);
  void encode_again(std::uint64_t position);
  Origin origin_of(std::uint64_t position, std::uint8_t attempt) const;
  void hold(std::uint64_t position);
  void set_state(std::uint64_t position, Request::State state);
  void settle(std::uint64_t position, std::string_view reply);
  void settle_error(std::uint64_t position, std::string_view text);
  void settle_answer(std::uint64_t position, std::string_view reply);
  void settle_unknown(std::uint64_t position, std::string_view why);
  void deliver_ready();
  void refuse_held();
  void lose_under_way(std::string_view why);
  void expire_held();
  void on_durability(std::uint64_t position, std::string_view answer);
  void on_feed(std::uint64_t position, std::string_view answer);
  bool nothing_new_yet(Request& request);
  bool under_way_behind(std::uint64_t position);
  LockWait wait_at(std::uint64_t position);
  void remember_wait(std::uint64_t position);
  void uncount(Request& request);

  ConnectionTable& table_;
  RequestOwner& owner_;
  ConnectionId id_;
  RequestRing ring_;
  std::size_t bytes_ = 0;
  std::size_t under_way_ = 0;
  std::size_t held_ = 0;
  std::size_t blocked_ = 0;
  Epoch epoch_;                     // under which everything under way was routed
  std::uint64_t first_held_ = 0;    // valid while held_ is not 0
  std::uint64_t last_routed_ = 0;   // the highest position that was ever routed
  std::uint64_t done_up_to_ = 0;    // the highest position that took effect, or may have
  std::uint64_t refused_up_to_ = 0;  // what is held up to here is refused: UNKNOWN was said
  bool closed_ = false;
  Index last_write_;
  std::vector<LockWait> unsent_waits_;  // answered, not yet handed to the socket
};

}  // namespace holdfast::server

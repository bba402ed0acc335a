// What a leader knows about one peer, and what it may send to it next.
//
//              refused, lost, peer back             ack
//   replicate ------------------------> probe ------------> replicate
//       |                                 ^ |
//       | entries needed are compacted    | | the same
//       v                                 | v
//    snapshot ----------------------------+-snapshot
//          transfer ended, or an ack that reaches the log
//
// probe:     where the logs meet is not known. One append at a time, until it is answered or a
//            heartbeat reply shows that the peer is there.
// replicate: `next` runs ahead of `match`; a window bounds what is sent and not acknowledged.
// snapshot:  nothing is sent until the host reports the end of the transfer.
//
// Raft 5.3 (nextIndex, matchIndex); thesis 10.2.1 (pipelining).
//
// Invariants: match < next. The window is empty unless replicating.
#pragma once

#include <cstdint>
#include <deque>

#include "base/ids.h"
#include "base/time.h"

namespace holdfast::consensus {

// Appends that were sent and not acknowledged, oldest first.
class Window {
 public:
  Window(std::uint32_t max_messages, std::uint64_t max_bytes)
      : max_messages_(max_messages), max_bytes_(max_bytes) {}

  void add(Index last, std::uint64_t bytes);
  // Everything up to `index` has been acknowledged.
  void free_to(Index index);
  void clear();
  // Full by count or by bytes. One message always fits, whatever its size.
  bool full() const;
  bool empty() const { return sent_.empty(); }
  std::size_t messages() const { return sent_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Sent {
    Index last;
    std::uint64_t bytes = 0;
  };

  std::uint32_t max_messages_;
  std::uint64_t max_bytes_;
  std::deque<Sent> sent_;
  std::uint64_t bytes_ = 0;
};

class Progress {
 public:
  enum class State : std::uint8_t { probe, replicate, snapshot };

  // Nothing is known: match 0, probing at `next`.
  Progress(NodeId node, bool voter, Index next, Window window, Instant now)
      : node_(node), voter_(voter), next_(next), window_(std::move(window)), heard_at_(now) {}

  // May entries be sent now?
  bool may_send() const;
  // An append up to `last` (next - 1 if it is empty) has been sent.
  void on_sent(Index last, std::uint64_t bytes);
  // The peer has everything up to `index`, as this leader's log has it. False: nothing new.
  // `first`: the first entry of the leader's log; a snapshot has done its work when the peer
  // reaches it.
  bool on_ack(Index index, Index first);
  // The peer lacks the entry at `asked` as this leader has it. False: an answer to an old question.
  // Otherwise probing goes on at `guess`, or further back.
  bool on_refusal(Index asked, Index guess);
  // The append behind `asked` matched, as most likely everything up to `reached`, but the peer must
  // not be counted: it recovers. False: an answer to an old question.
  bool on_uncounted(Index asked, Index reached);
  // The peer has lost a part of its log. Until it acknowledges something it is part of no quorum.
  void note_recovering();
  // Something was heard, at the leader's epoch.
  void on_heard(Instant now) { heard_at_ = now; }
  // The peer is there: one more probe may be tried, should the last one be lost.
  void resume() { waiting_ = false; }
  // What was sent is lost, or may be.
  void become_probe();
  void become_snapshot();
  // The process that acknowledged is gone. What its successor holds it has to say itself: a disk
  // may have kept less than was promised, and then nothing may rest on it.
  void forget_match();
  // Probing: at `next`, which is after match; or not before a sign of life.
  void probe_from(Index next);
  void pause() { waiting_ = true; }

  NodeId node() const { return node_; }
  bool voter() const { return voter_; }
  void set_voter(bool voter) { voter_ = voter; }
  State state() const { return state_; }
  Index match() const { return match_; }
  Index next() const { return next_; }
  const Window& window() const { return window_; }
  Instant heard_at() const { return heard_at_; }
  bool recovers() const { return recovers_; }

  // The newest read round that the peer has confirmed.
  std::uint64_t read_round = 0;
  // It was among the first who confirmed the last round that was waited for, and has not left since.
  bool prompt = true;
  // Until then, on the host's clock here, the peer elects nobody else: counted from when it was
  // asked, and less than what it promised (leases.h).
  Instant elects_nobody_until;
  // The newest commit index told to it in an append.
  Index commit_sent;
  // No member any more: hears of that until then.
  Instant leaves_at = Instant::never();

 private:
  NodeId node_;
  bool voter_;
  State state_ = State::probe;
  bool waiting_ = false;  // probe: one append is under way
  bool recovers_ = false;
  Index match_;
  Index next_;
  Window window_;
  Instant heard_at_;
};

}  // namespace holdfast::consensus

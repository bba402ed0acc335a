// What one client does, and what the answers mean to it. Knows neither a socket nor a clock: the
// simulator drives it over simulated wires, `holdfast bench` over real ones.
//
//   std::vector<Command> pipeline = actor.next(now);      // to be sent as one
//   actor.answered(reply, now);                           // for each, in order
//   actor.broken(sent, now);                              // instead: the connection is gone
//   …
//   while (!actor.wind_down()) …                          // at the end: next() as before
//   actor.finish(now);                                    // or there is no more time
//
// An actor appends each operation to its history when it has ended. After broken() what had been
// sent and not answered is unknown; what is safe to repeat is asked again on the next connection:
// ONCE under the same id until it is answered, and at times a LOCK.ACQUIRE of the same owner, who
// must find his place or his grant.
//
// Names: registers r0 …, counters c0 … and (under ONCE) o0 …, sets s0.0 …, keys that end by
// themselves t<client>.0 …, rate limits h0 …, latches d0 …, pairs w0.w0a w0.w0b …, keys fetched
// under leases k0 …, locks l0 … with the keys g0 … that are written under their guard.
//
// Threads: its driver's. Owns: what it has begun; the history is its driver's.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "resp/reply_parser.h"
#include "workload/activity.h"
#include "workload/history.h"
#include "workload/mix.h"
#include "workload/names.h"

namespace holdfast::workload {

class Actor {
 public:
  // Values written are unique over a run in which each client has a number of its own.
  Actor(const Mix& mix, std::uint32_t client, Prng prng, History& history);
  ~Actor();
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  // The next commands to send on a connection with nothing outstanding. Never empty. They are asked
  // now, as far as the history goes. REQUIRES: outstanding() is 0; wind_down() was not true.
  std::vector<Command> next(Instant now);
  void answered(const resp::Reply& reply, Instant now);
  // The connection could not be made, or is gone. `sent`: whether anything of the last next() may
  // have left; if not those operations failed.
  void broken(bool sent, Instant now);
  // How long to pause before the next(); not at all if the mix says so.
  Duration pause();
  // No more new operations; what is held is given back. True once there is nothing left to do.
  bool wind_down();
  // The end, however it stands: whatever has not ended is unknown.
  void finish(Instant now);

  // Commands of the last next() that are not answered yet.
  std::size_t outstanding() const { return sent_.size(); }
  // Operations that ended with an answer, ever.
  std::uint64_t acknowledged() const { return journal_.acknowledged(); }
  // Answers that no promise allows. Empty unless a node is wrong.
  const std::vector<std::string>& problems() const { return journal_.problems(); }

 private:
  struct Begun {
    std::unique_ptr<Activity> activity;
    bool lasts = false;  // longer than the pipeline it began in
  };

  // What to begin next; nothing if there is as much of it under way as may be.
  std::optional<Op> choose();
  std::unique_ptr<Activity> begin(Op kind, Instant now);
  bool watching() const;
  void forget_ended();

  Mix mix_;
  Prng prng_;
  Journal journal_;
  Names names_;
  std::size_t at_once_;            // so many are under way at most
  std::vector<Begun> activities_;  // under way, oldest first
  std::deque<Activity*> sent_;     // of each command that is not answered
  bool winding_down_ = false;
  bool watches_feed_ = false;  // this client has a watcher: it lasts to the end
};

}  // namespace holdfast::workload

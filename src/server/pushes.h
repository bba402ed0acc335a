// What a node tells its own connections of the entries that it applies, unasked:
//
//   push holdfast.lost {kind, name, token, reason}    to the RESP3 connection that acquired
//   push holdfast.elect {name, event, token, who}     to RESP3 connections that observe the election
//   channel __holdfast__:lost:<name>                  "<kind> <token> <reason>"
//   channel __holdfast__:elect:<name>                 "elected <token> <candidate>" or
//                                                     "vacant <token> <reason>"
//   channels __keyspace@0__:<key>, __keyevent@0__:<event>   as Redis does, if notify-keyspace-events says so
//
// kind: lock, semaphore, election, session. reason: expired, forced, session, withdrawn, or unknown:
// the node had fallen behind, and received the state without the entries in which it ended. What such a
// node may have missed beyond that, it says by closing the connections concerned.
//
// Threads: the loop's. May be called from inside the replica.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/ids.h"
#include "replica/outbox.h"
#include "server/channels.h"
#include "server/holders.h"
#include "server/key_events.h"

namespace holdfast::server {

class Pushes {
 public:
  explicit Pushes(ConnectionTable& table) : channels(table), holders(table), table_(table) {}

  Channels channels;
  Holders holders;

  // Bits of keyspace::Topic: of what somebody here wants to hear.
  std::uint8_t topics();
  void on_entry(const replica::EntryNotices& entry);
  // The entries after this one, up to the present state, were not seen here.
  void on_missed(Index from);
  // Once a turn, not from inside the replica; `still_held` asks the present state.
  void on_turn_end(const Holders::StillHeld& still_held);
  // The connection ends, or begins anew (RESET).
  void forget(Connection& connection);
  // For connections that speak RESP3: how many there are.
  void count_resp3(bool more) { more ? ++resp3_ : --resp3_; }

 private:
  void on_holding(const keyspace::Notice& notice);
  void on_election(const keyspace::Notice& notice);
  void on_key(const keyspace::Notice& notice);

  ConnectionTable& table_;
  KeyEventFlags key_events_;
  std::string key_events_text_;  // the setting of which they were read
  std::size_t resp3_ = 0;
  std::optional<Index> missed_from_;
};

}  // namespace holdfast::server

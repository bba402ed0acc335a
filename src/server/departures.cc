#include "server/departures.h"

#include <fmt/format.h>

#include <algorithm>

#include "replica/command_record.h"

namespace holdfast::server {
namespace {

constexpr Duration kRefusedPause = milliseconds(50);

}  // namespace

void Departures::add(NodeId node, Incarnation incarnation, bool ended, Instant due) {
  const auto known = std::find_if(departures_.begin(), departures_.end(),
                                  [node](const Departure& gone) { return gone.node == node; });
  const Departure departure{node, incarnation, ended, due};
  if (known == departures_.end()) {
    departures_.push_back(departure);
  } else if (known->incarnation < incarnation ||
             (known->incarnation == incarnation && ended && !known->ended)) {
    *known = departure;
  }
}

void Departures::forget(NodeId node, Incarnation incarnation) {
  std::erase_if(departures_, [&](const Departure& gone) {
    return gone.node == node && gone.incarnation >= incarnation;
  });
}

void Departures::on_turn_end(const Turn& turn) {
  for (Departure& gone : departures_) {
    if (!gone.since) gone.since = gone.ended ? turn.cluster_time() : ClusterTime::never();
    if (gone.said_under == turn.epoch || turn.now < gone.due) continue;
    const std::string node = fmt::to_string(gone.node.value);
    const std::string incarnation = fmt::to_string(gone.incarnation.value);
    const std::string since = fmt::to_string(gone.since->ms);
    Origin origin = turn.self;
    origin.connection = kConnection;
    origin.request = ++last_request_;
    std::string record;
    replica::encode_command(0, origin, {"_NODE.GONE", node, incarnation, since}, record);
    if (turn.submit(record)) {
      gone.said_under = turn.epoch;
      gone.request = origin.request;
    } else {
      gone.due = turn.now + kRefusedPause;
    }
  }
}

void Departures::on_outcome(std::uint64_t request, replica::Verdict verdict) {
  for (Departure& gone : departures_) {
    if (gone.request == request && verdict == replica::Verdict::not_done) gone.said_under = {};
  }
}

Instant Departures::wake_at(Epoch epoch) const {
  Instant at = Instant::never();
  for (const Departure& gone : departures_) {
    if (gone.said_under != epoch) at = std::min(at, gone.due);
  }
  return at;
}

}  // namespace holdfast::server

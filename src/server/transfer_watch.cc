#include "server/transfer_watch.h"

#include <fmt/format.h>

namespace holdfast::server {

void TransferWatch::begin(NodeId to, Epoch under, Instant now, Duration patience) {
  state_ = State::under_way;
  to_ = to;
  leader_ = {};
  under_ = under;
  until_ = now + patience;
}

bool TransferWatch::look(NodeId self, NodeId leader, Epoch epoch, Instant now) {
  if (!under_way()) return false;
  if (leader == self && epoch == under_) {
    if (now < until_) return false;
    state_ = State::stayed;
    return true;
  }
  // Whoever takes it begins a later epoch; until he is known it has not ended.
  if (!leader || epoch <= under_) return false;
  leader_ = leader;
  state_ = leader != self && (!to_ || leader == to_) ? State::done : State::other;
  return true;
}

std::string TransferWatch::text() const {
  const std::string whom = to_ ? fmt::format("to node {}: ", to_) : "";
  switch (state_) {
    case State::none:
      return "none";
    case State::under_way:
      return whom + "under way";
    case State::stayed:
      return whom + "given up, it could not take over in time; this node goes on leading";
    case State::done:
    case State::other:
      return fmt::format("{}node {} leads", whom, leader_);
  }
  return {};
}

}  // namespace holdfast::server

#include "server/holders.h"

#include <utility>

#include "server/connection.h"
#include "server/connection_table.h"

namespace holdfast::server {

void Holders::granted(const keyspace::Notice& notice) {
  const Services& services = table_.services;
  if (notice.origin.node != services.self() ||
      notice.origin.incarnation != services.incarnation()) {
    return;
  }
  const Connection* connection = table_.find(notice.origin.connection);
  if (connection == nullptr || connection->session.version != resp::Version::resp3) return;
  const auto [found, added] =
      holdings_.try_emplace(Holding{notice.holding, notice.name, notice.token});
  found->second[connection->id()] = notice.origin.request;
  by_connection_[connection->id()].insert(&found->first);
}

void Holders::released(const keyspace::Notice& notice) {
  const auto found = holdings_.find(Holding{notice.holding, notice.name, notice.token});
  if (found != holdings_.end()) drop(found);
}

void Holders::lost(const keyspace::Notice& notice) {
  const auto found = holdings_.find(Holding{notice.holding, notice.name, notice.token});
  if (found != holdings_.end()) end(found, name_of(notice.loss));
}

void Holders::drop(std::map<Holding, Listeners>::iterator found) {
  for (const auto& [id, request] : found->second) {
    const auto mine = by_connection_.find(id);
    mine->second.erase(&found->first);
    if (mine->second.empty()) by_connection_.erase(mine);
  }
  holdings_.erase(found);
}

void Holders::end(std::map<Holding, Listeners>::iterator found, std::string_view reason) {
  const Holding& holding = found->first;
  std::string text;
  resp::ReplyWriter writer(text, resp::Version::resp3);
  writer.push(5);
  writer.bulk("holdfast.lost");
  writer.bulk(name_of(holding.kind));
  writer.bulk(holding.name);
  writer.integer(static_cast<std::int64_t>(holding.token));
  writer.bulk(reason);
  const Listeners listeners = found->second;
  drop(found);  // first: a push may end its connection, which is then forgotten
  for (const auto& [id, request] : listeners) {
    Waiting waiting{id, request, text};
    if (!push(waiting)) waiting_.push_back(std::move(waiting));
  }
}

// False: the acquire is not answered yet.
bool Holders::push(const Waiting& waiting) {
  Connection* connection = table_.find(waiting.id);
  if (connection == nullptr || connection->closed()) return true;
  if (!connection->requests.answered(waiting.request)) return false;
  ++told_;
  connection->push(waiting.push);
  return true;
}

void Holders::push_waiting() {
  if (waiting_.empty()) return;
  std::erase_if(waiting_, [this](const Waiting& waiting) { return push(waiting); });
}

void Holders::forget(ConnectionId id) {
  const auto mine = by_connection_.find(id);
  if (mine == by_connection_.end()) return;
  const std::set<const Holding*> holdings = std::move(mine->second);
  by_connection_.erase(mine);
  for (const Holding* holding : holdings) {
    const auto found = holdings_.find(*holding);
    found->second.erase(id);
    if (found->second.empty()) holdings_.erase(found);
  }
}

void Holders::compare(const StillHeld& still_held) {
  std::vector<Holding> gone;
  for (const auto& [holding, listeners] : holdings_) {
    if (!still_held(holding)) gone.push_back(holding);
  }
  for (const Holding& holding : gone) {
    const auto found = holdings_.find(holding);
    if (found != holdings_.end()) end(found, "unknown");
  }
}

}  // namespace holdfast::server

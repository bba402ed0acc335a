#include "server/connection_table.h"

#include <algorithm>
#include <utility>

#include "server/connection.h"

namespace holdfast::server {
namespace {

Salt random_salt(Services& services) {
  Salt salt;
  for (std::size_t i = 0; i < salt.size(); ++i) {
    salt[i] = static_cast<std::uint8_t>(services.random() >> 32);
  }
  return salt;
}

}  // namespace

ConnectionTable::ConnectionTable(Services& node)
    : services(node), drops(node), passwords(random_salt(node)) {}

void ConnectionTable::add(std::shared_ptr<Connection> connection) {
  const std::uint64_t id = connection->id().value;
  connections_.emplace(id, std::move(connection));
}

void ConnectionTable::remove(ConnectionId id) {
  const auto found = connections_.find(id.value);
  if (found == connections_.end()) return;
  // It may be on the stack right now, told by its own request.
  gone_.push_back(std::move(found->second));
  connections_.erase(found);
}

Connection* ConnectionTable::find(ConnectionId id) {
  const auto found = connections_.find(id.value);
  return found == connections_.end() ? nullptr : found->second.get();
}

std::vector<std::shared_ptr<Connection>> ConnectionTable::sorted() const {
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) all.push_back(connection);
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a->id() < b->id(); });
  return all;
}

void ConnectionTable::for_each(const std::function<void(Connection&)>& visit) {
  for (const auto& connection : sorted()) {
    if (!connection->closed()) visit(*connection);
  }
}

void ConnectionTable::want_flush(Connection& connection) {
  if (std::exchange(connection.wanted_flush, true)) return;
  flushes_.push_back(connection.shared_from_this());
}

void ConnectionTable::want_attention(Connection& connection) {
  if (std::exchange(connection.wanted_attention, true)) return;
  attention_.push_back(connection.shared_from_this());
}

std::vector<std::shared_ptr<Connection>> ConnectionTable::take_flushes() {
  auto taken = std::exchange(flushes_, {});
  for (const auto& connection : taken) connection->wanted_flush = false;
  return taken;
}

std::vector<std::shared_ptr<Connection>> ConnectionTable::take_attention() {
  auto taken = std::exchange(attention_, {});
  for (const auto& connection : taken) connection->wanted_attention = false;
  return taken;
}

}  // namespace holdfast::server

#include "server/connection_table.h"

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
    : services(node),
      drops(node),
      kept(node),
      passwords(random_salt(node)),
      pushes(*this) {}

void ConnectionTable::add(std::shared_ptr<Connection> connection) {
  const std::uint64_t id = connection->id().value;
  connections_.emplace(id, std::move(connection));
}

void ConnectionTable::remove(ConnectionId id) {
  const auto found = connections_.find(id.value);
  if (found == connections_.end()) return;
  found_ = nullptr;
  // It may be on the stack right now, told by its own request.
  gone_.push_back(std::move(found->second));
  connections_.erase(found);
}

Connection* ConnectionTable::find(ConnectionId id) {
  if (found_ != nullptr && found_->id() == id) return found_;
  const auto found = connections_.find(id.value);
  found_ = found == connections_.end() ? nullptr : found->second.get();
  return found_;
}

void ConnectionTable::for_each(const std::function<void(Connection&)>& visit) {
  // Whoever is visited may end itself or others: the next is looked up anew. What has gone is kept
  // until the turn's end.
  for (auto next = connections_.begin(); next != connections_.end();) {
    const std::uint64_t id = next->first;
    if (!next->second->closed()) visit(*next->second);
    next = connections_.upper_bound(id);
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

#include "server/channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "commands/glob.h"
#include "server/connection.h"
#include "server/connection_table.h"

namespace holdfast::server {
namespace {

std::set<std::string, std::less<>>& names_of(Subscriptions& all, Channels::Kind kind) {
  switch (kind) {
    case Channels::Kind::channel:
      return all.channels;
    case Channels::Kind::pattern:
      return all.patterns;
    case Channels::Kind::election:
      break;
  }
  return all.elections;
}

// One message as both protocols spell it, each made when the first listener needs it.
class Message {
 public:
  Message(std::string_view kind, std::optional<std::string_view> pattern, std::string_view channel,
          std::string_view text)
      : kind_(kind), pattern_(pattern), channel_(channel), text_(text) {}

  std::string_view in(resp::Version version) {
    std::string& encoded = version == resp::Version::resp3 ? resp3_ : resp2_;
    if (!encoded.empty()) return encoded;
    resp::ReplyWriter writer(encoded, version);
    writer.push(pattern_ ? 4 : 3);
    writer.bulk(kind_);
    if (pattern_) writer.bulk(*pattern_);
    writer.bulk(channel_);
    writer.bulk(text_);
    return encoded;
  }

 private:
  std::string_view kind_;
  std::optional<std::string_view> pattern_;
  std::string_view channel_;
  std::string_view text_;
  std::string resp2_;
  std::string resp3_;
};

// Whether a channel of the cluster's own may be meant by this pattern.
bool may_mean_own(std::string_view pattern) {
  const std::string_view literal = pattern.substr(0, pattern.find_first_of("*?[\\"));
  return literal.starts_with(Channels::kOwnPrefix) || Channels::kOwnPrefix.starts_with(literal);
}

}  // namespace

Channels::Listeners& Channels::of(Kind kind) {
  switch (kind) {
    case Kind::channel:
      return channels_;
    case Kind::pattern:
      return patterns_;
    case Kind::election:
      break;
  }
  return elections_;
}

std::optional<std::string> Channels::refusal(const Connection& connection, Kind kind,
                                             const std::vector<std::string_view>& names) const {
  const std::size_t longest = kind == Kind::pattern ? kPatternBytes : kNameBytes;
  const Subscriptions& present = connection.session.subscriptions;
  std::size_t bytes = present.bytes;
  for (const std::string_view name : names) {
    if (name.size() > longest) {
      return kind == Kind::pattern
                 ? fmt::format("LIMIT a pattern has at most {} bytes (pattern-bytes)", longest)
                 : fmt::format("LIMIT the name of a channel has at most {} bytes (channel-bytes)",
                               longest);
    }
    bytes += name.size();
  }
  if (present.count() + present.elections.size() + names.size() > kOfConnection ||
      bytes > kBytesOfConnection) {
    return fmt::format(
        "LIMIT a connection listens to at most {} names of {} bytes together (subscriptions)",
        kOfConnection, kBytesOfConnection);
  }
  if (kind == Kind::pattern && patterns_.size() + names.size() > kPatterns) {
    return fmt::format("LIMIT the connections of a node listen to at most {} patterns (patterns)",
                       kPatterns);
  }
  return std::nullopt;
}

void Channels::subscribe(Connection& connection, Kind kind, std::string_view name) {
  Subscriptions& all = connection.session.subscriptions;
  if (!names_of(all, kind).emplace(name).second) return;
  all.bytes += name.size();
  of(kind)[std::string(name)].insert(connection.id());
}

void Channels::unsubscribe(Connection& connection, Kind kind, std::string_view name) {
  Subscriptions& all = connection.session.subscriptions;
  auto& names = names_of(all, kind);
  const auto found = names.find(name);
  if (found == names.end()) return;
  all.bytes -= name.size();
  Listeners& listeners = of(kind);
  const auto entry = listeners.find(name);
  entry->second.erase(connection.id());
  if (entry->second.empty()) listeners.erase(entry);
  names.erase(found);
}

void Channels::forget(Connection& connection) {
  for (const Kind kind : {Kind::channel, Kind::pattern, Kind::election}) {
    auto& names = names_of(connection.session.subscriptions, kind);
    while (!names.empty()) {
      const std::string name = *names.begin();
      unsubscribe(connection, kind, name);
    }
  }
}

// ---- telling

void Channels::push(ConnectionId id, std::string_view text) {
  Connection* connection = table_.find(id);
  if (connection == nullptr || connection->closed()) return;
  ++pushes_;
  connection->push(text);
}

std::size_t Channels::publish(std::string_view channel, std::string_view message) {
  std::size_t told = 0;
  const auto found = channels_.find(channel);
  if (found != channels_.end()) {
    Message encoded("message", std::nullopt, channel, message);
    // A copy: who does not take it is closed, and so leaves the set.
    const std::vector<ConnectionId> listeners(found->second.begin(), found->second.end());
    for (const ConnectionId id : listeners) {
      const Connection* connection = table_.find(id);
      if (connection == nullptr) continue;
      push(id, encoded.in(connection->session.version));
      ++told;
    }
  }
  return patterns_.empty() ? told : told + publish_by_patterns(channel, message);
}

std::size_t Channels::publish_by_patterns(std::string_view channel, std::string_view message) {
  std::vector<std::pair<std::string, std::vector<ConnectionId>>> matching;
  for (const auto& [pattern, ids] : patterns_) {
    if (!commands::glob_matches(pattern, channel)) continue;
    matching.emplace_back(pattern, std::vector<ConnectionId>(ids.begin(), ids.end()));
  }
  std::size_t told = 0;
  for (const auto& [pattern, ids] : matching) {
    Message encoded("pmessage", pattern, channel, message);
    for (const ConnectionId id : ids) {
      const Connection* connection = table_.find(id);
      if (connection == nullptr) continue;
      push(id, encoded.in(connection->session.version));
      ++told;
    }
  }
  return told;
}

void Channels::tell_observers(std::string_view election, std::string_view text) {
  const auto found = elections_.find(election);
  if (found == elections_.end()) return;
  const std::vector<ConnectionId> observers(found->second.begin(), found->second.end());
  for (const ConnectionId id : observers) push(id, text);
}

void Channels::close_own(std::string_view reason) {
  std::set<ConnectionId> concerned;
  for (const auto& [name, ids] : channels_) {
    if (name.starts_with(kOwnPrefix)) concerned.insert(ids.begin(), ids.end());
  }
  for (const auto& [pattern, ids] : patterns_) {
    if (may_mean_own(pattern)) concerned.insert(ids.begin(), ids.end());
  }
  for (const auto& [name, ids] : elections_) concerned.insert(ids.begin(), ids.end());
  for (const ConnectionId id : concerned) {
    if (Connection* connection = table_.find(id)) connection->kill(reason);
  }
}

// ---- questions

std::size_t Channels::listeners(std::string_view channel) const {
  const auto found = channels_.find(channel);
  return found == channels_.end() ? 0 : found->second.size();
}

std::vector<std::string_view> Channels::names_like(std::optional<std::string_view> pattern) const {
  std::vector<std::string_view> names;
  for (const auto& [name, ids] : channels_) {
    if (!pattern || commands::glob_matches(*pattern, name)) names.push_back(name);
  }
  return names;
}

}  // namespace holdfast::server

// Channels: which of this node's connections listen to what, and what they are told.
//
// A message goes to every connection that listens at this moment and is then forgotten, as in Redis: who
// is not connected misses it, and who does not take what is sent is closed
// (ClientLimits::push_bytes). Whoever wants to know everything reads instead.
//
// Threads: the loop's. May be called from inside the replica: a push only adds to a connection's output.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace holdfast::server {

class Connection;
class ConnectionTable;

// What one connection listens to; part of its session.
struct Subscriptions {
  std::set<std::string, std::less<>> channels;
  std::set<std::string, std::less<>> patterns;
  std::set<std::string, std::less<>> elections;  // ELECT.OBSERVE
  std::size_t bytes = 0;                         // of these names

  std::size_t count() const { return channels.size() + patterns.size(); }
};

class Channels {
 public:
  enum class Kind : std::uint8_t { channel, pattern, election };

  // Bounds on what connections may make a node remember.
  static constexpr std::size_t kNameBytes = 64 * 1024;     // of a channel's or an election's name
  static constexpr std::size_t kPatternBytes = 1024;       // matching costs as much as it is long
  static constexpr std::size_t kOfConnection = 65536;      // names
  static constexpr std::size_t kBytesOfConnection = 8 << 20;
  static constexpr std::size_t kPatterns = 10'000;         // different ones, of the node

  static constexpr std::size_t kMessageBytes = 1 << 20;    // of PUBLISH

  // What is the cluster's own to say: nobody else publishes there.
  static constexpr std::string_view kOwnPrefix = "__holdfast__:";

  explicit Channels(ConnectionTable& table) : table_(table) {}

  // Nothing, or the error if one of these names is too long or too many. REQUIRES: before any of them
  // is added, so that what is refused changes nothing.
  std::optional<std::string> refusal(const Connection& connection, Kind kind,
                                     const std::vector<std::string_view>& names) const;
  void subscribe(Connection& connection, Kind kind, std::string_view name);
  void unsubscribe(Connection& connection, Kind kind, std::string_view name);
  // It ends, or forgets everything.
  void forget(Connection& connection);

  // Returns how many connections of this node were told; one that hears it by several patterns
  // counts for each.
  std::size_t publish(std::string_view channel, std::string_view message);
  // `what` is the part of the push behind its name, in RESP3, to who observes this election.
  void tell_observers(std::string_view election, std::string_view push);
  // Ends the connections that may have listened to the cluster's own channels or to elections: something
  // that it should have told them was missed, and only a disconnect says so.
  void close_own(std::string_view reason);

  bool any() const { return !channels_.empty() || !patterns_.empty() || !elections_.empty(); }
  std::size_t channel_count() const { return channels_.size(); }
  std::size_t pattern_count() const { return patterns_.size(); }
  std::size_t listeners(std::string_view channel) const;
  // Sorted.
  std::vector<std::string_view> names_like(std::optional<std::string_view> pattern) const;
  std::uint64_t pushes() const { return pushes_; }  // since start

 private:
  friend class Holders;
  using Listeners = std::map<std::string, std::set<ConnectionId>, std::less<>>;

  Listeners& of(Kind kind);
  void push(ConnectionId id, std::string_view text);
  std::size_t publish_by_patterns(std::string_view channel, std::string_view message);

  ConnectionTable& table_;
  Listeners channels_;
  Listeners patterns_;
  Listeners elections_;
  std::uint64_t pushes_ = 0;
};

}  // namespace holdfast::server

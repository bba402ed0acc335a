// What the connections of a node share: who they are, whom to attend at the turn's end, what they
// hold together, pauses, counters.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "server/kept_sessions.h"
#include "server/metrics.h"
#include "server/password.h"
#include "server/pushes.h"
#include "server/services.h"
#include "server/waiter_drops.h"

namespace holdfast::server {

class Connection;
class Dispatch;

// Bounds on what clients may make a node remember. Node-wide, not settable.
struct ClientLimits {
  std::size_t outstanding_requests = 1024;           // of a connection; then it is not read
  std::size_t outstanding_bytes = 64 << 20;          // likewise
  std::size_t held_bytes = 256 << 20;                // of all connections, without a leader
  std::size_t output_pause_bytes = 1 << 20;          // not yet taken by the client; then no reading
  std::size_t output_bytes = 256 << 20;              // then it is closed
  std::size_t push_bytes = 32 << 20;                 // likewise, when something is pushed to it
  std::size_t transaction_bytes = 64 << 20;          // queued between MULTI and EXEC
  std::size_t transaction_commands = 1 << 20;
};

// CLIENT PAUSE.
struct Pause {
  Instant until;
  bool writes_only = false;
};

class ConnectionTable {
 public:
  explicit ConnectionTable(Services& services);

  Services& services;
  Metrics metrics;
  ClientLimits limits;
  WaiterDrops drops;
  KeptSessions kept;
  PasswordCache passwords;
  Pushes pushes;
  Dispatch* dispatch = nullptr;  // set by the owner before the first connection
  Pause pause;
  std::size_t held_bytes = 0;
  // With answers that may not leave yet, each once.
  std::vector<std::shared_ptr<Connection>> withholding;
  std::size_t busy = 0;  // connections with a request that is not answered
  bool draining = false;
  // Whether this node has applied something of a living leader since it started: before that, a
  // password that is set may not be known here yet.
  bool settled = false;

  // ---- who is there
  ConnectionId next_id() { return ConnectionId(++last_id_); }
  void add(std::shared_ptr<Connection> connection);
  void remove(ConnectionId id);
  Connection* find(ConnectionId id);
  std::size_t size() const { return connections_.size(); }
  // In the order in which they came. Whoever closes while this runs is skipped.
  void for_each(const std::function<void(Connection&)>& visit);

  // ---- what is to be done at the turn's end
  // It has output to hand over.
  void want_flush(Connection& connection);
  // It has something to route or to read on.
  void want_attention(Connection& connection);
  std::vector<std::shared_ptr<Connection>> take_flushes();
  std::vector<std::shared_ptr<Connection>> take_attention();
  bool anything_wanted() const { return !flushes_.empty() || !attention_.empty(); }
  // Something is to be looked at again at this time at the latest.
  void wake(Instant at) {
    if (at < wake_at_) wake_at_ = at;
  }
  Instant take_wake() { return std::exchange(wake_at_, Instant::never()); }
  Instant wake_at() const { return wake_at_; }

  // Forgets connections that have ended. Not while one of them is on the stack.
  void forget_gone() { gone_.clear(); }

  // ---- questions
  Instant now() const { return services.now(); }
  bool paused(bool write) const {
    return pause.until != Instant{} && pause.until > services.now() && (write || !pause.writes_only);
  }
  bool password_set() const { return !services.setting(kPasswordSetting).empty(); }
  static constexpr std::string_view kPasswordSetting = "requirepass-hash";

 private:
  // Ordered, since what concerns all of them is done in the same order in every run.
  std::map<std::uint64_t, std::shared_ptr<Connection>> connections_;
  Connection* found_ = nullptr;  // last, and likely the next: the outcomes of a pipeline come together
  std::vector<std::shared_ptr<Connection>> flushes_;
  std::vector<std::shared_ptr<Connection>> attention_;
  std::vector<std::shared_ptr<Connection>> gone_;
  std::uint64_t last_id_ = 0;  // 0 is this node itself (WaiterDrops)
  Instant wake_at_ = Instant::never();
};

}  // namespace holdfast::server

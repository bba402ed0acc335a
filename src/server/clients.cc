#include "server/clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "commands/context.h"
#include "server/connection.h"
#include "server/connection_table.h"
#include "server/dispatch.h"
#include "server/metrics_text.h"

namespace holdfast::server {
namespace {

// How exactly the waits of commands are kept: coarse, so that ten thousand clients cost little.
constexpr Duration kSweepEvery = milliseconds(20);
constexpr Duration kIdleSweepEvery = seconds(1);

constexpr std::string_view kTooMany = "-ERR max number of clients reached\r\n";
constexpr std::string_view kDraining = "-ERR this node is shutting down; use another one\r\n";
constexpr std::string_view kProtected =
    "-DENIED Holdfast is in protected mode: no password is set, so it accepts clients from its own "
    "machine only. On that machine, set one for the whole cluster with CONFIG SET requirepass and "
    "then use AUTH from here; or turn this protection off with CONFIG SET protected-mode no, if "
    "everyone who can reach this port may read and change everything.\r\n";

// Whether the state knows of it; one past its deadline counts until an entry ends it.
bool is_held(const keyspace::Keyspace& keyspace, const Holding& holding) {
  using keyspace::HoldingKind;
  if (holding.kind == HoldingKind::session) return keyspace.sessions().lives(holding.token);
  const auto& table = holding.kind == HoldingKind::semaphore  ? keyspace.semaphores()
                      : holding.kind == HoldingKind::election ? keyspace.elections()
                                                              : keyspace.locks();
  return table.stands(commands::key_of(holding.name), holding.token);
}

}  // namespace

struct Clients::State {
  explicit State(Services& services) : table(services), dispatch(table) {
    table.dispatch = &dispatch;
  }

  ConnectionTable table;
  Dispatch dispatch;
  Instant now;
  Instant last_sweep;
  bool password_known = false;

  void refuse(env::Stream& stream, std::string_view text) {
    ++table.metrics.connections_rejected;
    stream.send(text);
    stream.close();
  }
  void sweep();
  Instant next_sweep() const;
};

Clients::Clients(Services& services) : state_(std::make_unique<State>(services)) {}
Clients::~Clients() = default;

std::shared_ptr<env::StreamHandler> Clients::accept(env::Stream& stream) {
  ConnectionTable& table = state_->table;
  const Config& config = table.services.config();
  if (table.draining) {
    state_->refuse(stream, kDraining);
    return nullptr;
  }
  if (config.max_clients > 0 && table.size() >= static_cast<std::size_t>(config.max_clients)) {
    state_->refuse(stream, kTooMany);
    return nullptr;
  }
  if (config.protected_mode && !table.password_set() && !stream.remote().is_loopback()) {
    state_->refuse(stream, kProtected);
    return nullptr;
  }
  ++table.metrics.connections_received;
  auto connection = std::make_shared<Connection>(table, stream, table.next_id());
  table.add(connection);
  return connection;
}

// ---- what is told

void Clients::outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
                      Index index) {
  ConnectionTable& table = state_->table;
  if (origin.connection == WaiterDrops::kSelf) {
    table.drops.on_outcome(origin.request, verdict);
  } else if (origin.connection == KeptSessions::kConnection) {
    table.kept.on_outcome(origin.request, verdict, reply);
  } else if (Connection* connection = table.find(origin.connection)) {
    connection->requests.outcome(origin.request, verdict, reply, index);
  }
}

void Clients::reads_settled(consensus::ReadTicket ticket, bool right) {
  auto& waiting = state_->table.withholding;
  std::size_t left = 0;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    waiting[i]->settle_withheld(ticket, right);
    waiting[i]->wanted_word = waiting[i]->withholds();
    if (waiting[i]->wanted_word) std::swap(waiting[left++], waiting[i]);
  }
  waiting.resize(left);
}

void Clients::leader_changed() {
  state_->table.for_each([](Connection& connection) { connection.requests.leader_changed(); });
}

void Clients::epoch_applied(Epoch epoch) {
  state_->table.settled = true;
  state_->table.for_each([&](Connection& connection) {
    connection.requests.epoch_applied(epoch);
    connection.settings_changed();
    connection.session.let_in_early = false;
  });
}

void Clients::outcomes_lost() {
  state_->table.for_each([](Connection& connection) { connection.requests.outcomes_lost(); });
}

void Clients::forwards_lost() {
  state_->table.for_each([](Connection& connection) { connection.requests.forwards_lost(); });
}

void Clients::noticed(const replica::EntryNotices& entry) { state_->table.pushes.on_entry(entry); }

void Clients::notices_missed(Index from) { state_->table.pushes.on_missed(from); }

void Clients::publish(std::string_view channel, std::string_view message) {
  state_->table.pushes.channels.publish(channel, message);
}

std::uint8_t Clients::topics() { return state_->table.pushes.topics(); }

void Clients::settings_changed() {
  state_->password_known = state_->table.password_set();
  state_->table.for_each([](Connection& connection) { connection.settings_changed(); });
}

// ---- time

void Clients::on_turn_end(Instant now) {
  State& state = *state_;
  ConnectionTable& table = state.table;
  state.now = now;
  if (table.password_set() != state.password_known) settings_changed();
  table.drops.on_turn_end(now);
  table.kept.on_turn_end(now);
  if (now >= state.next_sweep()) state.sweep();
  for (const auto& connection : table.take_attention()) connection->on_attention();
  table.metrics.on_turn(now);
  flush();
}

void Clients::State::sweep() {
  last_sweep = now;
  table.take_wake();
  table.for_each([this](Connection& connection) { connection.sweep(now); });
}

Instant Clients::State::next_sweep() const {
  if (table.busy != 0) return std::min(last_sweep + kSweepEvery, table.wake_at());
  const bool timeout = table.services.config().timeout_s > 0 && table.size() != 0;
  return timeout ? std::min(last_sweep + kIdleSweepEvery, table.wake_at()) : table.wake_at();
}

void Clients::flush() {
  ConnectionTable& table = state_->table;
  table.pushes.on_turn_end([&table](const Holding& holding) {
    const replica::Replica* replica = table.services.replica();
    return replica != nullptr && is_held(replica->keyspace(), holding);
  });
  for (const auto& connection : table.take_flushes()) connection->flush();
  table.forget_gone();
}

Instant Clients::wake_at() const {
  const State& state = *state_;
  if (state.table.anything_wanted()) return state.now;
  return std::min({state.next_sweep(), state.table.drops.wake_at(), state.table.kept.wake_at()});
}

void Clients::drain() {
  state_->table.draining = true;
  state_->table.for_each([](Connection& connection) { connection.attend(); });
}

bool Clients::idle() const {
  bool idle = true;
  state_->table.for_each([&](Connection& connection) { idle = idle && connection.idle(); });
  return idle;
}

std::vector<LockWait> Clients::waits() const {
  std::vector<LockWait> waits;
  state_->table.for_each([&](Connection& connection) { connection.requests.add_waits(waits); });
  return waits;
}

std::size_t Clients::connected() const { return state_->table.size(); }

std::string Clients::metrics_text(const NodeFigures& figures) const {
  return server::metrics_text(state_->table, figures);
}

}  // namespace holdfast::server

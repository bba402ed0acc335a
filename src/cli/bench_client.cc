#include "cli/bench_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "resp/request_writer.h"

namespace holdfast::cli {
namespace {

constexpr Duration kConnectPatience = seconds(1);
constexpr std::uint32_t kLeavePpm = 2'000;
constexpr std::uint32_t kLeaveLeaderlessPpm = 300'000;
// Operations after which a history that is not kept to the end is dropped.
constexpr std::size_t kLongHistory = 20'000;

// Commands that change nothing by themselves. What an answer to others acknowledges is a write.
constexpr std::array<std::string_view, 6> kLooks = {"GET",   "WATCH",      "UNWATCH",
                                                    "MULTI", "LOCK.CHECK", "LOCK.INFO"};

bool writes(const workload::Command& command) {
  return std::find(kLooks.begin(), kLooks.end(), command.words.front()) == kLooks.end();
}

bool waits(const workload::Command& command) {
  return command.words.front() == "LOCK.ACQUIRE" && command.words.size() > 5;
}

// QUEUED is what MULTI makes of a write: nothing yet.
bool acknowledges(const resp::Reply& reply) {
  if (reply.is_error() || reply.kind == resp::Reply::Kind::null) return false;
  return reply.kind != resp::Reply::Kind::simple || reply.text != "QUEUED";
}

}  // namespace

// One connection. It may outlive the client's interest in it: then it has no client any more.
class BenchClient::Connection final : public env::StreamHandler {
 public:
  explicit Connection(BenchClient& client) : client_(&client) {}

  void on_connected() override {
    if (client_ != nullptr) client_->on_connected();
  }
  void on_bytes(std::string_view bytes) override {
    if (client_ != nullptr) client_->on_bytes(bytes);
  }
  void on_closed(bool, std::string_view) override {
    stream = nullptr;
    if (client_ != nullptr) client_->on_gone();
  }

  // The client hears nothing of it any more.
  void close() {
    client_ = nullptr;
    if (stream != nullptr) std::exchange(stream, nullptr)->close(true);
  }

  env::Stream* stream = nullptr;

 private:
  BenchClient* client_;
};

BenchClient::BenchClient(const Plan& plan, std::uint32_t number, Prng prng, env::Network& network,
                         const env::Clock& clock, Figures& figures)
    : plan_(plan),
      number_(number),
      prng_(prng),
      network_(network),
      clock_(clock),
      figures_(figures),
      server_(number % plan.servers.size()) {
  CHECK(number < plan.mix.clients);
  begin_anew();
}

BenchClient::~BenchClient() {
  if (connection_) connection_->close();
}

void BenchClient::begin_anew() {
  if (actor_) {
    acknowledged_ += actor_->acknowledged();
    const auto& said = actor_->problems();
    problems_.insert(problems_.end(), said.begin(), said.end());
    actor_.reset();
    plan_.drop(history_);
    history_.clear();
  }
  // Another client as far as its values go, which are never written twice.
  const std::uint32_t number = number_ + plan_.mix.clients * actors_++;
  actor_ = std::make_unique<workload::Actor>(plan_.mix, number, prng_.fork(), history_);
}

void BenchClient::enter(State state, Instant wake_at) {
  state_ = state;
  wake_at_ = wake_at;
}

void BenchClient::on_turn(Instant now) {
  if (now < wake_at_) return;
  switch (state_) {
    case State::away:
      return dial(now);
    case State::thinking:
      return ask();
    case State::connecting:
    case State::greeting:
    case State::waiting:
      return part(now);
    case State::done:
      return;
  }
}

// ---- A connection's life

void BenchClient::dial(Instant now) {
  CHECK(!connection_);
  if (finished(now)) return;
  parser_ = resp::ReplyParser();
  leaderless_ = false;
  connection_ = std::make_shared<Connection>(*this);
  connection_->stream = &network_.connect(plan_.servers[server_], connection_);
  enter(State::connecting, now + kConnectPatience);
}

void BenchClient::on_connected() {
  ++figures_.connections;
  const Instant now = clock_.now();
  // What is to be said is said in on_turn.
  if (plan_.password.empty()) return enter(State::thinking, now);
  std::string hello;
  resp::append_request(hello, std::array<std::string_view, 2>{"AUTH", plan_.password});
  connection_->stream->send(std::string_view(hello));
  enter(State::greeting, now + plan_.patience);
}

void BenchClient::ask() {
  const bool tired = plan_.drop && history_.size() >= kLongHistory;
  if (tired && actor_->wind_down()) begin_anew();
  asked_at_ = clock_.now();
  if (finished(asked_at_)) return;
  enter(State::waiting, asked_at_ + plan_.patience);
  send(actor_->next(asked_at_));
}

void BenchClient::send(const std::vector<workload::Command>& commands) {
  CHECK(!commands.empty() && asked_.empty());
  std::string bytes;
  const bool timed = std::none_of(commands.begin(), commands.end(), waits);
  for (const auto& command : commands) {
    resp::append_request(bytes, command.words);
    asked_.push_back({writes(command), timed});
  }
  connection_->stream->send(std::string_view(bytes));
}

void BenchClient::on_bytes(std::string_view bytes) {
  const Instant now = clock_.now();
  parser_.feed(bytes);
  resp::Reply reply;
  resp::Parsed parsed = parser_.next(reply);
  for (; parsed == resp::Parsed::request; parsed = parser_.next(reply)) {
    on_reply(reply, now);
    if (!connection_) return;
  }
  if (parsed == resp::Parsed::error) {
    problem(fmt::format("cannot read an answer: {}", parser_.error()));
    part(now);
  }
}

void BenchClient::on_reply(const resp::Reply& reply, Instant now) {
  if (state_ == State::greeting) {
    if (reply.is_error()) return part(now);
    return enter(State::thinking, now);
  }
  if (state_ != State::waiting || asked_.empty()) {
    problem(fmt::format("got an answer to nothing: {}", workload::show(reply)));
    return part(now);
  }
  const Asked asked = asked_.front();
  asked_.pop_front();
  if (asked.timed && !reply.is_error()) figures_.latencies.add(now - asked_at_);
  if (asked.writes && acknowledges(reply)) figures_.outage.acknowledged(now);
  if (reply.is_error() && reply.text.starts_with("NOLEADER")) leaderless_ = true;
  actor_->answered(reply, now);
  if (asked_.empty()) on_answered(now);
}

void BenchClient::on_answered(Instant now) {
  const bool leaderless = std::exchange(leaderless_, false);
  if (prng_.chance_ppm(leaderless ? kLeaveLeaderlessPpm : kLeavePpm)) return part(now);
  // Without a pause the next commands leave in this turn.
  enter(State::thinking, plan_.mix.think.ns == 0 ? now : now + actor_->pause());
}

void BenchClient::on_gone() {
  connection_.reset();
  lose(clock_.now());
}

void BenchClient::part(Instant now) {
  std::exchange(connection_, nullptr)->close();
  lose(now);
}

void BenchClient::lose(Instant now) {
  asked_.clear();
  const bool used = state_ == State::thinking || state_ == State::waiting;
  if (used) actor_->broken(state_ == State::waiting, now);
  rest(now);
}

void BenchClient::rest(Instant now) {
  const std::size_t others = plan_.servers.size() - 1;
  if (others > 0) server_ = (server_ + 1 + prng_.below(others)) % plan_.servers.size();
  // Never at once: a cluster that is gone is not to be asked without end.
  enter(State::away, now + milliseconds(prng_.between(1, 40)));
}

// ---- The end

bool BenchClient::finished(Instant now) {
  if (!winding_down_ || !actor_->wind_down()) return false;
  finish(now);
  return true;
}

void BenchClient::finish(Instant now) {
  if (connection_) std::exchange(connection_, nullptr)->close();
  actor_->finish(now);
  asked_.clear();
  enter(State::done, Instant::never());
}

void BenchClient::problem(std::string text) {
  problems_.push_back(fmt::format("client {}: {}", number_, std::move(text)));
}

std::vector<std::string> BenchClient::problems() const {
  std::vector<std::string> all = problems_;
  const auto& said = actor_->problems();
  all.insert(all.end(), said.begin(), said.end());
  return all;
}

}  // namespace holdfast::cli

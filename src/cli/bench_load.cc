#include "cli/bench_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "os/entropy.h"

namespace holdfast::cli {
namespace {

// Locks are waited for, and held, for a second or two; a leader may have to be found.
constexpr Duration kWindDown = seconds(10);
constexpr Duration kLookAfterEvery = milliseconds(100);

// What is asked of a cluster of others must not meet what they keep there, nor an earlier load.
std::string fresh_prefix() { return fmt::format("bench.{:08x}.", os::random_seed() & 0xffffffff); }

}  // namespace

BenchLoad::BenchLoad(const BenchOptions& options, std::shared_ptr<const os::TlsContext> tls,
                     const std::vector<env::Address>& servers,
                     BenchNodes* nodes, const os::SystemClock& clock, Figures& figures,
                     BenchKeys& keys)
    : nodes_(nodes),
      clock_(clock),
      figures_(figures),
      keys_(keys),
      keeps_history_(!options.history.empty()),
      length_(options.length),
      loop_(clock),
      network_(loop_, trace_),
      plan_{.servers = servers,
            .password = options.access.password,
            .mix = options.mix,
            .patience = options.patience} {
  plan_.mix.prefix = fresh_prefix();
  if (!keeps_history_) {
    plan_.drop = [this](const workload::History& history) {
      figures_.count(history);
      keys_.add(history);
    };
  }
  if (tls != nullptr) {
    tls_ = std::make_unique<os::TlsNetwork>(loop_, network_, trace_,
                                            os::TlsNetwork::Options{std::move(tls)});
  }
  env::Network& reached = tls_ ? static_cast<env::Network&>(*tls_) : network_;
  Prng prng(options.seed);
  for (std::uint32_t i = 0; i < plan_.mix.clients; ++i) {
    clients_.push_back(
        std::make_unique<BenchClient>(plan_, i, prng.fork(), reached, clock, figures));
  }
  began_ = clock.now();
  next_ = began_ + length_;
  if (nodes_ == nullptr) return;
  look_at_ = began_;
  const BenchFaults::Plan disturb{
      .kills = options.kills, .pauses = options.pauses, .pause = options.pause, .length = length_};
  faults_ = std::make_unique<BenchFaults>(disturb, *nodes_, network_, prng.fork(), figures, began_);
}

void BenchLoad::run() {
  loop_.on_terminate([this](int) { ++signals_; });
  figures_.outage.begin(began_);
  loop_.run(*this);
}

void BenchLoad::on_turn_end() {
  const Instant now = clock_.now();
  if (!winding_down_ && (now >= next_ || signals_ > 0)) begin_winding_down(now);
  if (faults_) faults_->on_turn(now);
  if (now >= look_at_) {
    nodes_->look_after();
    look_at_ = now + kLookAfterEvery;
  }
  bool all_done = true;
  for (const auto& client : clients_) {
    client->on_turn(now);
    all_done = all_done && client->done();
  }
  if (all_done || (winding_down_ && (now >= next_ || signals_ > 1))) finish(now);
}

Instant BenchLoad::wake_at() const {
  Instant first = std::min(next_, look_at_);
  if (faults_) first = std::min(first, faults_->wake_at());
  for (const auto& client : clients_) first = std::min(first, client->wake_at());
  return first;
}

void BenchLoad::begin_winding_down(Instant now) {
  winding_down_ = true;
  next_ = now + kWindDown;
  figures_.length = now - began_;
  figures_.outage.end(now);
  for (const auto& client : clients_) {
    figures_.operations += client->acknowledged();
    client->wind_down();
  }
  if (faults_) faults_->end(now);
}

void BenchLoad::finish(Instant now) {
  for (const auto& client : clients_) {
    if (!client->done()) client->finish(now);
    figures_.count(client->history());
    keys_.add(client->history());
  }
  loop_.stop();
}

workload::History BenchLoad::take_history() {
  workload::History all;
  for (const auto& client : clients_) {
    const auto& history = client->history();
    all.insert(all.end(), history.begin(), history.end());
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.call_ns < b.call_ns; });
  return all;
}

std::vector<std::string> BenchLoad::problems() const {
  std::vector<std::string> all;
  for (const auto& client : clients_) {
    auto said = client->problems();
    std::move(said.begin(), said.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace holdfast::cli

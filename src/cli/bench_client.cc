#include "cli/bench_client.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace holdfast::cli {
namespace {

// Operations after which a history that is not kept to the end is dropped.
constexpr std::size_t kLongHistory = 20'000;

// A load is measured: it keeps its connections, and hangs up on nobody.
workload::Habits habits_of(const BenchClient::Plan& plan) {
  return {.leave_ppm = 2'000,
          .hang_up_ppm = 0,
          .half_ppm = 0,
          .give_up_leaderless_ppm = 300'000,
          .patience = plan.patience,
          .connect_patience = seconds(1)};
}

// Commands that change nothing by themselves. What an answer to others acknowledges is a write.
constexpr std::array<std::string_view, 8> kLooks = {
    "GET", "WATCH", "UNWATCH", "MULTI", "LOCK.CHECK", "LOCK.INFO", "SEM.INFO", "ELECT.INFO"};

bool writes(const workload::Command& command) {
  return std::find(kLooks.begin(), kLooks.end(), command.words.front()) == kLooks.end();
}

bool waits(const workload::Command& command) {
  return std::find(command.words.begin(), command.words.end(), "WAIT") != command.words.end();
}

// QUEUED is what MULTI makes of a write: nothing yet.
bool acknowledges(const resp::Reply& reply) {
  if (reply.is_error() || reply.kind == resp::Reply::Kind::null) return false;
  return reply.kind != resp::Reply::Kind::simple || reply.text != "QUEUED";
}

}  // namespace

BenchClient::BenchClient(const Plan& plan, std::uint32_t number, Prng prng, env::Network& network,
                         const env::Clock& clock, Figures& figures)
    : plan_(plan),
      number_(number),
      prng_(prng),
      clock_(clock),
      figures_(figures),
      actor_(another_actor()),
      driver_({.servers = plan.servers, .password = plan.password, .habits = habits_of(plan)},
              number, prng_.fork(), network, *this, *actor_) {
  CHECK(number < plan.mix.clients);
}

// Another client as far as its values go, which are never written twice.
std::unique_ptr<workload::Actor> BenchClient::another_actor() {
  const std::uint32_t number = number_ + plan_.mix.clients * actors_++;
  return std::make_unique<workload::Actor>(plan_.mix, number, prng_.fork(), history_);
}

void BenchClient::before_asking() {
  const bool tired = plan_.drop && history_.size() >= kLongHistory;
  if (!tired || !actor_->wind_down()) return;
  acknowledged_ += actor_->acknowledged();
  const auto& said = actor_->problems();
  problems_.insert(problems_.end(), said.begin(), said.end());
  plan_.drop(history_);
  history_.clear();
  actor_ = another_actor();
  driver_.use(*actor_);
}

void BenchClient::on_asked(const std::vector<workload::Command>& commands, Instant now) {
  asked_at_ = now;
  timed_ = std::none_of(commands.begin(), commands.end(), waits);
}

void BenchClient::on_answer(const workload::Command& command, const resp::Reply& reply,
                            Instant now) {
  if (timed_ && !reply.is_error()) figures_.latencies.add(now - asked_at_);
  if (writes(command) && acknowledges(reply)) figures_.outage.acknowledged(now);
}

std::vector<std::string> BenchClient::problems() const {
  std::vector<std::string> all = problems_;
  for (const auto* more : {&actor_->problems(), &driver_.problems()}) {
    all.insert(all.end(), more->begin(), more->end());
  }
  return all;
}

}  // namespace holdfast::cli

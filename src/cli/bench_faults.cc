#include "cli/bench_faults.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "cli/server_info.h"
#include "resp/reply_parser.h"
#include "resp/request_writer.h"

namespace holdfast::cli {
namespace {

constexpr Duration kAskBefore = milliseconds(150);
constexpr Duration kRest = milliseconds(300);  // at least, between two disturbances
constexpr std::uint32_t kLeaderPpm = 700'000;

// An epoch is written as ROUND.NODE; only the rounds of two leaders can differ.
std::uint64_t round_of(std::string_view epoch) {
  std::uint64_t round = 0;
  std::from_chars(epoch.data(), epoch.data() + epoch.size(), round);
  return round;
}

}  // namespace

// ---- LeaderWatch

class LeaderWatch::Question final : public env::StreamHandler {
 public:
  void on_connected() override {
    std::string request;
    resp::append_request(request, std::vector<std::string_view>{"INFO", "HOLDFAST"});
    stream->send(std::string_view(request));
  }
  void on_bytes(std::string_view bytes) override {
    parser_.feed(bytes);
    resp::Reply reply;
    if (parser_.next(reply) != resp::Parsed::request) return;
    const Info info = parse_info(reply.text);
    if (field(info, "holdfast_role") == "leader") {
      leads_since = round_of(field(info, "holdfast_epoch"));
    }
    close();
  }
  void on_closed(bool, std::string_view) override { stream = nullptr; }

  void close() {
    if (stream != nullptr) std::exchange(stream, nullptr)->close(true);
  }

  env::Stream* stream = nullptr;
  std::optional<std::uint64_t> leads_since;  // the round of its epoch

 private:
  resp::ReplyParser parser_;
};

LeaderWatch::~LeaderWatch() { stop_asking(); }

void LeaderWatch::ask() {
  stop_asking();
  for (const auto& server : servers_) {
    questions_.push_back(std::make_shared<Question>());
    questions_.back()->stream = &network_.connect(server, questions_.back());
  }
}

void LeaderWatch::stop_asking() {
  for (const auto& question : questions_) question->close();
  questions_.clear();
}

std::optional<std::size_t> LeaderWatch::leader() const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    const auto& since = questions_[i]->leads_since;
    if (since && (!found || *since > *questions_[*found]->leads_since)) found = i;
  }
  return found;
}

// ---- BenchFaults

BenchFaults::BenchFaults(const Plan& plan, BenchNodes& nodes, env::Network& network, Prng prng,
                         Figures& figures, Instant now)
    : plan_(plan),
      nodes_(nodes),
      prng_(prng),
      figures_(figures),
      watch_(network, nodes.servers()),
      began_(now) {
  kinds_.assign(plan.kills, Disturbance::Kind::kill);
  kinds_.insert(kinds_.end(), plan.pauses, Disturbance::Kind::pause);
  for (std::size_t i = kinds_.size(); i > 1; --i) std::swap(kinds_[i - 1], kinds_[prng_.below(i)]);
  plan_next(now);
}

void BenchFaults::plan_next(Instant now) {
  if (next_ == kinds_.size()) {
    state_ = State::over;
    wake_at_ = Instant::never();
    return;
  }
  const auto count = static_cast<std::int64_t>(kinds_.size());
  const auto number = static_cast<std::int64_t>(next_);
  const Duration planned = plan_.length * (2 * number + 1) / (2 * count) - kAskBefore;
  state_ = State::quiet;
  wake_at_ = next_ == 0 ? began_ + planned : std::max(began_ + planned, now + kRest);
}

void BenchFaults::on_turn(Instant now) {
  if (now < wake_at_) return;
  switch (state_) {
    case State::quiet:
      watch_.ask();
      state_ = State::asking;
      wake_at_ = now + kAskBefore;
      return;
    case State::asking:
      return strike(now);
    case State::down:
      come_back(now);
      return plan_next(now);
    case State::over:
      return;
  }
}

void BenchFaults::strike(Instant now) {
  const auto leader = watch_.leader();
  const bool strike_leader = leader && prng_.chance_ppm(kLeaderPpm);
  present_.kind = kinds_[next_++];
  present_.node = strike_leader ? *leader : prng_.below(nodes_.servers().size());
  present_.leader = present_.node == leader;
  present_.from = now - began_;
  state_ = State::down;
  if (present_.kind == Disturbance::Kind::kill) {
    nodes_.kill(present_.node);
    wake_at_ = now + milliseconds(prng_.between(200, 1000));
  } else {
    nodes_.pause(present_.node);
    wake_at_ = now + plan_.pause;
  }
}

void BenchFaults::come_back(Instant now) {
  if (present_.kind == Disturbance::Kind::kill) {
    nodes_.restart(present_.node);
  } else {
    nodes_.resume(present_.node);
  }
  present_.to = now - began_;
  figures_.disturbances.push_back(present_);
}

void BenchFaults::end(Instant now) {
  if (state_ == State::down) come_back(now);
  state_ = State::over;
  wake_at_ = Instant::never();
}

}  // namespace holdfast::cli

#include "load/closed_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <queue>
#include <stdexcept>
#include <utility>

#include "cli/bench_figures.h"
#include "load/socket.h"

namespace holdfast::load {
namespace {

struct Speaker {
  Speaker(Poller& poller, std::uint32_t tag, std::unique_ptr<Talk> what)
      : socket(poller, tag), talk(std::move(what)) {}

  Socket socket;
  std::unique_ptr<Talk> talk;
  Instant unit_began;
  bool ended = false;
};

class ClosedLoad {
 public:
  explicit ClosedLoad(const ClosedPlan& plan);
  std::string run();

 private:
  void turn();
  void resume_paused(Instant time);
  void read(Speaker& speaker, std::uint32_t tag);
  void flush(Speaker& speaker);

  const ClosedPlan& plan_;
  Poller poller_;
  std::deque<Speaker> speakers_;
  using Pause = std::pair<Instant, std::uint32_t>;
  std::priority_queue<Pause, std::vector<Pause>, std::greater<>> paused_;
  std::size_t talking_ = 0;
  std::uint64_t units_ = 0;
  cli::Latencies latencies_;
};

ClosedLoad::ClosedLoad(const ClosedPlan& plan) : plan_(plan) {
  Prng prng(plan.seed);
  for (std::uint32_t i = 0; i < plan.talk.connections; ++i) {
    auto& speaker = speakers_.emplace_back(poller_, i, make_talk(plan.talk, i, prng.fork()));
    speaker.socket.connect(plan.servers[i % plan.servers.size()]);
  }
  talking_ = speakers_.size();
}

std::string ClosedLoad::run() {
  for (auto& speaker : speakers_) {
    speaker.unit_began = now();
    speaker.talk->begin(speaker.socket.output());
    flush(speaker);
  }
  const Instant warm = now() + plan_.warm_up;
  while (talking_ > 0 && now() < warm) turn();
  units_ = 0;
  latencies_ = {};
  const Instant began = now();
  while (talking_ > 0 && now() < began + plan_.length) turn();
  const double seconds = static_cast<double>((now() - began).ns) / 1e9;
  return fmt::format(
      R"({{"units": {}, "seconds": {:.3f}, "per_second": {:.1f}, "p50_us": {:.1f}, "p99_us": {:.1f}, )"
      R"("longest_us": {:.1f}}})",
      units_, seconds, static_cast<double>(units_) / seconds,
      static_cast<double>(latencies_.at(500'000).ns) / 1e3,
      static_cast<double>(latencies_.at(990'000).ns) / 1e3,
      static_cast<double>(latencies_.longest().ns) / 1e3);
}

void ClosedLoad::turn() {
  const Instant patience = now() + milliseconds(100);
  for (const auto& event :
       poller_.wait(paused_.empty() ? patience : std::min(patience, paused_.top().first))) {
    auto& speaker = speakers_[event.tag];
    if (event.readable) read(speaker, event.tag);
    flush(speaker);
  }
  if (!paused_.empty()) resume_paused(now());
}

void ClosedLoad::resume_paused(Instant time) {
  for (; !paused_.empty() && paused_.top().first <= time; paused_.pop()) {
    auto& speaker = speakers_[paused_.top().second];
    speaker.talk->begin(speaker.socket.output());
    flush(speaker);
  }
}

void ClosedLoad::read(Speaker& speaker, std::uint32_t tag) {
  if (!speaker.socket.receive()) throw std::runtime_error("a server closed the connection");
  const Instant time = now();
  while (!speaker.ended) {
    const auto answer = scan(speaker.socket.input());
    if (!answer) break;
    const Step step = speaker.talk->on_answer(*answer, speaker.socket.output());
    speaker.socket.take(answer->length);
    if (step.units > 0) {
      units_ += step.units;
      latencies_.add(time - speaker.unit_began);
      speaker.unit_began = time + step.pause;
    }
    if (step.pause > Duration{}) paused_.push({time + step.pause, tag});
    speaker.ended = step.ended;
  }
  if (speaker.ended) --talking_;
}

void ClosedLoad::flush(Speaker& speaker) {
  if (!speaker.socket.flush()) throw std::runtime_error("a connection to a server broke");
}

}  // namespace

std::string run_closed(const ClosedPlan& plan) { return ClosedLoad(plan).run(); }

}  // namespace holdfast::load

#include "sim/host.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace holdfast::sim {
namespace {

// As in os/event_loop.
constexpr int kTurnWork = 256;
constexpr Duration kLongestSleep = seconds(10);
// As in deploy/holdfast.service.in.
constexpr Duration kStartAgainAfter = seconds(1);

// How a process ends that cannot go on. Thrown, because _Exit does not return either: what stands
// behind the call must not run. The only exception that passes through the code that ships.
struct Death {};

}  // namespace

Host::Host(MachineId id, server::Config config, Schedule& schedule, Network& network,
           const RandomStreams& streams, Trace& trace, HostObserver& observer)
    : id_(id),
      config_(std::move(config)),
      schedule_(schedule),
      network_(network),
      streams_(streams),
      trace_(trace),
      observer_(observer),
      loop_(streams.of(Purpose::loop, id)),
      clock_(schedule, milliseconds(streams.of(Purpose::clock, id).between(0, 1'000'000))),
      disk_(schedule, streams.of(Purpose::disk, id),
            [this](std::function<void()> done) { on_disk_done(std::move(done)); }) {
  clock_.on_change([this] {
    if (!node_) return;
    forget_plan();
    plan_next_turn();
  });
}

Host::~Host() {
  if (node_) end_process(false);
}

bool Host::running() const { return node_ != nullptr; }
bool Host::paused() const { return running() && schedule_.now() < paused_until_; }
const server::Node* Host::node() const { return node_.get(); }

// ---- The life of a process ----------------------------------------------------------------------

server::NodeOptions Host::node_options() {
  std::vector<std::string> secrets;
  if (!config_.cluster_secret.empty()) secrets.push_back(config_.cluster_secret);
  return {.config = config_,
          .seed = streams_.of(Purpose::node, mix(id_, incarnation_)).next(),
          .process_id = 1000 * std::uint64_t{id_} + incarnation_,
          .secrets = std::move(secrets),
          .entropy = [random = streams_.of(Purpose::nonces, mix(id_, incarnation_))]() mutable {
            return random.next();
          },
          .pending_bytes = pending_bytes_,
          .fatal =
              [this](const std::string& message) {
                last_words_ = message;
                again_ = message.starts_with(server::kOlderCopy);
                throw Death{};
              },
          .stopped = [this] { stopped_ = true; },
          .noticed =
              [this](const replica::EntryNotices& entry) { observer_.on_noticed(id_, entry); },
          .notices_missed = [this] { observer_.on_notices_missed(id_); }};
}

void Host::start() {
  CHECK(!running());
  ++incarnation_;
  if (!std::exchange(on_, true)) network_.power_back(id_);
  wires_ = network_.attach(id_, *this);
  ending_ = false;
  stopped_ = false;
  again_ = false;
  busy_until_ = schedule_.now();
  const bool lives = run([this] {
    node_ = std::make_unique<server::Node>(node_options(), clock_, disk_, *wires_, trace_);
    if (const auto started = node_->start(); !started) {
      last_words_ = started.error().message;
      throw Death{};
    }
  });
  if (lives) plan_turn(schedule_.now());
}

void Host::start_to_join(const env::Address& member) {
  CHECK(running() && !node_->self());
  if (config_.join == std::vector<server::Place>{member}) return;
  kill();
  config_.join = {member};
  start();
}

void Host::kill() {
  if (running()) end_process(false);
}

void Host::power_off() {
  on_ = false;
  end_process(true);
}

void Host::terminate() {
  if (!running()) return;
  ending_ = true;
  post([this] { node_->shut_down(); });
}

void Host::pause(Duration length) {
  if (!running()) return;
  paused_until_ = schedule_.now() + length;
  if (length <= Duration{}) plan_turn(schedule_.now());
}

bool Host::run(const std::function<void()>& part_of_process) {
  try {
    part_of_process();
    return true;
  } catch (const Death&) {
    // On a disk that stands still this is the crash that was asked for, met a little early.
    const bool own_accord = !disk_.stands_still();
    end_process(false);
    if (own_accord) observer_.on_death(id_, last_words_);
    if (own_accord && again_) start_again_soon();
    return false;
  }
}

void Host::start_again_soon() {
  schedule_.after(kStartAgainAfter, [this, ended = incarnation_] {
    if (incarnation_ == ended && !running() && on_) start();
  });
}

void Host::end_process(bool power) {
  // The wires first: a process that is killed does not say goodbye while its objects go.
  if (power) {
    network_.power_lost(id_);
  } else {
    network_.process_died(id_);
  }
  forget_plan();
  ready_.clear();
  disk_ready_.clear();
  paused_until_ = {};
  node_.reset();
  disk_.crash(power);
  wires_.reset();
}

// ---- Turns --------------------------------------------------------------------------------------

void Host::post(std::function<void()> work) {
  ready_.push_back(std::move(work));
  plan_turn(schedule_.now() + microseconds(loop_.between(0, 10)));
}

void Host::on_disk_done(std::function<void()> done) {
  if (!running()) return;
  disk_ready_.push_back(std::move(done));
  plan_turn(schedule_.now() + microseconds(loop_.between(0, 10)));
}

void Host::plan_turn(Instant when) {
  when = std::max(when, busy_until_);
  if (when >= planned_) return;
  planned_ = when;
  schedule_.at(when, [this, plan = ++plan_] {
    if (plan != plan_) return;
    planned_ = Instant::never();
    take_turn();
  });
}

void Host::plan_next_turn() {
  if (!ready_.empty() || !disk_ready_.empty()) return plan_turn(busy_until_);
  const Instant wake = std::min(node_->wake_at(), clock_.now() + kLongestSleep);
  const Instant due = clock_.world_time_of(wake);
  // Timers of an operating system are a little late.
  if (due != Instant::never()) plan_turn(due + microseconds(loop_.between(0, 60)));
}

void Host::forget_plan() {
  ++plan_;
  planned_ = Instant::never();
}

void Host::take_turn() {
  if (schedule_.now() < paused_until_) return plan_turn(paused_until_);
  const bool lives = run([this] {
    hand_in();
    node_->on_turn_end();
  });
  if (!lives) return;
  const Duration length = microseconds(loop_.between(2, 30));
  busy_until_ = schedule_.now() + length;
  network_.flush(id_, length);
  observer_.on_turn(id_);
  if (stopped_) return end_process(false);
  plan_next_turn();
}

// Everything that is ready, or only a part of it: the rest then comes in the next turn, as if it
// had come a little later.
void Host::hand_in() {
  int left = loop_.below(4) == 0 ? static_cast<int>(loop_.below(4)) : kTurnWork;
  for (; left > 0 && (!ready_.empty() || !disk_ready_.empty()); --left) {
    const auto which = loop_.below(ready_.size() + (disk_ready_.empty() ? 0 : 1));
    std::function<void()> work;
    if (which < ready_.size()) {
      std::swap(ready_[which], ready_.back());
      work = std::move(ready_.back());
      ready_.pop_back();
    } else {
      work = std::move(disk_ready_.front());
      disk_ready_.pop_front();
    }
    work();
  }
}

}  // namespace holdfast::sim

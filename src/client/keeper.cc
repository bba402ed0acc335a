#include "client/keeper.h"

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <system_error>
#include <utility>

#include "client/calls.h"

namespace holdfast::client {

Keeper::Keeper(std::shared_ptr<const Setup> setup, std::unique_ptr<Link> link, Wanted wanted,
               Held held, Lost lost)
    : setup_(std::move(setup)),
      world_(*setup_->world),
      link_(std::move(link)),
      wanted_(std::move(wanted)),
      words_(vocabulary(wanted_.kind)),
      token_(held.token),
      fence_(held.fence),
      lost_(std::move(lost)),
      tenure_(held.tenure) {}

// ---- what is known

bool Keeper::held() const {
  const std::lock_guard guard(mutex_);
  return state_ == State::held && tenure_.sure(world_.now());
}

Duration Keeper::remaining() const {
  const std::lock_guard guard(mutex_);
  const Instant now = world_.now();
  if (state_ != State::held || !tenure_.sure(now)) return {};
  return tenure_.sure_until() - now;
}

// ---- renewing

Instant Keeper::step() {
  const Instant now = world_.now();
  Tenure tenure(wanted_.ttl);
  {
    const std::lock_guard guard(mutex_);
    if (state_ != State::held) return Instant::never();
    tenure = tenure_;
  }
  if (!tenure.sure(now)) {
    lose(fmt::format("the {} '{}' was not confirmed in time: {}", words_.noun, wanted_.name,
                     last_trouble_.empty() ? "this process was stopped, or too busy to renew it"
                                           : last_trouble_));
    return Instant::never();
  }
  if (now >= tenure.renew_at()) renew(tenure.patience(setup_->patience), tenure.sure_until());
  const std::lock_guard guard(mutex_);
  if (state_ != State::held) return Instant::never();
  return std::min(tenure_.renew_at(), tenure_.sure_until());
}

void Keeper::renew(Duration patience, Instant until) {
  const std::string token = fmt::to_string(token_);
  const std::string ttl = fmt::to_string(wanted_.ttl.ms());
  std::vector<std::string_view> words = {words_.renew, wanted_.name};
  if (!words_.by_name_alone) words.insert(words.end(), {token, "TTL", ttl});
  const Answer answer = link_->ask(words, patience, until);
  const bool answered = answer.fate == Answer::Fate::answered;
  if (answered && answer.kind() == "LOST") return lose(answer.reply.text);
  const std::lock_guard guard(mutex_);
  if (answered && answer.reply.kind == resp::Reply::Kind::integer) {
    tenure_.confirm(answer.sent_at, milliseconds(answer.reply.number));
    last_trouble_.clear();
    return;
  }
  last_trouble_ = answered ? answer.reply.text : answer.why;
  if (answered) link_->give_up_server();
  tenure_.try_again(world_.now());
}

void Keeper::lose(std::string reason) {
  {
    const std::lock_guard guard(mutex_);
    if (state_ != State::held) return;
    state_ = State::lost;
    reason_ = std::move(reason);
  }
  if (lost_) lost_(reason_);
}

// ---- the thread

std::string Keeper::start() {
  // Signals are the program's, and whoever waits for them should not have them end up here.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  std::string failed;
  try {
    // Its first step is to take this too: by then thread_ is set, which its callback may let go of.
    const std::lock_guard guard(mutex_);
    // It keeps the keeper alive: the callback may let go of the last Mutex.
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
  } catch (const std::system_error& error) {
    failed = error.what();
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return failed;
}

void Keeper::run() {
  {
    const std::lock_guard guard(mutex_);
    own_thread_ = std::this_thread::get_id();
  }
  while (true) {
    const Instant again = step();
    std::unique_lock lock(mutex_);
    if (again == Instant::never() || state_ != State::held) return;
    // Not for longer than a clock that stops while the machine sleeps may be believed.
    const Duration pause = std::min(std::max(again - world_.now(), Duration{}), seconds(1));
    changed_.wait_for(lock, std::chrono::nanoseconds(pause.ns),
                      [this] { return state_ != State::held; });
  }
}

bool Keeper::is_own_thread() const {
  const std::lock_guard guard(mutex_);
  return own_thread_ == std::this_thread::get_id();
}

void Keeper::stop_thread() {
  if (!thread_.joinable()) return;
  if (is_own_thread()) {
    thread_.detach();  // released by the callback: it ends when that returns
  } else {
    thread_.join();
  }
}

// ---- giving back

Outcome<Done> Keeper::release() {
  if (!is_own_thread()) {
    const std::lock_guard one(releasing_);
    return stop_and_give_back();
  }
  // From the callback, while another thread may be in here and wait for the callback's end.
  const std::unique_lock one(releasing_, std::try_to_lock);
  if (one.owns_lock()) return stop_and_give_back();
  const std::lock_guard guard(mutex_);
  return Failure{Fate::not_done, "LOST", reason_};
}

Outcome<Done> Keeper::stop_and_give_back() {
  Instant until = world_.now() + setup_->timeout;
  {
    const std::lock_guard guard(mutex_);
    if (released_) return *released_;
    if (state_ == State::held && !tenure_.sure(world_.now())) {
      state_ = State::lost;
      reason_ = fmt::format("the {} '{}' was not confirmed in time", words_.noun, wanted_.name);
    }
    if (state_ == State::held) {
      state_ = State::released;
      until = std::min(until, tenure_.sure_until());  // later there is nothing to give back
    }
  }
  changed_.notify_all();
  stop_thread();
  Outcome<Done> outcome = give_back(until);
  const std::lock_guard guard(mutex_);
  if (state_ == State::lost) outcome = Failure{Fate::not_done, "LOST", reason_};
  released_ = outcome;
  return outcome;
}

// A session that is not there any more is no error to who closes it. It was there when it was first
// asked for, unless an earlier asking has closed it.
Outcome<Done> Keeper::given_back(const resp::Reply& reply, bool in_doubt) const {
  if (!words_.by_name_alone || reply.number != 0 || in_doubt) return Done{};
  return Failure{Fate::not_done, "LOST",
                 fmt::format("LOST the {} {} had ended before", words_.noun, wanted_.name)};
}

// Also what is lost: a server may not know yet, and whoever waits for it need not wait for that.
Outcome<Done> Keeper::give_back(Instant until) {
  const std::string token = fmt::to_string(token_);
  std::vector<std::string_view> words = {words_.release, wanted_.name};
  if (!words_.by_name_alone) words.emplace_back(token);
  bool in_doubt = false;
  while (true) {
    const Answer answer = link_->ask(words, setup_->patience, until);
    const bool answered = answer.fate == Answer::Fate::answered;
    if (answered && !answer.reply.is_error()) return given_back(answer.reply, in_doubt);
    const std::string_view kind = answer.kind();
    if (answer.fate == Answer::Fate::lost || kind == "UNKNOWN") in_doubt = true;
    Failure failure = answered ? failure_of(answer.reply)
                               : failure_of(answer, in_doubt ? Fate::unknown : Fate::not_done);
    if (in_doubt && kind != "LOST") failure.fate = Fate::unknown;
    const bool for_good = answered && kind != "UNKNOWN" && !is_passing(kind);
    const bool tried_enough = state_ == State::lost || world_.now() + kPause >= until;
    if (for_good || tried_enough || !answer.refused.empty()) return failure;
    if (answered) link_->give_up_server();
    world_.sleep(kPause);
  }
}

}  // namespace holdfast::client

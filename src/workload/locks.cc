#include "workload/locks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "workload/records.h"

namespace holdfast::workload {
namespace {

using resp::Reply;

// Of LOCK.ACQUIRE; "" for null.
std::optional<std::string> read_grant(const Reply& reply) {
  if (reply.kind == Reply::Kind::null) return "";
  const auto* token = record_number(reply, 0);
  const auto* ttl = record_number(reply, 1);
  const auto* fence = record_number(reply, 2);
  if (token == nullptr || ttl == nullptr || fence == nullptr) return std::nullopt;
  return fmt::format("{} {} {}", *token, *fence, *ttl);
}

// Of LOCK.INFO.
std::optional<std::string> read_queue(const Reply& reply) {
  constexpr std::size_t kToken = 2;
  constexpr std::size_t kWaiters = 8;
  if (reply.kind == Reply::Kind::null) return "0";
  const auto* token = record_number(reply, kToken);
  const auto waiters = queue_text(record_value(reply, kWaiters));
  if (token == nullptr || !waiters) return std::nullopt;
  return fmt::format("{}{}", *token, *waiters);
}

std::optional<std::string> read_released(const Reply& reply) {
  const auto one = read_one_or_zero(reply);
  return one == "1" ? one : std::nullopt;
}

ReadAnswer lock_reader(Op op) {
  switch (op) {
    case Op::acquire:
      return read_grant;
    case Op::renew:
      return read_or_refused<read_integer>;
    case Op::release:
      return read_or_refused<read_released>;
    case Op::check:
      return read_one_or_zero;
    case Op::look:
      return read_queue;
    default:
      return read_or_refused<read_ok>;
  }
}

}  // namespace

LockLife::Plan LockLife::draw(Prng& prng, std::string lock, std::string guarded) {
  Plan plan;
  plan.lock = std::move(lock);
  plan.guarded = std::move(guarded);
  plan.ttl_ms = prng.between(50, 1500);
  if (prng.below(5) < 3) plan.wait_ms = prng.between(20, 1500);
  plan.rounds = static_cast<int>(prng.below(4));
  plan.repeats = static_cast<int>(prng.below(4));
  plan.let_it_end = prng.below(6) == 0;
  plan.acquire_again = prng.below(8) == 0;
  plan.release_again = prng.below(8) == 0;
  return plan;
}

// ---- asking

void LockLife::ask(Round& round) {
  switch (state_) {
    case State::acquiring:
      return ask_acquire(round);
    case State::holding:
      return use(round);
    case State::releasing:
      return ask_release(round);
    case State::ended:
    case State::over:
      break;
  }
  // Its time is over, or somebody else's has begun: now it must be refused, or still be held.
  constexpr Op kTries[] = {Op::guarded_write, Op::renew, Op::check};
  use_once(round, kTries[round.prng().below(std::size(kTries))]);
}

void LockLife::ask_acquire(Round& round) {
  asked_.push_back(journal_.begin(round.operation(
      Op::acquire, plan_.lock, fmt::format("{} {} {}", owner_, plan_.ttl_ms, plan_.wait_ms))));
  std::vector<std::string> words = {"LOCK.ACQUIRE", plan_.lock, owner_, "TTL",
                                    fmt::format("{}", plan_.ttl_ms)};
  if (plan_.wait_ms != 0) {
    words.push_back("WAIT");
    words.push_back(fmt::format("{}", plan_.wait_ms));
  }
  round.add(std::move(words));
}

void LockLife::ask_release(Round& round) {
  asked_.push_back(journal_.begin(round.operation(Op::release, plan_.lock, token_)));
  round.add({"LOCK.RELEASE", plan_.lock, token_});
  pause_ = milliseconds(round.prng().between(0, 20));
}

void LockLife::use(Round& round) {
  pause_ = milliseconds(round.prng().between(0, plan_.ttl_ms / 3));
  if (std::exchange(plan_.acquire_again, false)) ask_acquire(round);
  constexpr Op kUses[] = {Op::guarded_write, Op::guarded_write, Op::renew, Op::check, Op::look};
  const std::uint64_t count = 1 + round.prng().below(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    use_once(round, kUses[round.prng().below(std::size(kUses))]);
  }
}

void LockLife::use_once(Round& round, Op op) {
  std::string arg = token_;
  std::vector<std::string> words;
  if (op == Op::guarded_write) {
    const std::string value = names_.fresh_value();
    arg += " " + plan_.guarded + " " + value;
    words = {"GUARD", plan_.lock, token_, "SET", plan_.guarded, value};
  } else if (op == Op::renew) {
    // Sometimes for less than is left.
    const std::int64_t ttl_ms = plan_.ttl_ms / 2 + round.prng().between(10, plan_.ttl_ms);
    arg += fmt::format(" {}", ttl_ms);
    words = {"LOCK.RENEW", plan_.lock, token_, "TTL", fmt::format("{}", ttl_ms)};
  } else if (op == Op::check) {
    words = {"LOCK.CHECK", plan_.lock, token_};
  } else {
    arg.clear();
    words = {"LOCK.INFO", plan_.lock};
  }
  asked_.push_back(journal_.begin(round.operation(op, plan_.lock, std::move(arg))));
  round.add(std::move(words));
}

// ---- answers

void LockLife::on_answer(const Answer& answer) {
  const std::size_t which = asked_.front();
  asked_.erase(asked_.begin());
  journal_.settle(which, answer, lock_reader(journal_.at(which).op));
  const Operation& operation = journal_.at(which);
  if (operation.op == Op::acquire) on_acquired(operation, answer);
  if (operation.op == Op::release) on_released(operation);
  const bool denied = operation.ended == Ended::ok && operation.op != Op::acquire &&
                      (operation.ret.empty() || operation.ret == "0") && operation.op != Op::look;
  if (denied && state_ == State::holding) state_ = State::ended;
  if (asked_.empty()) on_round_done(answer);
}

void LockLife::on_acquired(const Operation& operation, const Answer& answer) {
  const bool first = state_ == State::acquiring;
  if (operation.ended == Ended::ok) {
    if (operation.ret.empty()) {
      state_ = first ? State::over : State::ended;
      return;
    }
    token_ = field(operation.ret, 0);
    if (first) state_ = hurried_ ? State::releasing : State::holding;
    wake_at_ = answer.now;
  } else if (first && !try_again()) {
    state_ = State::over;
  }
}

void LockLife::on_released(const Operation& operation) {
  if (operation.ended != Ended::ok) {
    if (!try_again()) state_ = State::over;
  } else if (!std::exchange(plan_.release_again, false) || operation.ret.empty()) {
    state_ = State::over;
  }
}

void LockLife::on_round_done(const Answer& answer) {
  wake_at_ = answer.now + pause_;
  switch (state_) {
    case State::holding:
      if (plan_.rounds-- > 0 && !hurried_) return;
      state_ = State::releasing;
      if (!plan_.let_it_end || hurried_) return;
      state_ = State::ended;
      wake_at_ = answer.now + milliseconds(plan_.ttl_ms * 2);
      return;
    case State::ended:
      // The last try.
      if (plan_.rounds < 0) state_ = State::over;
      plan_.rounds = -1;
      return;
    case State::acquiring:
    case State::releasing:
    case State::over:
      return;
  }
}

bool LockLife::try_again() { return !hurried_ && plan_.repeats-- > 0; }

void LockLife::hurry() {
  hurried_ = true;
  if (!asked_.empty()) return;  // first the answers
  if (state_ == State::holding) state_ = State::releasing;
  if (state_ == State::acquiring || state_ == State::ended) state_ = State::over;
}

void LockLife::finish(Instant now) {
  for (const std::size_t which : asked_) journal_.end(which, Ended::unknown, {}, now);
  asked_.clear();
}

}  // namespace holdfast::workload

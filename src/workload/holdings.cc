#include "workload/holdings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "resp/number.h"
#include "workload/records.h"

namespace holdfast::workload {
namespace {

using resp::Reply;
using Kind = HoldingLife::Kind;

// What the semaphores of this workload begin with.
constexpr std::int64_t kFirstLimit = 3;

// "" for null, and for a semaphore that has another limit.
template <Kind kKind>
std::optional<std::string> read_hold(const Reply& reply) {
  if (reply.kind == Reply::Kind::null || reply.is_error()) return "";
  const auto* token = record_number(reply, 0);
  const auto* ttl = record_number(reply, 1);
  const auto* fence = kKind == Kind::lock ? record_number(reply, 2) : token;
  if (token == nullptr || ttl == nullptr || fence == nullptr) return std::nullopt;
  return fmt::format("{} {} {}", *token, *fence, *ttl);
}

template <Kind kKind>
std::optional<std::string> read_waiters(const Reply& reply) {
  constexpr std::size_t kWaiters = kKind == Kind::lock ? 8 : kKind == Kind::semaphore ? 4 : 6;
  if (reply.kind == Reply::Kind::null) return "0";
  const auto waiters = queue_text(record_value(reply, kWaiters));
  return waiters ? std::optional<std::string>("0" + *waiters) : std::nullopt;
}

template <Kind kKind>
ReadAnswer holding_reader(Op op) {
  switch (op) {
    case Op::take:
      return read_hold<kKind>;
    case Op::keep:
      return read_or_refused<read_integer>;
    case Op::give_back:
      return read_or_refused<read_one_or_zero>;
    case Op::confirm:
      return read_one_or_zero;
    case Op::look_on:
      return read_waiters<kKind>;
    case Op::set_limit:
      return read_or_refused<read_ok>;  // nobody may have acquired it yet
    default:
      return read_integer;
  }
}

ReadAnswer holding_reader(Kind kind, Op op) {
  if (kind == Kind::lock) return holding_reader<Kind::lock>(op);
  return kind == Kind::semaphore ? holding_reader<Kind::semaphore>(op)
                                 : holding_reader<Kind::election>(op);
}

// "MISMATCH … has the limit 5, not 3 …"
std::int64_t limit_told(std::string_view text) {
  constexpr std::string_view kBefore = "has the limit ";
  const std::size_t at = text.find(kBefore);
  if (at == std::string_view::npos) return 0;
  std::string_view digits = text.substr(at + kBefore.size());
  digits = digits.substr(0, digits.find(','));
  std::int64_t limit = 0;
  return resp::parse_integer(digits, limit) ? limit : 0;
}

}  // namespace

HoldingLife::Plan HoldingLife::draw(Prng& prng, const Names& names, std::uint64_t count) {
  Plan plan;
  plan.kind = static_cast<Kind>(prng.below(3));
  plan.number = prng.below(count);
  constexpr char kLetters[] = {'q', 'p', 'e'};
  plan.name = names.name(kLetters[static_cast<std::size_t>(plan.kind)], plan.number);
  plan.ttl_ms = prng.between(50, 1500);
  if (prng.below(5) < 3) plan.wait_ms = prng.between(20, 1500);
  if (plan.kind == Kind::lock) {
    plan.shared = prng.below(3) != 0;
    if (prng.below(3) == 0) plan.hold = "h";
    if (plan.number == 0 && prng.below(3) == 0) plan.delay_ms = prng.between(50, 800);
  }
  if (plan.kind == Kind::semaphore) plan.permits = prng.between(1, 2);
  plan.rounds = static_cast<int>(prng.below(4));
  plan.repeats = static_cast<int>(prng.below(4));
  plan.let_it_end = prng.below(5) == 0;
  plan.acquire_again = prng.below(4) == 0;
  plan.may_force = prng.below(6) == 0;
  return plan;
}

std::string HoldingLife::word(std::string_view verb) const {
  constexpr std::string_view kFamilies[] = {"LOCK", "SEM", "ELECT"};
  return fmt::format("{}.{}", kFamilies[static_cast<std::size_t>(plan_.kind)], verb);
}

// ---- asking

void HoldingLife::add(Round& round, Op op, std::string arg, std::vector<std::string> words) {
  asked_.push_back(journal_.begin(round.operation(op, plan_.name, std::move(arg))));
  round.add(std::move(words));
}

void HoldingLife::ask(Round& round) {
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
  use_once(round, plan_.kind == Kind::lock && round.prng().below(2) == 0 ? Op::confirm : Op::keep);
}

void HoldingLife::ask_acquire(Round& round) {
  const std::int64_t limit =
      plan_.kind == Kind::semaphore ? names_.limit(plan_.number, kFirstLimit) : 0;
  constexpr std::string_view kHow[] = {"exclusive", "permits", "leads"};
  const std::string_view how =
      plan_.shared ? "shared" : kHow[static_cast<std::size_t>(plan_.kind)];
  std::vector<std::string> words = {word(plan_.kind == Kind::election ? "CAMPAIGN" : "ACQUIRE"),
                                    plan_.name, owner_, "TTL", fmt::format("{}", plan_.ttl_ms)};
  const auto option = [&](std::string name, std::string value) {
    words.push_back(std::move(name));
    words.push_back(std::move(value));
  };
  if (plan_.wait_ms != 0) option("WAIT", fmt::format("{}", plan_.wait_ms));
  if (plan_.shared) words.emplace_back("SHARED");
  if (!plan_.hold.empty()) option("HOLD", plan_.hold);
  if (plan_.delay_ms != 0) option("DELAY", fmt::format("{}", plan_.delay_ms));
  if (plan_.kind == Kind::semaphore) {
    option("LIMIT", fmt::format("{}", limit));
    option("PERMITS", fmt::format("{}", std::min(plan_.permits, limit)));
  }
  add(round, Op::take,
      fmt::format("{} {} {} {} {} {} {}", owner_, plan_.ttl_ms, plan_.wait_ms, how,
                  plan_.kind == Kind::semaphore ? std::min(plan_.permits, limit) : 1, limit,
                  plan_.delay_ms),
      std::move(words));
}

void HoldingLife::ask_release(Round& round) {
  std::vector<std::string> words = {word(plan_.kind == Kind::election ? "RESIGN" : "RELEASE"),
                                    plan_.name, token_};
  if (!plan_.hold.empty()) {
    words.emplace_back("HOLD");
    words.push_back(plan_.hold);
  }
  add(round, Op::give_back, token_, std::move(words));
  // And it is gone.
  if (plan_.kind == Kind::lock) use_once(round, Op::confirm);
  pause_ = milliseconds(round.prng().between(0, 20));
}

void HoldingLife::use(Round& round) {
  pause_ = milliseconds(round.prng().between(0, plan_.ttl_ms / 3));
  if (std::exchange(plan_.acquire_again, false)) ask_acquire(round);
  const std::uint64_t count = 1 + round.prng().below(2);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t dice = round.prng().below(6);
    if (dice < 3) {
      use_once(round, Op::look_on);
    } else if (dice > 3 && plan_.kind == Kind::semaphore && plan_.number == 0) {
      use_once(round, Op::set_limit);
    } else if (dice == 5 && plan_.kind == Kind::lock) {
      use_once(round, Op::confirm);
    } else {
      use_once(round, Op::keep);
    }
  }
  if (std::exchange(plan_.may_force, false)) {
    use_once(round, Op::force);
    use_once(round, Op::keep);
  }
  if (asked_.empty()) use_once(round, Op::look_on);
}

void HoldingLife::use_once(Round& round, Op op) {
  switch (op) {
    case Op::keep: {
      // Sometimes for less than is left.
      const std::int64_t ttl_ms = plan_.ttl_ms / 2 + round.prng().between(10, plan_.ttl_ms);
      return add(round, op, fmt::format("{} {}", token_, ttl_ms),
                 {word("RENEW"), plan_.name, token_, "TTL", fmt::format("{}", ttl_ms)});
    }
    case Op::confirm:
      return add(round, op, token_, {word("CHECK"), plan_.name, token_});
    case Op::force:
      return add(round, op, {}, {word("FORCE"), plan_.name});
    case Op::set_limit: {
      const std::string limit = fmt::format("{}", round.prng().between(1, 4));
      return add(round, op, limit, {word("LIMIT"), plan_.name, limit});
    }
    default:
      return add(round, Op::look_on, {}, {word("INFO"), plan_.name});
  }
}

// ---- answers

void HoldingLife::on_answer(const Answer& answer) {
  const std::size_t which = asked_.front();
  asked_.erase(asked_.begin());
  const Op op = journal_.at(which).op;
  journal_.settle(which, answer, holding_reader(plan_.kind, op));
  const Operation& operation = journal_.at(which);
  if (op == Op::take) on_acquired(operation, answer);
  if (op == Op::give_back) given_back_ = operation.ended == Ended::ok || !try_again();
  const bool ok = operation.ended == Ended::ok;
  const bool denied = (op == Op::keep && operation.ret.empty()) ||
                      (op == Op::confirm && operation.ret == "0");
  if (ok && denied && state_ == State::holding) state_ = State::ended;
  if (asked_.empty()) on_round_done(answer);
}

void HoldingLife::on_acquired(const Operation& operation, const Answer& answer) {
  const bool first = state_ == State::acquiring;
  if (operation.ended != Ended::ok) {
    if (first && !try_again()) state_ = State::over;
    return;
  }
  if (answer.reply != nullptr && answer.reply->is_error()) {
    const std::int64_t limit = limit_told(answer.reply->text);
    if (limit != 0) names_.saw_limit(plan_.number, limit);
  }
  if (operation.ret.empty()) {
    if (first) state_ = State::over;
    return;
  }
  token_ = field(operation.ret, 0);
  if (first) state_ = hurried_ ? State::releasing : State::holding;
  wake_at_ = answer.now;
}

void HoldingLife::on_round_done(const Answer& answer) {
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
    case State::releasing:
      if (given_back_) state_ = State::over;
      return;
    case State::acquiring:
    case State::over:
      return;
  }
}

bool HoldingLife::try_again() { return !hurried_ && plan_.repeats-- > 0; }

void HoldingLife::hurry() {
  hurried_ = true;
  if (!asked_.empty()) return;  // first the answers
  if (state_ == State::holding) state_ = State::releasing;
  if (state_ == State::acquiring || state_ == State::ended) state_ = State::over;
}

void HoldingLife::finish(Instant now) {
  for (const std::size_t which : asked_) journal_.end(which, Ended::unknown, {}, now);
  asked_.clear();
}

}  // namespace holdfast::workload

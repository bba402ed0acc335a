#include "workload/sessions.h"

#include <fmt/format.h>

#include <utility>

#include "workload/records.h"

namespace holdfast::workload {
namespace {

using resp::Reply;

std::optional<std::string> read_id(const Reply& reply) {
  return reply.kind == Reply::Kind::integer && reply.number > 0 ? read_integer(reply) : std::nullopt;
}

// "" for null, and if the session has ended.
std::optional<std::string> read_claim(const Reply& reply) {
  if (reply.kind == Reply::Kind::null || reply.is_error()) return "";
  const auto* token = record_number(reply, 0);
  return token == nullptr ? std::nullopt : std::optional<std::string>(fmt::format("{}", *token));
}

ReadAnswer session_reader(Op op) {
  switch (op) {
    case Op::open_session:
      return read_id;
    case Op::set_ephemeral:
      return read_ok;
    case Op::read_ephemeral:
      return read_text;
    case Op::close_session:
    case Op::detach_session:
    case Op::claim_held:
      return read_one_or_zero;
    case Op::claim:
      return read_claim;
    default:
      return read_or_refused<read_integer>;
  }
}

constexpr int kTries = 5;

}  // namespace

SessionLife::Plan SessionLife::draw(Prng& prng, const Names& names, std::uint64_t locks) {
  Plan plan;
  plan.ttl_ms = prng.below(4) == 0 ? prng.between(100, 300) : prng.between(300, 1500);
  plan.rounds = static_cast<int>(prng.below(10));
  plan.close = prng.below(3) == 0;
  plan.attach = prng.below(4) == 0;
  plan.bind = prng.below(4) != 0;
  if (locks > 0 && prng.below(2) == 0) plan.lock = names.name('y', prng.below(locks));
  return plan;
}

// ---- asking

void SessionLife::ask(Round& round) {
  again_ = doubtful_ = false;
  pause_ = milliseconds(round.prng().between(0, 20));
  switch (state_) {
    case State::opening:
      return ask_one(round, Op::open_session, fmt::format("{}", plan_.ttl_ms),
                     {"SESSION.OPEN", "TTL", fmt::format("{}", plan_.ttl_ms), "NAME", key_});
    case State::setting:
      return ask_one(round, Op::set_ephemeral, id_, {"SET", key_, id_});
    case State::binding:
      return ask_one(round, Op::bind_ephemeral, id_, {"SESSION.BIND", id_, key_});
    case State::keeping:
      return keep(round);
    case State::leaving:
      if (attached_) {
        return ask_one(round, Op::detach_session, id_, {"SESSION.DETACH", id_});
      }
      return ask_one(round, Op::close_session, id_, {"SESSION.CLOSE", id_});
    case State::looking:
    case State::over:
      break;
  }
  look(round);
}

void SessionLife::ask_one(Round& round, Op op, std::string arg, std::vector<std::string> words) {
  asked_.push_back(journal_.begin(round.operation(op, key_, std::move(arg))));
  round.add(std::move(words));
}

void SessionLife::keep(Round& round) {
  Prng& prng = round.prng();
  // Mostly in time, at times late, and sometimes just when it ends.
  const std::int64_t late = prng.below(8);
  pause_ = milliseconds(late == 0   ? prng.between(plan_.ttl_ms * 9 / 10, plan_.ttl_ms * 11 / 10)
                        : late == 1 ? prng.between(plan_.ttl_ms, plan_.ttl_ms * 2)
                                    : prng.between(0, plan_.ttl_ms * 2 / 3));
  const std::string arg = fmt::format("{} {}", id_, plan_.ttl_ms);
  const bool attach = plan_.attach && !attached_ && prng.below(3) == 0;
  attached_ = attached_ || attach;
  ask_one(round, attach ? Op::attach_session : Op::keep_session, arg,
          {attach ? "SESSION.ATTACH" : "SESSION.KEEP", id_});
  if (bound_ && prng.below(2) == 0) ask_one(round, Op::read_ephemeral, id_, {"GET", key_});
  if (!plan_.lock.empty() && prng.below(3) != 0) claim(round);
}

// Waiting must not keep it from being kept.
void SessionLife::claim(Round& round) {
  Prng& prng = round.prng();
  const auto ask = [&](Op op, std::string arg, std::vector<std::string> words) {
    asked_.push_back(journal_.begin(round.operation(op, plan_.lock, std::move(arg))));
    round.add(std::move(words));
  };
  if (token_.empty()) {
    const std::string wait = fmt::format("{}", prng.below(3) == 0 ? 0 : prng.between(0, plan_.ttl_ms / 4));
    ask(Op::claim, fmt::format("{} {} {}", id_, key_, wait),
        {"LOCK.ACQUIRE", plan_.lock, key_, "SESSION", id_, "WAIT", wait});
  } else if (state_ == State::keeping && prng.below(3) == 0) {
    ask(Op::disclaim, fmt::format("{} {}", id_, token_), {"LOCK.RELEASE", plan_.lock, token_});
  } else {
    ask(Op::claim_held, fmt::format("{} {}", id_, token_), {"LOCK.CHECK", plan_.lock, token_});
  }
}

// Its time is over, or not: the key must be there or not, and whoever keeps it is told the same.
void SessionLife::look(Round& round) {
  if (bound_) ask_one(round, Op::read_ephemeral, id_, {"GET", key_});
  ask_one(round, Op::keep_session, fmt::format("{} {}", id_, plan_.ttl_ms), {"SESSION.KEEP", id_});
  if (!token_.empty()) claim(round);
}

// ---- answers

void SessionLife::on_answer(const Answer& answer) {
  const std::size_t which = asked_.front();
  asked_.erase(asked_.begin());
  const Op op = journal_.at(which).op;
  journal_.settle(which, answer, session_reader(op));
  const Operation& operation = journal_.at(which);
  if (on_claim(op)) {
    on_claimed(operation);
  } else if (operation.ended == Ended::ok) {
    if (op == Op::open_session) id_ = operation.ret;
    if (op == Op::bind_ephemeral && !operation.ret.empty()) bound_ = true;
    if (op == Op::detach_session) attached_ = false;
    const bool keeps = op == Op::keep_session || op == Op::attach_session;
    if ((keeps || op == Op::bind_ephemeral) && operation.ret.empty()) ended_ = true;
    if (op == Op::close_session) ended_ = true;
  } else if (operation.ended == Ended::failed) {
    again_ = true;
  } else {
    doubtful_ = true;
  }
  if (asked_.empty()) on_round_done(answer.now);
}

// Whatever became of it, the session goes on.
void SessionLife::on_claimed(const Operation& operation) {
  if (operation.op == Op::claim && operation.ended == Ended::ok) token_ = operation.ret;
  if (operation.op == Op::disclaim && operation.ended == Ended::ok) token_.clear();
}

void SessionLife::on_round_done(Instant now) {
  wake_at_ = now + pause_;
  const bool done = !again_ && !doubtful_;
  tries_ = done ? 0 : tries_ + 1;
  switch (state_) {
    case State::opening:
      if (done) state_ = plan_.bind ? State::setting : State::keeping;
      // Whether one was opened that nobody can name does not matter: nobody keeps it.
      if (doubtful_) state_ = State::over;
      break;
    case State::setting:
      // What may be written later would not be the key that is bound.
      if (!again_) state_ = done ? State::binding : State::keeping;
      break;
    case State::binding:
      if (!again_) state_ = State::keeping;
      break;
    case State::keeping:
      if (--plan_.rounds <= 0 || hurried_) state_ = State::leaving;
      break;
    case State::leaving:
      // A connection that is gone keeps nothing.
      if (doubtful_) attached_ = false;
      if (ended_) state_ = State::looking;
      break;
    case State::looking:
      state_ = State::over;
      return;
    case State::over:
      return;
  }
  if (ended_ && state_ != State::over) state_ = State::looking;
  if (state_ == State::leaving && !plan_.close && !attached_) leave(now);
  if (tries_ >= kTries) state_ = State::over;
}

// Nobody keeps it any more. When it must be over, so must its key.
void SessionLife::leave(Instant now) {
  state_ = State::looking;
  wake_at_ = now + milliseconds(2 * plan_.ttl_ms + 2200);
}

void SessionLife::hurry() {
  hurried_ = true;
  if (state_ == State::opening && asked_.empty()) state_ = State::over;
  if (state_ == State::keeping) wake_at_ = {};
}

void SessionLife::finish(Instant now) {
  for (const std::size_t which : std::exchange(asked_, {})) {
    journal_.end(which, Ended::unknown, {}, now);
  }
}

}  // namespace holdfast::workload

#include "server/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/mutation.h"
#include "commands/feed_commands.h"
#include "commands/holding_words.h"
#include "replica/command_record.h"
#include "resp/number.h"
#include "server/inner_command.h"

namespace holdfast::server {
namespace {

constexpr Duration kBusyPause = milliseconds(1);
constexpr Duration kRefusedPause = milliseconds(2);
constexpr Duration kDurabilityPause = milliseconds(5);
constexpr Duration kFeedPause = milliseconds(5);
constexpr std::uint8_t kLastAttempt = 255;

constexpr std::string_view kOvertaken =
    "NOLEADER the leader changed before this command was done, and a later command of this "
    "connection was done meanwhile; this one was not done. Try again";
constexpr std::string_view kNoSpace =
    "NOSPACE too many disks are full, or their nodes not heard: the command was not done. Reads go on; "
    "free space on the machines whose INFO says holdfast_disk:full, start nodes that are down, and "
    "writes go on by themselves";
constexpr std::string_view kLeft =
    "NOLEADER this node was removed from the cluster; the command was not done. Connect to another "
    "node";

std::string no_leader_for(std::int64_t milliseconds_waited) {
  return fmt::format(
      "NOLEADER no leader was reachable for {} ms; the command was not done. Try again; if it goes "
      "on, see that a majority of the nodes is up and connected",
      milliseconds_waited);
}

}  // namespace

std::string no_answer_for(std::int64_t milliseconds_waited) {
  return fmt::format(
      "NOLEADER no answer came from the leader for {} ms; the command was not done. Try again",
      milliseconds_waited);
}

// ---- new requests

void Requests::answer(const commands::CommandSpec* spec, std::string_view reply, bool silent) {
  table_.metrics.count_answer(spec, Duration{}, reply);
  answer_rejected(reply, silent);
}

void Requests::answer_rejected(std::string_view reply, bool silent) {
  if (silent) reply = {};
  if (ring_.empty()) {
    owner_.put_reply(reply);
    return;
  }
  Request& request = push();
  request.state = Request::State::answered;
  request.reply.assign(reply);
  bytes_ += reply.size();
}

Request& Requests::push() {
  if (ring_.empty()) ++table_.busy;
  return ring_.push();
}

void Requests::pop() {
  ring_.pop();
  if (ring_.empty() && !closed_) --table_.busy;
}

Request& Requests::begin(const commands::CommandSpec* spec, bool write, bool silent) {
  Request& request = push();
  request.spec = spec;
  request.write = write;
  request.silent = silent;
  request.arrived = table_.now();
  if (held_++ == 0) first_held_ = ring_.end() - 1;
  return request;
}

Origin Requests::origin_of(std::uint64_t position, std::uint8_t attempt) const {
  return {table_.services.self(), table_.services.incarnation(), id_,
          request_number(position, attempt)};
}

Origin Requests::origin() const { return origin_of(ring_.end() - 1, 0); }

void Requests::launch() {
  const std::uint64_t position = ring_.end() - 1;
  bytes_ += ring_.at(position).record.size();
  if (first_held_ == position) {
    route(position);
  } else {
    stay(position);
  }
}

// ---- routing

// Tries to send the request on its way. Everything before it is settled or under way.
Requests::Routing Requests::route(std::uint64_t position) {
  Request& request = ring_.at(position);
  Services& services = table_.services;
  const Instant now = table_.now();
  if (table_.paused(request.write)) {
    table_.wake(table_.pause.until);
    return stay(position);
  }
  if (request.ask_at > now) {
    table_.wake(request.ask_at);
    return Routing::stays;
  }
  if (request.kind == Request::Kind::feed && nothing_new_yet(request)) return Routing::stays;
  const Epoch epoch = services.leader_epoch();
  if (!services.leader()) return stay(position);
  if (under_way_ != 0 && epoch != epoch_) return stay(position);
  // It may have been encoded for an earlier attempt, or before this node had a name.
  if (request.sent || request.held_since != Instant{}) encode_again(position);

  // Set before the call, so that it makes no difference how soon the outcome comes.
  const bool sent_before = std::exchange(request.sent, true);
  set_state(position, Request::State::under_way);
  request.routed_at = now;
  epoch_ = epoch;
  switch (services.route(request.record, request.write, epoch)) {
    case Services::Routed::sent:
      last_routed_ = std::max(last_routed_, position);
      return Routing::sent;
    case Services::Routed::no_space:
      settle_error(position, kNoSpace);
      return Routing::settled;
    case Services::Routed::busy:
      table_.wake(now + kBusyPause);
      break;
    case Services::Routed::no_leader:
      break;
  }
  ring_.at(position).sent = sent_before;
  set_state(position, Request::State::held);
  return stay(position);
}

// The request is held for now, within the bound on what the node remembers for its clients.
Requests::Routing Requests::stay(std::uint64_t position) {
  Request& request = ring_.at(position);
  if (request.held_since == Instant{}) request.held_since = table_.now();
  if (request.counted != 0 || closed_) return Routing::stays;
  if (table_.held_bytes + request.record.size() > table_.limits.held_bytes) {
    settle_error(position,
                 fmt::format("LIMIT this node holds {} bytes of commands that wait for a leader "
                             "(held-bytes); the command was not done. Try again later",
                             table_.held_bytes));
    return Routing::settled;
  }
  request.counted = request.record.size();
  table_.held_bytes += request.counted;
  return Routing::stays;
}

void Requests::encode_again(std::uint64_t position) {
  Request& request = ring_.at(position);
  const Origin origin = origin_of(position, request.attempt);
  const auto present = replica::decode_origin(request.record);
  if (present.ok() && *present == origin) return;
  replica::CommandRecord record;
  const auto decoded = replica::decode_record(request.record, record);
  CHECK(decoded.ok(), "{}", decoded.error().message);
  record.origin = origin;
  std::string encoded;
  replica::encode_record(record, encoded);
  bytes_ += encoded.size();
  bytes_ -= request.record.size();
  request.record = std::move(encoded);
}

void Requests::pump() {
  while (held_ != 0 && !closed_) {
    const std::uint64_t position = first_held_;
    // One behind it may be done, or not: its fate decides what may become of this one.
    const bool minds = !mutated(Mutation::order_forgotten);
    if (position < last_routed_ && under_way_behind(position) && minds) return;
    if (position < done_up_to_ && minds) {
      settle_error(position, kOvertaken);
    } else if (route(position) == Routing::stays) {
      return;
    }
  }
}

bool Requests::under_way_behind(std::uint64_t position) {
  if (under_way_ == 0) return false;
  for (std::uint64_t i = position + 1; i <= last_routed_ && i < ring_.end(); ++i) {
    if (ring_.at(i).state == Request::State::under_way) return true;
  }
  return false;
}

// ---- outcomes

void Requests::outcome(std::uint64_t number, replica::Verdict verdict, std::string_view reply,
                       Index index) {
  const std::uint64_t position = position_of(number);
  if (!ring_.contains(position)) return;
  Request& request = ring_.at(position);
  if (request.attempt != attempt_of(number)) return;
  const bool waiting = request.state == Request::State::blocked;
  if (!waiting && request.state != Request::State::under_way) return;
  switch (verdict) {
    case replica::Verdict::answered:
      if (request.write) last_write_ = std::max(last_write_, index);
      settle_answer(position, reply);
      return;
    case replica::Verdict::blocked:
      done_up_to_ = std::max(done_up_to_, position);  // it has taken effect: it is queued
      set_state(position, Request::State::blocked);
      return;
    case replica::Verdict::not_done:
      // What waits was applied; only an older word can say otherwise.
      if (!waiting) hold(position);
      return;
    case replica::Verdict::no_space:
      if (!waiting) settle_error(position, kNoSpace);
      return;
    case replica::Verdict::unknown:
      settle_unknown(position, "its leader can no longer say how it ended");
      return;
  }
}

void Requests::settle_answer(std::uint64_t position, std::string_view reply) {
  done_up_to_ = std::max(done_up_to_, position);
  Request& request = ring_.at(position);
  if (request.kind == Request::Kind::plain) {
    settle(position, reply);
  } else if (request.kind == Request::Kind::wait) {
    on_durability(position, reply);
  } else if (request.kind == Request::Kind::feed) {
    on_feed(position, reply);
  } else {
    const std::string translated = owner_.translate(request, reply);
    settle(position, translated);
  }
}

// The answer to WAIT's question: enough, too late, or to be asked again.
void Requests::on_durability(std::uint64_t position, std::string_view answer) {
  Request& request = ring_.at(position);
  std::int64_t replicas = 0;
  if (answer.size() < 4 || answer.front() != ':' ||
      !resp::parse_integer(answer.substr(1, answer.size() - 3), replicas)) {
    settle(position, answer);
    return;
  }
  request.seen = std::max(request.seen, replicas);
  if (request.seen >= request.wanted || request.deadline <= table_.now()) {
    settle(position, fmt::format(":{}\r\n", request.seen));
    return;
  }
  ++request.attempt;
  request.ask_at = std::min(table_.now() + kDurabilityPause, request.deadline);
  request.held_since = Instant{};
  set_state(position, Request::State::held);
  table_.wake(request.ask_at);
}

void Requests::read_until_changed(Request& request, Instant deadline) {
  request.kind = Request::Kind::feed;
  request.deadline = deadline;
  request.seen = -1;
}

// Whether it is known here, without asking anybody, that the answer would be the one before.
bool Requests::nothing_new_yet(Request& request) {
  const Instant now = table_.now();
  if (request.seen < 0 || request.deadline <= now) return false;
  if (table_.services.newest_of_feeds() > static_cast<std::uint64_t>(request.seen)) return false;
  request.ask_at = std::min(now + kFeedPause, request.deadline);
  table_.wake(request.ask_at);
  return true;
}

// FEED.READ's answer: changes, too late, or to be asked again from where it has come to. The position
// moves on, so that what `$` meant at first is what is waited for.
void Requests::on_feed(std::uint64_t position, std::string_view answer) {
  Request& request = ring_.at(position);
  const auto nothing = commands::nothing_new(answer);
  if (!nothing || request.deadline <= table_.now()) return settle(position, answer);
  replica::CommandRecord record;
  const auto decoded = replica::decode_record(request.record, record);
  CHECK(decoded.ok(), "{}", decoded.error().message);
  ++request.attempt;
  record.origin = origin_of(position, request.attempt);
  record.commands.front().at(1) = nothing->position;
  std::string encoded;
  replica::encode_record(record, encoded);
  bytes_ += encoded.size();
  bytes_ -= request.record.size();
  request.record = std::move(encoded);
  request.seen = static_cast<std::int64_t>(nothing->revision);
  request.ask_at = std::min(table_.now() + kFeedPause, request.deadline);
  request.held_since = Instant{};
  set_state(position, Request::State::held);
  table_.wake(request.ask_at);
}

void Requests::leader_changed() {
  const Services& services = table_.services;
  if (services.leader() && services.leader_epoch() == epoch_ && held_ == 0) return;
  if (under_way_ != 0 && !(services.leader() && services.leader_epoch() == epoch_)) {
    for (std::uint64_t i = ring_.begin(); i < ring_.end(); ++i) {
      if (!ring_.contains(i)) continue;
      const Request& request = ring_.at(i);
      if (request.state != Request::State::under_way) continue;
      // What was sent behind a write shares its fate's judgement: the leader may be only slow and
      // refuse the write later, and it would take a read sent twice for one sent after that refusal.
      if (request.write && !mutated(Mutation::not_done_at_change_of_leader)) break;
      hold(i);
    }
  }
  if (held_ != 0) owner_.attend();
}

void Requests::epoch_applied(Epoch epoch) {
  if (under_way_ == 0 || !(epoch_ < epoch)) return;
  for (std::uint64_t i = ring_.begin(); i < ring_.end(); ++i) {
    if (ring_.contains(i) && ring_.at(i).state == Request::State::under_way) hold(i);
  }
}

void Requests::outcomes_lost() {
  if (mutated(Mutation::install_says_nothing)) return;
  constexpr std::string_view kWhy =
      "this node fell behind and received the state without the outcomes in it";
  for (std::uint64_t i = ring_.begin(); i < ring_.end() && blocked_ != 0; ++i) {
    if (ring_.contains(i) && ring_.at(i).state == Request::State::blocked) settle_unknown(i, kWhy);
  }
  lose_under_way(kWhy);
}

void Requests::forwards_lost() {
  lose_under_way("the link to its leader broke while it was under way");
}

// Writes may have been done; reads have no effect and can be asked again.
void Requests::lose_under_way(std::string_view why) {
  for (std::uint64_t i = ring_.begin(); i < ring_.end() && under_way_ != 0; ++i) {
    if (!ring_.contains(i) || ring_.at(i).state != Request::State::under_way) continue;
    if (ring_.at(i).write && !mutated(Mutation::forward_resent)) {
      settle_unknown(i, why);
    } else {
      hold(i);
    }
  }
}

// Certainly not done: goes again, in its turn.
void Requests::hold(std::uint64_t position) {
  Request& request = ring_.at(position);
  if (position <= refused_up_to_) {
    settle_error(position, kRefusedAfterUnknown);
    return;
  }
  if (request.attempt == kLastAttempt && request.kind != Request::Kind::wait &&
      request.kind != Request::Kind::feed) {
    settle_error(position,
                 "NOLEADER the leader changed too often; the command was not done. Try again");
    return;
  }
  ++request.attempt;
  // A leader that refuses again and again will not be asked at the speed of the wire.
  if (request.attempt > 2) {
    request.ask_at = table_.now() + kRefusedPause * std::min<std::int64_t>(request.attempt, 10);
  }
  ++table_.metrics.routed_again;
  set_state(position, Request::State::held);
  if (stay(position) == Routing::stays) owner_.attend();
}

// ---- endings

void Requests::set_state(std::uint64_t position, Request::State state) {
  Request& request = ring_.at(position);
  const Request::State before = std::exchange(request.state, state);
  if (before == state) return;
  if (before == Request::State::under_way && --under_way_ == 0 && held_ != 0) owner_.attend();
  if (before == Request::State::blocked) --blocked_;
  if (before == Request::State::held && --held_ != 0 && position == first_held_) {
    do ++first_held_;
    while (ring_.at(first_held_).state != Request::State::held);
  }
  if (state == Request::State::under_way) ++under_way_;
  if (state == Request::State::blocked) {
    ++blocked_;
    owner_.attend();  // one whose client has gone is to be ended
  }
  if (state == Request::State::held) {
    if (held_++ == 0 || position < first_held_) first_held_ = position;
  } else {
    uncount(request);
  }
}

void Requests::uncount(Request& request) {
  if (request.counted == 0) return;
  table_.held_bytes -= request.counted;
  request.counted = 0;
}

void Requests::settle(std::uint64_t position, std::string_view reply) {
  Request& request = ring_.at(position);
  set_state(position, Request::State::answered);
  table_.metrics.count_answer(request.spec, table_.now() - request.arrived, reply);
  if (request.silent) reply = {};
  if (position == ring_.begin()) {
    if (request.may_wait && request.sent) remember_wait(position);
    bytes_ -= request.record.size();
    owner_.put_reply(reply);
    pop();
    deliver_ready();
    return;
  }
  request.reply.assign(reply);
  bytes_ += reply.size();
  // A wait that was granted is given up by name if its connection breaks before it is told.
  if (!request.may_wait) {
    bytes_ -= request.record.size();
    request.record.clear();
  }
}

void Requests::deliver_ready() {
  while (!ring_.empty() && ring_.front().state == Request::State::answered) {
    Request& request = ring_.front();
    if (request.may_wait && request.sent) remember_wait(ring_.begin());
    bytes_ -= request.record.size() + request.reply.size();
    owner_.put_reply(request.reply);
    pop();
  }
  owner_.on_progress();
}

void Requests::settle_error(std::uint64_t position, std::string_view text) {
  Request& request = ring_.at(position);
  if (request.kind != Request::Kind::plain) owner_.on_refused(request);
  if (text.starts_with("NOLEADER")) ++table_.metrics.not_done;
  settle(position, fmt::format("-{}\r\n", text));
}

void Requests::settle_unknown(std::uint64_t position, std::string_view why) {
  if (mutated(Mutation::unknown_told_not_done)) return settle_error(position, kRefusedAfterUnknown);
  ++table_.metrics.unknown;
  done_up_to_ = std::max(done_up_to_, position);
  refused_up_to_ = ring_.end() - 1;
  owner_.refuse_received();
  settle_error(position,
               fmt::format("UNKNOWN the command may have been done, or may still be done: {}. Look "
                           "before you repeat it; what runs under ONCE may be repeated as it is",
                           why));
  refuse_held();
}

void Requests::refuse_held() {
  while (held_ != 0 && first_held_ <= refused_up_to_) {
    settle_error(first_held_, kRefusedAfterUnknown);
  }
}

// ---- time

void Requests::sweep() {
  if (ring_.empty()) return;
  const Instant now = table_.now();
  const std::int64_t outcome_wait = table_.services.config().outcome_wait_ms;
  // What is under way was routed in the order of the ring.
  for (std::uint64_t i = ring_.begin(); i < ring_.end() && under_way_ != 0; ++i) {
    if (!ring_.contains(i)) continue;
    const Request& request = ring_.at(i);
    if (request.state != Request::State::under_way) continue;
    if (now - request.routed_at < milliseconds(outcome_wait)) break;
    if (request.write) {
      settle_unknown(i, fmt::format("no outcome came for {} ms", outcome_wait));
    } else {
      settle_error(i, no_answer_for(outcome_wait));
    }
  }
  pump();
  expire_held();
}

// Held commands whose time is over. They are in order, but each has its own beginning.
void Requests::expire_held() {
  if (held_ == 0) return;
  Services& services = table_.services;
  const Instant now = table_.now();
  const std::int64_t leader_wait = services.left() ? 0 : services.config().leader_wait_ms;
  // Behind commands that a living leader will judge, waiting is not for want of a leader.
  const bool hopeless = !services.leader() || under_way_ == 0;
  const bool in_pause = paused();
  for (std::uint64_t i = first_held_; i < ring_.end() && held_ != 0; ++i) {
    if (!ring_.contains(i) || ring_.at(i).state != Request::State::held) continue;
    Request& request = ring_.at(i);
    if (request.kind == Request::Kind::wait && request.deadline <= now) {
      settle(i, fmt::format(":{}\r\n", request.seen));
    } else if (request.held_since == Instant{}) {
      continue;
    } else if (in_pause) {
      request.held_since = now;  // a pause is no lack of a leader
    } else if (hopeless && now - request.held_since >= milliseconds(leader_wait) &&
               (request.kind != Request::Kind::wait || request.deadline == Instant::never())) {
      settle_error(i, services.left() ? std::string(kLeft) : no_leader_for(leader_wait));
    }
  }
}

bool Requests::paused() const {
  return held_ != 0 && table_.paused(ring_.at(first_held_).write);
}

bool Requests::unblock(std::string_view reply) {
  if (blocked_ == 0) return false;
  for (std::uint64_t i = ring_.begin(); i < ring_.end(); ++i) {
    Request& request = ring_.at(i);
    if (request.state != Request::State::blocked) continue;
    table_.drops.add(wait_at(i), table_.now());
    request.may_wait = false;  // given up just now
    settle(i, reply);
    return true;
  }
  return false;
}

// ---- waits whose connection breaks

LockWait Requests::wait_at(std::uint64_t position) {
  const Request& request = ring_.at(position);
  replica::CommandRecord record;
  const auto decoded = replica::decode_record(request.record, record);
  CHECK(decoded.ok(), "{}", decoded.error().message);
  const commands::Args inner = inner_command(record.commands.front());
  LockWait wait;
  wait.kind = commands::acquires(inner).value_or(keyspace::HoldingKind::lock);
  if (inner.size() > 1) wait.name = inner[1];
  wait.origin = origin_of(position, request.attempt);
  return wait;
}

void Requests::add_waits(std::vector<LockWait>& waits) {
  if (blocked_ == 0 || closed_) return;
  for (std::uint64_t i = ring_.begin(); i < ring_.end(); ++i) {
    const Request& request = ring_.at(i);
    if (request.state != Request::State::blocked) continue;
    waits.push_back(wait_at(i));
  }
}

void Requests::remember_wait(std::uint64_t position) {
  unsent_waits_.push_back(wait_at(position));
}

void Requests::close() {
  if (std::exchange(closed_, true)) return;
  if (!ring_.empty()) --table_.busy;
  const Instant due = table_.now() + milliseconds(table_.services.config().waiter_grace_ms);
  for (LockWait& wait : unsent_waits_) table_.drops.add(std::move(wait), due);
  unsent_waits_.clear();
  for (std::uint64_t i = ring_.begin(); i < ring_.end(); ++i) {
    Request& request = ring_.at(i);
    uncount(request);
    if (!request.may_wait || !request.sent || request.state == Request::State::held) continue;
    table_.drops.add(wait_at(i), due);
  }
}

}  // namespace holdfast::server

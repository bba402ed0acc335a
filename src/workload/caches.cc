#include "workload/caches.h"

#include <fmt/format.h>

#include <vector>

#include "workload/records.h"

namespace holdfast::workload {
namespace {

using resp::Reply;

// "v value", "l lease", "l lease stale", or nothing: somebody else fetches it.
std::optional<std::string> read_get(const Reply& reply) {
  if (reply.kind == Reply::Kind::null) return "";
  if (reply.kind == Reply::Kind::bulk) return "v " + reply.text;
  const auto* miss = record_number(reply, 0);
  const auto* lease = record_number(reply, 1);
  const Reply* stale = record_value(reply, 2);
  if (miss == nullptr || *miss != 1 || lease == nullptr || *lease <= 0 || stale == nullptr) {
    return std::nullopt;
  }
  const bool kept = stale->kind == Reply::Kind::bulk;
  if (!kept && stale->kind != Reply::Kind::null) return std::nullopt;
  return fmt::format("l {}{}{}", *lease, kept ? " " : "", kept ? stale->text : "");
}

}  // namespace

CacheTurn::Plan CacheTurn::draw(Prng& prng) {
  Plan plan;
  plan.lease_ms = prng.between(20, 400);
  plan.wait_ms = prng.below(3) == 0 ? 0 : prng.between(20, 1500);
  plan.stale_ms = prng.below(3) == 0 ? prng.between(20, 1500) : 0;
  // At times longer than the lease is good for.
  plan.fetching = milliseconds(prng.between(0, plan.lease_ms * 5 / 4));
  plan.fresh_ms = prng.between(20, 1000);
  plan.keep_ms = prng.below(2) == 0 ? prng.between(20, 1500) : 0;
  plan.dies = prng.below(6) == 0;
  return plan;
}

void CacheTurn::ask(Round& round) {
  open_ = true;
  std::vector<std::string> words;
  if (lease_.empty()) {
    words = {"CACHE.GET", key_, "LEASE", fmt::format("{}", plan_.lease_ms)};
    if (plan_.stale_ms > 0) words.insert(words.end(), {"STALE", fmt::format("{}", plan_.stale_ms)});
    if (plan_.wait_ms > 0) words.insert(words.end(), {"WAIT", fmt::format("{}", plan_.wait_ms)});
    which_ = journal_.begin(round.operation(
        Op::cache_get, key_,
        fmt::format("{} {} {}", plan_.lease_ms, plan_.wait_ms, plan_.stale_ms)));
  } else {
    words = {"CACHE.FILL", key_, lease_, value_, "PX", fmt::format("{}", plan_.fresh_ms)};
    if (plan_.keep_ms > 0) words.insert(words.end(), {"STALE", fmt::format("{}", plan_.keep_ms)});
    which_ = journal_.begin(round.operation(
        Op::cache_fill, key_,
        fmt::format("{} {} {} {}", lease_, value_, plan_.fresh_ms, plan_.keep_ms)));
  }
  round.add(std::move(words));
}

void CacheTurn::on_answer(const Answer& answer) {
  open_ = false;
  over_ = true;
  const bool filled = !lease_.empty();
  journal_.settle(which_, answer, filled ? read_one_or_zero : read_get);
  const Operation& got = journal_.at(which_);
  if (filled || got.ended != Ended::ok || field(got.ret, 0) != "l" || plan_.dies) return;
  lease_ = field(got.ret, 1);
  wake_at_ = answer.now + plan_.fetching;
  over_ = false;
}

void CacheTurn::hurry() {
  if (!lease_.empty() && !open_) over_ = true;
  plan_.dies = true;
}

void CacheTurn::finish(Instant now) {
  if (open_) journal_.end(which_, Ended::unknown, {}, now);
}

std::unique_ptr<Activity> use_cache(Journal& journal, Prng& prng, std::string key,
                                    std::string value) {
  const auto one = [&](Op op, std::string arg, std::vector<std::string> words, ReadAnswer read) {
    return std::make_unique<OneCommand>(journal, op, std::move(key), std::move(arg),
                                        std::move(words), read);
  };
  switch (prng.below(12)) {
    case 0:
      return one(Op::cache_put, value, {"SET", key, value}, read_ok);
    case 1:
      return one(Op::cache_drop, {}, {"DEL", key}, read_one_or_zero);
    case 2:
      return one(Op::cache_drop, {}, {"CACHE.INVALIDATE", key}, read_one_or_zero);
    default:
      return std::make_unique<CacheTurn>(journal, std::move(key), std::move(value),
                                         CacheTurn::draw(prng));
  }
}

}  // namespace holdfast::workload

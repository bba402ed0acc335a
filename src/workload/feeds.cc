#include "workload/feeds.h"

#include <fmt/format.h>

#include <vector>

namespace holdfast::workload {
namespace {

using resp::Reply;

// A record is a map in RESP3; in RESP2 it is the list of its values in order.
const Reply* value_at(const Reply& record, std::size_t number) {
  const bool map = record.kind == Reply::Kind::map;
  const std::size_t at = map ? 2 * number + 1 : number;
  return at < record.items.size() ? &record.items[at] : nullptr;
}

// "position revision:operation:key:value …"
std::optional<std::string> read_page(const Reply& reply) {
  const Reply* position = value_at(reply, 0);
  const Reply* changes = value_at(reply, 1);
  if (position == nullptr || position->kind != Reply::Kind::bulk || changes == nullptr ||
      changes->kind != Reply::Kind::array) {
    return std::nullopt;
  }
  std::string text = position->text;
  for (const Reply& change : changes->items) {
    const Reply* key = value_at(change, 0);
    const Reply* operation = value_at(change, 1);
    const Reply* value = value_at(change, 2);
    const Reply* revision = value_at(change, 3);
    if (revision == nullptr || revision->kind != Reply::Kind::integer) return std::nullopt;
    text += fmt::format(" {}:{}:{}:{}", revision->number, operation->text, key->text, value->text);
  }
  return text;
}

}  // namespace

void PairWrite::ask(Round& round) {
  const auto set = [&](std::string_view half) {
    std::vector<std::string> words = {"SET", key_ + std::string(half), value_};
    if (ttl_ms_ > 0) words.insert(words.end(), {"PX", fmt::format("{}", ttl_ms_)});
    round.add(std::move(words));
  };
  round.add({"MULTI"});
  set("a");
  set("b");
  which_ = journal_.begin(
      round.operation(Op::pair_write, key_, fmt::format("{} {}", value_, ttl_ms_)));
  asked_ = true;
  round.add({"EXEC"});
}

void PairWrite::on_answer(const Answer& answer) {
  if (--left_ > 0) return;
  journal_.settle(which_, answer, [](const Reply& reply) -> std::optional<std::string> {
    const bool done = reply.kind == Reply::Kind::array && reply.items.size() == 2 &&
                      read_ok(reply.items[0]) && read_ok(reply.items[1]);
    return done ? std::optional<std::string>("OK") : std::nullopt;
  });
}

void PairWrite::finish(Instant now) {
  if (asked_ && left_ > 0) journal_.end(which_, Ended::unknown, {}, now);
}

void FeedWatch::ask(Round& round) {
  pause_ = milliseconds(round.prng().between(0, 150));
  // Not in the history: whoever has read something knows that there is a feed.
  if (!declared_) return round.add({"FEED.DECLARE", prefix_, "RETAIN", "BYTES", "67108864"});
  asked_ = true;
  which_ = journal_.begin(round.operation(Op::feed_read, prefix_, position_));
  std::vector<std::string> words = {"FEED.READ", position_, "MATCH", prefix_, "COUNT",
                                    fmt::format("{}", round.prng().between(1, 12))};
  if (!hurried_ && round.prng().below(4) == 0) {
    words.insert(words.end(), {"BLOCK", fmt::format("{}", round.prng().between(1, 100))});
  }
  round.add(std::move(words));
}

void FeedWatch::on_answer(const Answer& answer) {
  wake_at_ = answer.now + pause_;
  if (!declared_) {
    declared_ = answer.meaning == Meaning::answered && read_ok(*answer.reply).has_value();
    if (answer.meaning == Meaning::nonsense) {
      journal_.problem(fmt::format("FEED.DECLARE was answered by {}", show(*answer.reply)));
    }
    over_ = !declared_ && hurried_;
    return;
  }
  asked_ = false;
  journal_.settle(which_, answer, read_page);
  const Operation& page = journal_.at(which_);
  if (page.ended != Ended::ok) return;
  position_ = field(page.ret, 0);
  const bool more = page.ret.find(' ') != std::string::npos;
  if (more) wake_at_ = answer.now;
  over_ = hurried_ && !more;
}

void FeedWatch::hurry() {
  hurried_ = true;
  over_ = !declared_ && !asked_;
}

void FeedWatch::finish(Instant now) {
  if (asked_) journal_.end(which_, Ended::failed, {}, now);
}

}  // namespace holdfast::workload

#include "server/kept_sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "commands/session_commands.h"
#include "replica/command_record.h"
#include "resp/number.h"

namespace holdfast::server {
namespace {

// So many words are under way at once; with a million sessions a turn stays short all the same.
constexpr std::size_t kBatchesAtOnce = 8;
constexpr Duration kRefusedPause = milliseconds(20);  // no leader, or it was busy
constexpr Duration kSilentPause = milliseconds(500);  // routed, and nothing was heard
constexpr Duration kShortestInterval = milliseconds(10);

Duration interval_of(std::int64_t left_ms) {
  // A day is often enough, whatever the TTL.
  constexpr std::int64_t kLongestMs = 24 * 60 * 60 * 1000;
  return std::max(milliseconds(std::min(left_ms, kLongestMs) / 3), kShortestInterval);
}

// The numbers of "*2\r\n:1\r\n:-1\r\n"; as many as make sense.
std::vector<std::int64_t> numbers_of(std::string_view reply) {
  std::vector<std::int64_t> numbers;
  std::size_t at = reply.starts_with('*') ? reply.find("\r\n") : std::string_view::npos;
  while (at != std::string_view::npos && at + 2 < reply.size()) {
    const std::size_t begin = at + 2;
    at = reply.find("\r\n", begin);
    std::int64_t number = 0;
    if (at == std::string_view::npos || reply[begin] != ':' ||
        !resp::parse_integer(reply.substr(begin + 1, at - begin - 1), number)) {
      break;
    }
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

void KeptSessions::attach(std::uint64_t id, std::int64_t left_ms) {
  const auto [found, fresh] = kept_.try_emplace(id);
  Kept& kept = found->second;
  ++kept.connections;
  if (!fresh) return;
  kept.interval = interval_of(left_ms);
  schedule(id, kept, services_.now() + kept.interval);
}

void KeptSessions::detach(std::uint64_t id) {
  const auto found = kept_.find(id);
  if (found == kept_.end() || --found->second.connections != 0) return;
  order_.erase({found->second.next, id});
  kept_.erase(found);
}

void KeptSessions::schedule(std::uint64_t id, Kept& kept, Instant next) {
  order_.erase({kept.next, id});
  kept.next = next;
  order_.emplace(next, id);
}

void KeptSessions::on_outcome(std::uint64_t number, replica::Verdict verdict,
                              std::string_view reply) {
  const auto found = batches_.find(number);
  if (found == batches_.end()) return;
  const Batch batch = std::move(found->second);
  batches_.erase(found);
  const Instant now = services_.now();
  const auto numbers =
      verdict == replica::Verdict::answered ? numbers_of(reply) : std::vector<std::int64_t>{};
  if (numbers.size() != batch.ids.size()) return ask_again(batch, now + kRefusedPause);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto kept = kept_.find(batch.ids[i]);
    if (kept == kept_.end()) continue;
    if (numbers[i] >= 0) {
      schedule(batch.ids[i], kept->second, now + kept->second.interval);
    } else if (numbers[i] == commands::kEndOnItsWay) {
      schedule(batch.ids[i], kept->second, now + kRefusedPause);
    } else {
      order_.erase({kept->second.next, batch.ids[i]});
      kept_.erase(kept);  // it has ended
    }
  }
}

void KeptSessions::ask_again(const Batch& batch, Instant when) {
  for (const std::uint64_t id : batch.ids) {
    const auto kept = kept_.find(id);
    if (kept != kept_.end()) schedule(id, kept->second, when);
  }
}

void KeptSessions::on_turn_end(Instant now) {
  for (auto at = batches_.begin(); at != batches_.end();) {
    if (at->second.given_up > now) {
      ++at;
      continue;
    }
    ask_again(at->second, now);
    at = batches_.erase(at);
  }
  if (now < not_before_) return;
  while (!order_.empty() && order_.begin()->first <= now && batches_.size() < kBatchesAtOnce) {
    std::vector<std::uint64_t> ids;
    for (auto at = order_.begin(); at != order_.end() && at->first <= now; ++at) {
      if (ids.size() == commands::kKeptAtOnce) break;
      ids.push_back(at->second);
    }
    const std::uint64_t number = --next_number_;
    if (!send(ids, number)) {
      not_before_ = now + kRefusedPause;
      return;
    }
    const Instant given_up = now + kSilentPause;
    for (const std::uint64_t id : ids) schedule(id, kept_[id], Instant::never());
    batches_.emplace(number, Batch{std::move(ids), given_up});
  }
}

bool KeptSessions::send(const std::vector<std::uint64_t>& ids, std::uint64_t number) {
  std::vector<std::string> texts;
  for (const std::uint64_t id : ids) texts.push_back(fmt::to_string(id));
  std::vector<std::string_view> words = {"_SESSION.KEEP"};
  words.insert(words.end(), texts.begin(), texts.end());
  const Origin self{services_.self(), services_.incarnation(), kConnection, number};
  std::string record;
  replica::encode_command(0, self, words, record);
  return services_.route(record, false, services_.leader_epoch()) == Services::Routed::sent;
}

Instant KeptSessions::wake_at() const {
  Instant soonest = Instant::never();
  if (!order_.empty() && batches_.size() < kBatchesAtOnce) {
    soonest = order_.begin()->first;
    if (soonest != Instant::never()) soonest = std::max(soonest, not_before_);
  }
  for (const auto& [number, batch] : batches_) soonest = std::min(soonest, batch.given_up);
  return soonest;
}

}  // namespace holdfast::server

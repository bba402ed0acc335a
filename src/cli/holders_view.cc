#include "cli/holders_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace holdfast::cli {
namespace {

// Where INFO has what, in RESP2. Below level 3 a lock has neither holders nor losses to tell of.
struct Places {
  std::size_t last_token, holders, waiters, losses;
};

constexpr Places places_of(Held kind) {
  switch (kind) {
    case Held::semaphore:
      return {2, 3, 4, 5};
    case Held::election:
      return {5, 0, 6, 7};
    case Held::lock:
      break;
  }
  return {7, 10, 8, 12};
}

std::uint64_t number(const std::vector<Value>& items, std::size_t at) {
  return at < items.size() && items[at].integer > 0 ? static_cast<std::uint64_t>(items[at].integer)
                                                    : 0;
}

std::string text(const std::vector<Value>& items, std::size_t at) {
  return at < items.size() ? items[at].text : std::string();
}

const std::vector<Value>& list(const std::vector<Value>& items, std::size_t at) {
  static const std::vector<Value> kNone;
  return at < items.size() ? items[at].items : kNone;
}

// {owner, token, ttl, since, …}, of a semaphore {owner, token, permits, ttl, since}.
Holder read_holder(Held kind, const std::vector<Value>& fields, std::uint64_t fence) {
  const bool semaphore = kind == Held::semaphore;
  return {.owner = text(fields, 0),
          .token = number(fields, 1),
          .fence = fence,
          .permits = semaphore ? number(fields, 2) : 0,
          .since_ms = static_cast<std::int64_t>(number(fields, semaphore ? 4 : 3))};
}

std::vector<Holder> read_holders(Held kind, const std::vector<Value>& fields) {
  std::vector<Holder> holders;
  const auto& listed = kind == Held::election ? list({}, 0) : list(fields, places_of(kind).holders);
  const std::uint64_t fence = kind == Held::lock ? number(fields, 3) : 0;
  for (const Value& one : listed) holders.push_back(read_holder(kind, one.items, fence));
  // {held, owner, token, …}: an election, or a lock of a cluster that tells of one holder.
  const bool alone = kind != Held::semaphore && listed.empty() && number(fields, 0) == 1;
  if (!alone) return holders;
  const std::size_t since = kind == Held::lock ? 5 : 4;
  holders.push_back({.owner = text(fields, 1),
                     .token = number(fields, 2),
                     .fence = fence,
                     .since_ms = static_cast<std::int64_t>(number(fields, since))});
  return holders;
}

std::optional<std::uint64_t> take_token(std::string_view& words) {
  std::uint64_t token = 0;
  const auto [end, failed] = std::from_chars(words.data(), words.data() + words.size(), token);
  if (failed != std::errc() || end == words.data() + words.size() || *end != ' ') {
    return std::nullopt;
  }
  words.remove_prefix(static_cast<std::size_t>(end - words.data()) + 1);
  return token;
}

}  // namespace

Result<Sight> read_sight(Held kind, const Value& answer) {
  Sight sight;
  if (answer.is_null()) return sight;
  const Places places = places_of(kind);
  if (answer.kind != Value::Kind::list || answer.items.size() <= places.waiters) {
    return Error{fmt::format("the answer to {} is none that this tool knows", info_command(kind))};
  }
  const std::vector<Value>& fields = answer.items;
  sight.holders = read_holders(kind, fields);
  sight.last_token = number(fields, places.last_token);
  sight.waiters = list(fields, places.waiters).size();
  for (const Value& loss : list(fields, places.losses)) {
    sight.losses.push_back({.owner = text(loss.items, 0),
                            .token = number(loss.items, 1),
                            .reason = text(loss.items, 2),
                            .when_ms = static_cast<std::int64_t>(number(loss.items, 3))});
  }
  return sight;
}

// ---- locks and semaphores

std::vector<HolderEvent> HoldersView::update(const Sight& sight) {
  std::vector<HolderEvent> events;
  std::set<std::uint64_t> losses;
  for (const HolderLoss& loss : sight.losses) {
    losses.insert(loss.token);
    const bool ours = holders_.erase(loss.token) != 0;
    if (!ours && (!begun_ || losses_.contains(loss.token))) continue;
    events.push_back({.event = "lost",
                      .owner = loss.owner,
                      .token = loss.token,
                      .reason = loss.reason,
                      .when_ms = loss.when_ms});
  }
  std::map<std::uint64_t, Holder> now;
  for (const Holder& holder : sight.holders) now.emplace(holder.token, holder);
  for (const auto& [token, holder] : holders_) {
    if (now.contains(token)) continue;
    events.push_back({.event = "released",
                      .owner = holder.owner,
                      .token = token,
                      .fence = holder.fence,
                      .permits = holder.permits});
  }
  // In the order in which they had it.
  std::sort(events.begin(), events.end(),
            [](const HolderEvent& a, const HolderEvent& b) { return a.token < b.token; });
  for (const auto& [token, holder] : now) {
    if (holders_.contains(token)) continue;
    events.push_back({.event = "held",
                      .owner = holder.owner,
                      .token = token,
                      .fence = holder.fence,
                      .permits = holder.permits,
                      .when_ms = holder.since_ms});
  }
  if (!begun_ && now.empty()) events.push_back({.event = "free", .token = sight.last_token});
  begun_ = true;
  holders_ = std::move(now);
  losses_ = std::move(losses);
  return events;
}

// ---- elections

std::vector<HolderEvent> ElectionView::tell(HolderEvent event, std::uint64_t rank) {
  if (begun_ && rank <= rank_) return {};
  begun_ = true;
  rank_ = rank;
  return {std::move(event)};
}

std::vector<HolderEvent> ElectionView::update(const Sight& sight) {
  if (!sight.holders.empty()) {
    const Holder& leader = sight.holders.front();
    return tell({.event = "elected",
                 .owner = leader.owner,
                 .token = leader.token,
                 .when_ms = leader.since_ms},
                rank(leader.token, false));
  }
  HolderEvent event{.event = "vacant", .token = sight.last_token};
  for (const HolderLoss& loss : sight.losses) {
    if (loss.token != sight.last_token) continue;
    event.reason = loss.reason;
    event.when_ms = loss.when_ms;
  }
  return tell(std::move(event), rank(sight.last_token, true));
}

std::vector<HolderEvent> ElectionView::hear(std::string_view message) {
  const bool elected = message.starts_with("elected ");
  if (!elected && !message.starts_with("vacant ")) return {};
  message.remove_prefix(message.find(' ') + 1);
  const auto token = take_token(message);
  if (!token) return {};
  HolderEvent event{.event = elected ? "elected" : "vacant", .token = *token};
  (elected ? event.owner : event.reason) = message;
  return tell(std::move(event), rank(*token, !elected));
}

}  // namespace holdfast::cli

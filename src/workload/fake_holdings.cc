#include "workload/fake_holdings.h"

#include <algorithm>

#include "workload/fake_store.h"

namespace holdfast::workload {

using resp::Reply;

bool FakeHoldings::knows(const Words& words) {
  if (words[0].starts_with("LOCK.")) return words[1][0] == 'q' || words[1][0] == 'y';
  return words[0].starts_with("SEM.") || words[0].starts_with("ELECT.");
}

FakeHoldings::Asking FakeHoldings::read(const Words& words) {
  Asking asking;
  asking.owner = words[2];
  for (std::size_t i = 3; i < words.size(); i += 2) {
    if (words[i] == "SHARED") {
      asking.shared = true;
      --i;
      continue;
    }
    const std::string& value = words[i + 1];
    if (words[i] == "TTL") asking.ttl_ms = fake_number(value);
    if (words[i] == "SESSION") asking.session = value;
    if (words[i] == "WAIT") asking.wait_ms = fake_number(value);
    if (words[i] == "HOLD") asking.hold = value;
    if (words[i] == "DELAY") asking.delay_ms = fake_number(value);
    if (words[i] == "PERMITS") asking.permits = fake_number(value);
    if (words[i] == "LIMIT") asking.limit = fake_number(value);
  }
  return asking;
}

bool FakeHoldings::fits(const Thing& thing, const Asking& asking) const {
  if (thing.closed_until >= now_ && thing.closed_until != Instant()) return false;
  if (thing.kind == 'S') {
    std::int64_t used = asking.permits;
    for (const Held& held : thing.held) used += held.asked.permits;
    return used <= thing.limit;
  }
  return thing.held.empty() || (asking.shared && thing.held.front().asked.shared);
}

std::optional<Reply> FakeHoldings::run(const Words& words, Ticket ticket) {
  const std::string verb = words[0].substr(words[0].find('.') + 1);
  Thing& thing = things_[words[0].substr(0, 1) + words[1]];
  thing.kind = words[0][0];
  if (verb == "ACQUIRE" || verb == "CAMPAIGN") return acquire(thing, words, ticket);
  if (verb == "INFO") return look(thing);
  if (verb == "FORCE") return force(thing);
  const std::int64_t token = fake_number(words[2]);
  if (verb == "LIMIT") {
    thing.limit = token;
    let_in(thing);
    return fake_simple("OK");
  }
  const auto held = std::find_if(thing.held.begin(), thing.held.end(),
                                 [&](const Held& one) { return one.token == token; });
  const bool current = held != thing.held.end();
  if (verb == "CHECK") return fake_integer(current ? 1 : 0);
  if (verb == "RENEW" && current) {
    held->ends = now_ + milliseconds(fake_number(words[4]));
    held->told = 0;
    return fake_integer(fake_number(words[4]));
  }
  if (verb == "RELEASE" || verb == "RESIGN") return release(thing, token, words);
  return fake_error("LOST");
}

std::optional<Reply> FakeHoldings::acquire(Thing& thing, const Words& words, Ticket ticket) {
  Asking asking = read(words);
  if (thing.limit == 0) thing.limit = asking.limit;
  if (thing.kind == 'S' && thing.limit != asking.limit) {
    return fake_error("MISMATCH it has the limit " + std::to_string(thing.limit) + ", not that");
  }
  for (Held& held : thing.held) {
    if (held.asked.owner != asking.owner) continue;
    if (held.asked.permits != asking.permits) return fake_error("MISMATCH other permits");
    if (std::find(held.holds.begin(), held.holds.end(), asking.hold) == held.holds.end()) {
      held.holds.push_back(asking.hold);
    }
    held.told = 0;
    return granted(thing, held);
  }
  if (thing.queue.empty() && fits(thing, asking)) return granted(thing, grant(thing, asking));
  if (asking.wait_ms == 0) return Reply{};
  asking.ends = now_ + milliseconds(asking.wait_ms);
  asking.ticket = ticket;
  const auto place = std::find_if(thing.queue.begin(), thing.queue.end(), [&](const Asking& one) {
    return one.owner == asking.owner;
  });
  if (place == thing.queue.end()) {
    asking.queued_at = ++revision_;
    thing.queue.push_back(std::move(asking));
  } else {
    completed.emplace_back(place->ticket, Reply{});
    asking.queued_at = place->queued_at;
    *place = std::move(asking);
    let_in(thing);
  }
  return std::nullopt;
}

Reply FakeHoldings::release(Thing& thing, std::int64_t token, const Words& words) {
  for (std::size_t i = 0; i < thing.held.size(); ++i) {
    Held& held = thing.held[i];
    if (held.token != token) continue;
    if (words.size() == 5) std::erase(held.holds, words[4]);
    if (words.size() == 5 && !held.holds.empty()) return fake_integer(1);
    thing.released = token;
    end(thing, i, false);
    let_in(thing);
    return fake_integer(1);
  }
  return token == thing.released ? fake_integer(1) : fake_error("LOST");
}

Reply FakeHoldings::force(Thing& thing) {
  const std::size_t count = thing.held.size();
  if (count == 0) thing.closed_until = {};
  while (!thing.held.empty()) end(thing, 0, true);
  thing.last = ++revision_;
  let_in(thing);
  return fake_integer(static_cast<std::int64_t>(count));
}

FakeHoldings::Held& FakeHoldings::grant(Thing& thing, const Asking& asking) {
  Held held;
  held.asked = asking;
  held.token = thing.last = ++revision_;
  held.fence = asking.shared && !thing.held.empty() ? thing.fence : held.token;
  thing.fence = held.fence;
  held.holds = {asking.hold};
  held.ends = asking.session.empty() ? now_ + milliseconds(asking.ttl_ms) : Instant::never();
  thing.held.push_back(std::move(held));
  return thing.held.back();
}

void FakeHoldings::let_in(Thing& thing) {
  while (!thing.queue.empty() && fits(thing, thing.queue.front())) {
    const Asking first = thing.queue.front();
    thing.queue.pop_front();
    Held& held = grant(thing, first);
    held.told = first.ticket;
    completed.emplace_back(first.ticket, granted(thing, held));
  }
}

void FakeHoldings::end(Thing& thing, std::size_t which, bool failed) {
  const std::int64_t delay_ms = thing.held[which].asked.delay_ms;
  if (failed && delay_ms > 0) {
    thing.closed_until = std::max(thing.closed_until, now_ + milliseconds(delay_ms));
  }
  thing.held.erase(thing.held.begin() + static_cast<std::ptrdiff_t>(which));
}

void FakeHoldings::advance(Instant now) {
  now_ = now;
  for (auto& [name, thing] : things_) {
    for (std::size_t i = 0; i < thing.queue.size();) {
      if (thing.queue[i].ends >= now_) {
        ++i;
        continue;
      }
      completed.emplace_back(thing.queue[i].ticket, Reply{});
      thing.queue.erase(thing.queue.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (std::size_t i = 0; i < thing.held.size();) {
      if (thing.held[i].ends < now_) {
        end(thing, i, true);
      } else {
        ++i;
      }
    }
    let_in(thing);
  }
}

Instant FakeHoldings::next_due() const {
  Instant due = Instant::never();
  for (const auto& [name, thing] : things_) {
    for (const Held& held : thing.held) due = std::min(due, held.ends);
    for (const Asking& waiter : thing.queue) due = std::min(due, waiter.ends);
    if (thing.closed_until >= now_ && !thing.queue.empty()) due = std::min(due, thing.closed_until);
  }
  return due == Instant::never() ? due : due + nanoseconds(1);
}

void FakeHoldings::drop(Ticket ticket) {
  for (auto& [name, thing] : things_) {
    std::erase_if(thing.queue, [&](const Asking& waiter) { return waiter.ticket == ticket; });
    for (std::size_t i = 0; i < thing.held.size(); ++i) {
      if (thing.held[i].told == ticket) end(thing, i, true);
    }
    let_in(thing);
  }
}

void FakeHoldings::end_session(const std::string& id) {
  for (auto& [name, thing] : things_) {
    for (const Asking& waiter : thing.queue) {
      if (waiter.session == id) completed.emplace_back(waiter.ticket, Reply{});
    }
    std::erase_if(thing.queue, [&](const Asking& waiter) { return waiter.session == id; });
    std::erase_if(thing.held, [&](const Held& held) { return held.asked.session == id; });
    let_in(thing);
  }
}

// ---- answers

Reply FakeHoldings::granted(const Thing& thing, const Held& held) const {
  const Reply ttl = fake_integer(held.ends == Instant::never() ? -1 : (held.ends - now_).ms());
  if (thing.kind == 'S') {
    return record({{"token", fake_integer(held.token)},
                   {"ttl", ttl},
                   {"permits", fake_integer(held.asked.permits)}});
  }
  if (thing.kind == 'E') {
    return record({{"token", fake_integer(held.token)},
                   {"ttl", ttl},
                   {"candidate", fake_bulk(held.asked.owner)}});
  }
  return record({{"token", fake_integer(held.token)},
                 {"ttl", ttl},
                 {"fence", fake_integer(held.fence)},
                 {"mode", fake_bulk(held.asked.shared ? "shared" : "exclusive")}});
}

// As far as the workload looks.
Reply FakeHoldings::look(const Thing& thing) const {
  if (thing.last == 0) return Reply{};
  std::vector<Reply> waiters;
  for (const Asking& waiter : thing.queue) {
    waiters.push_back(record({{"owner", fake_bulk(waiter.owner)},
                              {"queued_at", fake_integer(waiter.queued_at)},
                              {"ttl", fake_integer((waiter.ends - now_).ms())}}));
  }
  const Reply none = fake_integer(0);
  const std::string owner = thing.held.empty() ? "" : thing.held.front().asked.owner;
  const Reply token = fake_integer(thing.held.empty() ? 0 : thing.held.front().token);
  const Reply queue = fake_array(std::move(waiters));
  if (thing.kind == 'S') {
    return record({{"limit", fake_integer(thing.limit)},
                   {"used", none},
                   {"last_token", fake_integer(thing.last)},
                   {"holders", fake_array({})},
                   {"waiters", queue}});
  }
  if (thing.kind == 'E') {
    return record({{"held", none},
                   {"candidate", fake_bulk(owner)},
                   {"token", token},
                   {"ttl", none},
                   {"since", none},
                   {"last_token", fake_integer(thing.last)},
                   {"candidates", queue}});
  }
  return record({{"held", none},
                 {"owner", fake_bulk(owner)},
                 {"token", token},
                 {"fence", token},
                 {"ttl", none},
                 {"since", none},
                 {"value", fake_bulk("")},
                 {"last_token", fake_integer(thing.last)},
                 {"waiters", queue}});
}

}  // namespace holdfast::workload

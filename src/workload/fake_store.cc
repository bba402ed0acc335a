#include "workload/fake_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::workload {

using resp::Reply;

// ---- time

void FakeStore::advance(Instant now) {
  now_ = now;
  for (auto& [key, value] : values_) {
    if (value.ends < now_ && !value.text.empty()) set(key, "");
  }
  while (!tenancies_.empty()) {
    const auto due = std::find_if(tenancies_.begin(), tenancies_.end(),
                                  [&](const auto& one) { return one.second.ends < now_; });
    if (due == tenancies_.end()) break;
    end(std::string(due->first));
  }
  for (auto& [name, lock] : locks_) {
    for (std::size_t i = 0; i < lock.queue.size();) {
      if (lock.queue[i].ends >= now_) {
        ++i;
        continue;
      }
      completed_.emplace_back(lock.queue[i].ticket, Reply{});
      lock.queue.erase(lock.queue.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (!lock.owner.empty() && lock.ends < now_) hand_over(lock);
  }
  for (auto& [name, latch] : latches_) {
    std::erase_if(latch.queue, [&](const Waiter& waiter) {
      if (waiter.ends >= now_) return false;
      completed_.emplace_back(waiter.ticket, fake_integer(0));
      return true;
    });
  }
  holdings_.advance(now_);
  caches_.advance(now_);
}

Instant FakeStore::next_due() const {
  Instant due = Instant::never();
  for (const auto& [key, value] : values_) {
    if (!value.text.empty()) due = std::min(due, value.ends);
  }
  for (const auto& [id, tenancy] : tenancies_) due = std::min(due, tenancy.ends);
  for (const auto& [name, lock] : locks_) {
    if (!lock.owner.empty()) due = std::min(due, lock.ends);
    for (const Waiter& waiter : lock.queue) due = std::min(due, waiter.ends);
  }
  for (const auto& [name, latch] : latches_) {
    for (const Waiter& waiter : latch.queue) due = std::min(due, waiter.ends);
  }
  if (due != Instant::never()) due = due + nanoseconds(1);
  return std::min({due, holdings_.next_due(), caches_.next_due()});
}

std::vector<std::pair<FakeStore::Ticket, Reply>> FakeStore::take_completed() {
  auto completed = std::exchange(completed_, {});
  for (auto& one : std::exchange(holdings_.completed, {})) completed.push_back(std::move(one));
  for (auto& one : std::exchange(caches_.completed, {})) completed.push_back(std::move(one));
  return completed;
}

// ---- commands

std::optional<Reply> FakeStore::run(Session& session, const Words& words, Ticket ticket) {
  const std::string& name = words.front();
  if (name == "EXEC") return exec(session);
  if (session.in_transaction) {
    session.queue.push_back(words);
    return fake_simple("QUEUED");
  }
  if (name == "MULTI") {
    session.in_transaction = true;
    return fake_simple("OK");
  }
  if (name == "WATCH") {
    session.watched.emplace(words[1], revisions_[words[1]]);
    return fake_simple("OK");
  }
  if (name == "UNWATCH") {
    session.watched.clear();
    return fake_simple("OK");
  }
  if (FakeHoldings::knows(words)) {
    const auto by = std::find(words.begin(), words.end(), "SESSION");
    if (by != words.end() && !tenancies_.contains(*std::next(by))) return fake_error("LOST");
    return holdings_.run(words, ticket);
  }
  if (FakeCaches::knows(words)) return caches_.run(words, ticket);
  if (name.starts_with("LOCK.")) return run_lock(words, ticket);
  if (name.starts_with("SESSION.")) return run_session(session, words);
  if (name.starts_with("LATCH.")) return run_latch(words, ticket);
  return run_plain(words);
}

Reply FakeStore::exec(Session& session) {
  const bool changed =
      std::any_of(session.watched.begin(), session.watched.end(),
                  [&](const auto& one) { return revisions_[one.first] != one.second; });
  std::vector<Reply> answers;
  const std::size_t before = feed_.size();
  for (const Words& words : session.queue) {
    if (!changed) answers.push_back(run_plain(words));
  }
  for (std::size_t i = before; i < feed_.size(); ++i) feed_[i].group = revision_;
  session = Session();
  return changed ? Reply{} : fake_array(std::move(answers));
}

Reply FakeStore::run_plain(const Words& words) {
  const std::string& name = words[0];
  if (name == "GET") return get(words[1]).empty() ? Reply{} : fake_bulk(get(words[1]));
  if (name == "DEL") {
    const bool there = !get(words[1]).empty();
    if (there) set(words[1], "");
    return fake_integer(there ? 1 : 0);
  }
  if (name == "INCRBY") {
    set(words[1], fmt::format("{}", fake_number(get(words[1])) + fake_number(words[2])));
    return fake_integer(fake_number(get(words[1])));
  }
  if (name == "APPEND") {
    set(words[1], get(words[1]) + words[2]);
    return fake_integer(static_cast<std::int64_t>(get(words[1]).size()));
  }
  if (name == "SET") {
    const bool ends = words.size() == 5;
    set(words[1], words[2], ends ? now_ + milliseconds(fake_number(words[4])) : Instant::never());
    return fake_simple("OK");
  }
  if (name == "ONCE") {
    const auto known = once_.find(words[1]);
    if (known != once_.end()) return known->second;
    return once_[words[1]] = run_plain({words.begin() + 2, words.end()});
  }
  if (name == "REV") {
    const auto modified = get(words[1]).empty() ? 0 : revisions_[words[1]];
    return record({{"created", fake_integer(0)},
                   {"modified", fake_integer(static_cast<std::int64_t>(modified))}});
  }
  if (name == "IFREV") {
    const auto modified = get(words[1]).empty() ? 0 : revisions_[words[1]];
    if (static_cast<std::int64_t>(modified) != fake_number(words[2])) return fake_error("CHANGED");
    return run_plain({words.begin() + 3, words.end()});
  }
  if (name == "CL.THROTTLE") return throttle(words);
  if (name == "FEED.READ") return read_feed(words);
  if (name == "FEED.DECLARE") {
    feed_declared_ = true;
    return fake_simple("OK");
  }
  if (name == "LATCH.SET") {
    latches_[words[1]] = {fake_number(words[2]), {}, {}};
    return fake_integer(1);
  }
  if (name == "GUARD") {
    const Lock& lock = locks_[words[1]];
    if (lock.owner.empty() || lock.token != fake_number(words[2])) return fake_error("FENCED");
    return run_plain({words.begin() + 3, words.end()});
  }
  return fake_error("ERR unknown command " + name);
}

void FakeStore::set(const std::string& key, std::string text, Instant ends) {
  values_[key] = {std::move(text), ends};
  revisions_[key] = static_cast<std::uint64_t>(++revision_);
  if (!feed_declared_ || !key.starts_with("w")) return;
  const std::string& value = values_[key].text;
  feed_.push_back({revision_, value.empty() ? "expired" : "set", key, value, revision_});
}

std::string FakeStore::get(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? "" : found->second.text;
}

std::map<std::string, std::string, std::less<>> FakeStore::values() const {
  std::map<std::string, std::string, std::less<>> values;
  for (const auto& [key, value] : values_) {
    if (!value.text.empty()) values[key] = value.text;
  }
  return values;
}

// ---- sessions

void FakeStore::end(const std::string& id) {
  for (const std::string& key : tenancies_.at(id).keys) set(key, "");
  tenancies_.erase(id);
  holdings_.end_session(id);
}

Reply FakeStore::run_session(Session& session, const Words& words) {
  const std::string& name = words[0];
  if (name == "SESSION.OPEN") {
    const std::int64_t ttl_ms = fake_number(words[2]);
    tenancies_[fmt::format("{}", ++revision_)] = {ttl_ms, now_ + milliseconds(ttl_ms), {}};
    return fake_integer(revision_);
  }
  const std::string& id = words[1];
  const auto found = tenancies_.find(id);
  const bool there = found != tenancies_.end();
  if (name == "SESSION.DETACH") return fake_integer(session.attached.erase(id) != 0 ? 1 : 0);
  if (name == "SESSION.CLOSE") {
    if (there) end(id);
    return fake_integer(there ? 1 : 0);
  }
  if (!there) return fake_error("LOST");
  if (name == "SESSION.BIND") {
    return fake_integer(found->second.keys.insert(words[2]).second ? 1 : 0);
  }
  if (name == "SESSION.ATTACH") session.attached.insert(id);
  found->second.ends = now_ + milliseconds(found->second.ttl_ms);
  return fake_integer(found->second.ttl_ms);
}

// ---- limits and latches

Reply FakeStore::throttle(const Words& words) {
  const std::int64_t limit = fake_number(words[2]) + 1;
  const std::int64_t interval =
      (fake_number(words[4]) * 1'000'000'000 - 1) / fake_number(words[3]) + 1;
  const std::int64_t quantity = fake_number(words[5]);
  Instant& full_at = full_at_[words[1]];
  const Instant after = std::max(full_at, now_) + nanoseconds(interval * quantity);
  const std::int64_t ahead = (after - now_).ns - interval * limit;
  const bool limited = quantity > 0 && ahead > 0;
  if (!limited) full_at = after;
  const std::int64_t full_after = std::max<std::int64_t>(0, (full_at - now_).ns);
  const auto seconds_up = [](std::int64_t ns) { return (ns + 999'999'999) / 1'000'000'000; };
  return fake_array(
      {fake_integer(limited ? 1 : 0), fake_integer(limit),
       fake_integer(std::max<std::int64_t>(0, limit - (full_after + interval - 1) / interval)),
       fake_integer(limited && quantity <= limit ? seconds_up(ahead) : -1),
       fake_integer(seconds_up(full_after))});
}

Reply FakeStore::read_feed(const Words& words) const {
  const std::int64_t after = words[1] == "0" ? 0 : fake_number(words[1].substr(1));
  const auto count = static_cast<std::size_t>(fake_number(words[5]));
  std::vector<Reply> changes;
  std::int64_t position = revision_;
  for (std::size_t i = 0; i < feed_.size(); ++i) {
    const Change& change = feed_[i];
    if (change.group <= after) continue;
    const bool begins = i == 0 || feed_[i - 1].group != change.group;
    if (begins && changes.size() >= count) {
      position = feed_[i - 1].group;
      break;
    }
    changes.push_back(record({{"key", fake_bulk(change.key)},
                              {"operation", fake_bulk(change.operation)},
                              {"value", change.value.empty() ? Reply{} : fake_bulk(change.value)},
                              {"revision", fake_integer(change.revision)}}));
  }
  return record({{"position", fake_bulk(fmt::format("r{}", position))},
                 {"changes", fake_array(std::move(changes))}});
}

std::optional<Reply> FakeStore::run_latch(const Words& words, Ticket ticket) {
  Latch& latch = latches_[words[1]];
  if (words[0] == "LATCH.WAIT") {
    if (latch.left == 0) return fake_integer(1);
    latch.queue.push_back({"", 0, 0, now_ + milliseconds(fake_number(words[3])), ticket});
    return std::nullopt;
  }
  if (latch.left > 0 && latch.owners.insert(words[3]).second) --latch.left;
  if (latch.left == 0) {
    for (const Waiter& waiter : latch.queue) {
      completed_.emplace_back(waiter.ticket, fake_integer(1));
    }
    latch.queue.clear();
  }
  return fake_integer(latch.left);
}

// ---- locks

std::optional<Reply> FakeStore::run_lock(const Words& words, Ticket ticket) {
  const std::string& name = words[0];
  Lock& lock = locks_[words[1]];
  if (name == "LOCK.ACQUIRE") return acquire(lock, words, ticket);
  if (name == "LOCK.INFO") return look(lock);
  const std::int64_t token = fake_number(words[2]);
  const bool current = !lock.owner.empty() && lock.token == token;
  if (name == "LOCK.CHECK") return fake_integer(current ? 1 : 0);
  if (name == "LOCK.RENEW" && current) {
    lock.ends = now_ + milliseconds(fake_number(words[4]));
    lock.told = 0;
    return fake_integer(fake_number(words[4]));
  }
  if (name == "LOCK.RELEASE" && current) {
    lock.released = token;
    hand_over(lock);
    return fake_integer(1);
  }
  if (name == "LOCK.RELEASE" && token == lock.released) return fake_integer(1);
  return fake_error("LOST");
}

std::optional<Reply> FakeStore::acquire(Lock& lock, const Words& words, Ticket ticket) {
  const std::string& owner = words[2];
  if (lock.owner.empty()) grant(lock, owner, fake_number(words[4]));
  if (lock.owner == owner) {
    lock.told = 0;
    return granted(lock);
  }
  if (words.size() < 7) return Reply{};
  const Instant ends = now_ + milliseconds(fake_number(words[6]));
  const auto place = std::find_if(lock.queue.begin(), lock.queue.end(),
                                  [&](const Waiter& waiter) { return waiter.owner == owner; });
  if (place == lock.queue.end()) {
    lock.queue.push_back({owner, fake_number(words[4]), ++revision_, ends, ticket});
  } else {
    completed_.emplace_back(place->ticket, Reply{});
    place->ends = ends;
    place->ticket = ticket;
  }
  return std::nullopt;
}

void FakeStore::grant(Lock& lock, std::string owner, std::int64_t ttl_ms) {
  lock.owner = std::move(owner);
  lock.token = ++revision_;
  lock.ends = now_ + milliseconds(ttl_ms);
  lock.told = 0;
}

void FakeStore::hand_over(Lock& lock) {
  lock.owner.clear();
  if (lock.queue.empty()) return;
  const Waiter first = lock.queue.front();
  lock.queue.pop_front();
  grant(lock, first.owner, first.ttl_ms);
  lock.told = first.ticket;
  completed_.emplace_back(first.ticket, granted(lock));
}

void FakeStore::drop(Ticket ticket) {
  holdings_.drop(ticket);
  caches_.drop(ticket);
  for (auto& [name, lock] : locks_) {
    std::erase_if(lock.queue, [&](const Waiter& waiter) { return waiter.ticket == ticket; });
    if (!lock.owner.empty() && lock.told == ticket) hand_over(lock);
  }
  for (auto& [name, latch] : latches_) {
    std::erase_if(latch.queue, [&](const Waiter& waiter) { return waiter.ticket == ticket; });
  }
}

Reply FakeStore::granted(const Lock& lock) const {
  return record({{"token", fake_integer(lock.token)},
                 {"ttl", fake_integer((lock.ends - now_).ms())},
                 {"fence", fake_integer(lock.token)},
                 {"mode", fake_bulk("exclusive")}});
}

Reply FakeStore::look(const Lock& lock) const {
  const bool held = !lock.owner.empty();
  std::vector<Reply> waiters;
  for (const Waiter& waiter : lock.queue) {
    waiters.push_back(record({{"owner", fake_bulk(waiter.owner)},
                              {"queued_at", fake_integer(waiter.queued_at)},
                              {"ttl", fake_integer((waiter.ends - now_).ms())}}));
  }
  if (!held && lock.token == 0) return Reply{};
  return record({{"held", fake_integer(held ? 1 : 0)},
                 {"owner", fake_bulk(lock.owner)},
                 {"token", fake_integer(held ? lock.token : 0)},
                 {"fence", fake_integer(held ? lock.token : 0)},
                 {"ttl", fake_integer(held ? (lock.ends - now_).ms() : 0)},
                 {"since", fake_integer(0)},
                 {"value", fake_bulk("")},
                 {"last_token", fake_integer(lock.token)},
                 {"waiters", fake_array(std::move(waiters))}});
}

}  // namespace holdfast::workload

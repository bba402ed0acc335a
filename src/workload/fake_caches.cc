#include "workload/fake_caches.h"

#include <algorithm>

namespace holdfast::workload {

using resp::Reply;

namespace {

// The number behind that word, 0 if it is not there.
std::int64_t number_behind(const FakeCaches::Words& words, const std::string& word) {
  const auto found = std::find(words.begin(), words.end(), word);
  return found == words.end() ? 0 : fake_number(*(found + 1));
}

}  // namespace

bool FakeCaches::knows(const Words& words) {
  return words.size() > 1 && (words[0].starts_with("CACHE.") || words[1].starts_with("k")) &&
         words[0] != "ONCE";
}

std::optional<Reply> FakeCaches::run(const Words& words, Ticket ticket) {
  Key& key = keys_[words[1]];
  const std::string& name = words[0];
  if (name == "CACHE.GET") return get(key, words, ticket);
  if (name == "SET") {
    change(key, words[2]);
    return fake_simple("OK");
  }
  if (name == "CACHE.FILL") {
    if (key.lease == 0 || key.lease != fake_number(words[2])) return fake_integer(0);
    change(key, words[3]);
    key.ends = now_ + milliseconds(number_behind(words, "PX"));
    key.keep_ms = number_behind(words, "STALE");
    return fake_integer(1);
  }
  // DEL, CACHE.INVALIDATE
  const bool known = name == "DEL" ? !key.text.empty()
                                   : !key.text.empty() || key.lease != 0 || !key.stale.empty();
  change(key, "");
  return fake_integer(known ? 1 : 0);
}

std::optional<Reply> FakeCaches::get(Key& key, const Words& words, Ticket ticket) {
  if (!key.text.empty()) return fake_bulk(key.text);
  const std::int64_t stale_ms = number_behind(words, "STALE");
  const bool good = !key.stale.empty() && now_ <= key.stale_since + milliseconds(stale_ms);
  const std::int64_t lease_ms = number_behind(words, "LEASE");
  if (key.lease == 0) return lease(key, lease_ms, ticket, good ? key.stale : "");
  if (good) return fake_bulk(key.stale);
  const std::int64_t wait_ms = number_behind(words, "WAIT");
  if (wait_ms == 0) return Reply{};
  key.queue.push_back({lease_ms, now_ + milliseconds(wait_ms), ticket});
  return std::nullopt;
}

Reply FakeCaches::lease(Key& key, std::int64_t lease_ms, Ticket holder, const std::string& stale) {
  key.lease = ++revision_;
  key.lease_until = now_ + milliseconds(lease_ms);
  key.holder = holder;
  return record({{"miss", fake_integer(1)},
                 {"lease", fake_integer(key.lease)},
                 {"stale", stale.empty() ? Reply{} : fake_bulk(stale)}});
}

// By a command.
void FakeCaches::change(Key& key, std::string text) {
  key.text = std::move(text);
  key.ends = Instant::never();
  key.keep_ms = 0;
  key.stale.clear();
  key.lease = 0;
  ++revision_;
  settle(key);
}

void FakeCaches::settle(Key& key) {
  if (!key.text.empty()) {
    for (const Waiter& waiter : key.queue) completed.emplace_back(waiter.ticket, fake_bulk(key.text));
    key.queue.clear();
  } else if (key.lease == 0 && !key.queue.empty()) {
    const Waiter next = key.queue.front();
    key.queue.pop_front();
    completed.emplace_back(next.ticket, lease(key, next.lease_ms, next.ticket, ""));
  }
}

void FakeCaches::advance(Instant now) {
  now_ = now;
  for (auto& [name, key] : keys_) {
    if (!key.text.empty() && key.ends < now_) {
      if (key.keep_ms > 0) {
        key.stale = key.text;
        key.stale_since = key.ends;
        key.stale_until = key.ends + milliseconds(key.keep_ms);
      }
      key.text.clear();
      key.ends = Instant::never();
      key.keep_ms = 0;
    }
    if (!key.stale.empty() && key.stale_until < now_) key.stale.clear();
    std::erase_if(key.queue, [&](const Waiter& waiter) {
      if (waiter.ends >= now_) return false;
      completed.emplace_back(waiter.ticket, Reply{});
      return true;
    });
    if (key.lease != 0 && key.lease_until < now_) key.lease = 0;
    settle(key);
  }
}

Instant FakeCaches::next_due() const {
  Instant due = Instant::never();
  for (const auto& [name, key] : keys_) {
    if (!key.text.empty()) due = std::min(due, key.ends);
    if (!key.stale.empty()) due = std::min(due, key.stale_until);
    if (key.lease != 0) due = std::min(due, key.lease_until);
    for (const Waiter& waiter : key.queue) due = std::min(due, waiter.ends);
  }
  return due == Instant::never() ? due : due + nanoseconds(1);
}

void FakeCaches::drop(Ticket ticket) {
  for (auto& [name, key] : keys_) {
    std::erase_if(key.queue, [&](const Waiter& waiter) { return waiter.ticket == ticket; });
    if (key.lease != 0 && key.holder == ticket) key.lease = 0;
    settle(key);
  }
}

}  // namespace holdfast::workload

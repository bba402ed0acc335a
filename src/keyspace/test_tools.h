// For tests of keyspaces: random changes, and a whole snapshot at once.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "keyspace/guard.h"
#include "keyspace/keyspace.h"
#include "keyspace/once.h"

namespace holdfast::keyspace {

// Few names in few slots, so that they meet often; the last slot is among them.
inline Key key_named(std::string_view name) {
  const std::size_t spread = name.empty() ? 0 : static_cast<unsigned char>(name.back()) % 5;
  constexpr std::uint16_t kSlots[] = {0, 1, 77, 9000, 16383};
  return {name, Slot(kSlots[spread])};
}

inline Origin origin_of(std::uint64_t node, std::uint64_t incarnation, std::uint64_t connection,
                        std::uint64_t request) {
  return {NodeId(node), Incarnation(incarnation), ConnectionId(connection), request};
}

inline void vary(AcquireRequest& request, std::uint64_t number, std::int64_t span) {
  if (number % 5 < 2) request.mode = GrantMode::shared;
  if (number % 7 == 0) request.hold = "h";
  if (number % 11 == 0) request.delay_ms = span;
}

// A change of a semaphore, an election or a lock that the owner of a command would not make.
inline void change_holding(Keyspace& keyspace, Key name, std::uint64_t number, std::int64_t span,
                           ClusterTime now) {
  HoldingTable& table = number % 2 == 0 ? keyspace.semaphores() : keyspace.elections();
  AcquireRequest request;
  const std::string owner = fmt::format("o{}", number % 8);
  request.owner = owner;
  request.ttl_ms = span;
  request.wait_ms = number % 3 == 0 ? 0 : static_cast<std::int64_t>(number);
  request.origin = origin_of(1 + number % 3, 1, 1 + number, 1);
  if (number % 2 == 0) {
    request.limit = 3;
    request.permits = 1 + number % 3;
  }
  const auto info = table.info(name, now);
  if (number < 600) {
    table.acquire(name, request, now, Index(number));
  } else if (number < 850) {
    if (info && info->held) table.release(name, info->holders.back().grant.token, now);
  } else if (number < 900) {
    keyspace.locks().force(name, now);
  } else if (number < 950) {
    table.force(name, now);
  } else {
    keyspace.semaphores().set_limit(name, 3, now);
  }
}

// Some are so long that a snapshot treats them in its own way.
inline Value value_of(std::uint64_t number) {
  if (number < 500) return Value::string(fmt::to_string(number));
  return Value::string(std::string(number < 900 ? number : 10 * number, 'v'));
}

// One random change of any kind; the same numbers, the same change. `newer`: also of those that
// format 2 of snapshots has no room for.
inline void change_at_random(Keyspace& keyspace, Prng& random, ClusterTime now,
                             bool newer = true) {
  const std::string name = fmt::format("k{}", random.below(40));
  const std::string lock_name = fmt::format("l{}", random.below(6));
  const Key key = key_named(name);
  const Key lock = key_named(lock_name);
  const std::uint64_t what = random.below(1000);
  const std::uint64_t number = random.below(1000);
  const std::int64_t span = random.between(10, 400);
  if (what < 300) {
    keyspace.put(key, value_of(number));
  } else if (what < 350) {
    keyspace.put_text(key, std::string(number / 10, 'w'));
  } else if (what < 450) {
    if (keyspace.find(key) != nullptr) {
      keyspace.edit_text(key, [](std::string& text) { text += "+"; });
    }
  } else if (what < 550) {
    if (keyspace.find(key) != nullptr) {
      keyspace.set_expiry(key, number < 200 ? Expiry{} : Expiry{now.plus_ms(span), {span}});
    }
  } else if (what < 650) {
    keyspace.erase(key);
  } else if (what < 655) {
    keyspace.clear();
  } else if (what < 760) {
    AcquireRequest request;
    const std::string owner = fmt::format("o{}", random.below(8));
    const std::string id = number < 300 ? fmt::format("id{}", number % 7) : "";
    request.owner = owner;
    request.once_id = id;
    request.ttl_ms = span;
    request.wait_ms = number % 3 == 0 ? 0 : static_cast<std::int64_t>(number);
    request.origin = origin_of(1 + number % 3, 1, 1 + number, 1);
    if (newer) vary(request, number, span);
    keyspace.locks().acquire(lock, request, now, Index(number));
    if (!id.empty()) {
      OnceRecord record{number, OnceState::waiting, "", {}, {}};
      keyspace.once().store(lock.slot, id, record, now.plus_ms(1000));
    }
  } else if (what < 820) {
    const auto info = keyspace.locks().info(lock, now);
    const std::uint64_t token = info && info->held ? info->grant.token : number;
    if (number < 500) {
      keyspace.locks().release(lock, token, now);
    } else {
      keyspace.locks().renew(lock, token, span, now);
    }
  } else if (what < 840) {
    const auto info = keyspace.locks().info(lock, now);
    if (info && !info->waiters.empty()) {
      keyspace.locks().drop_waiter(lock, info->waiters.back().origin, now);
    }
  } else if (what < 845) {
    keyspace.locks().drop_node(NodeId(1 + number % 3), Incarnation(1), now.plus_ms(-100), now);
  } else if (what < 875) {
    if (newer) change_holding(keyspace, lock, number, span, now);
  } else if (what < 900) {
    const std::uint64_t floor = keyspace.guards().floor(key.slot, lock_name);
    keyspace.guards().raise(key.slot, lock_name, floor + 1 + number % 2);
  } else if (what < 960) {
    OnceRecord record{number, OnceState::answered, fmt::format(":{}\r\n", number), {}, {}};
    keyspace.once().store(key.slot, fmt::format("id{}", number % 50), record, now.plus_ms(span));
  } else if (what < 970) {
    keyspace.set_setting(fmt::format("s{}", number % 4), fmt::to_string(number));
  } else {
    keyspace.expire_due(now, number % 5);
  }
}

// The chunks of a snapshot taken now.
inline std::vector<std::string> snapshot_of(Keyspace& keyspace, std::size_t target = 4096) {
  std::vector<std::string> chunks;
  keyspace.begin_snapshot();
  for (;;) {
    std::string chunk = keyspace.next_chunk(target);
    if (chunk.empty()) return chunks;
    chunks.push_back(std::move(chunk));
  }
}

inline void load(Keyspace& keyspace, const std::vector<std::string>& chunks) {
  for (const std::string& chunk : chunks) {
    const auto loaded = keyspace.load_chunk(chunk);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  }
  const auto finished = keyspace.finish_load();
  ASSERT_TRUE(finished.ok()) << finished.error().message;
}

// All keys as one text, in the order that clients observe.
inline std::string listing(const Keyspace& keyspace) {
  std::string text;
  keyspace.for_each([&](const Object& object) {
    text +=
        fmt::format("{}={} [{} {}] {} {}\n", object.name(), object.value().to_string(), object.created(),
                    object.modified(), object.expiry().deadline.ms, object.value().encoding());
    return true;
  });
  return text;
}

}  // namespace holdfast::keyspace

// Locks, semaphores and elections as bytes: docs/formats/keyspace-snapshot.md.
#include <algorithm>
#include <utility>

#include "base/mutation.h"
#include "keyspace/holding_engine.h"
#include "keyspace/snapshot_codec.h"

namespace holdfast::keyspace {
namespace {

constexpr std::uint8_t kHeld = 1;     // format 2: the flags of a lock
constexpr std::uint8_t kDelayed = 1;  // format 3: the flags of an object
constexpr std::size_t kMostLosses = 16;

// A byte that counts from 0.
template <class Enum>
bool decode_enum(Reader& reader, Enum last, Enum& value) {
  const std::uint8_t byte = reader.u8();
  value = static_cast<Enum>(byte);
  return byte <= static_cast<std::uint8_t>(last);
}

// What a hold and a wait have in common, beside an owner: on what terms.
bool terms_sane(const Holding& holding, GrantMode mode, std::uint64_t permits,
                std::int64_t delay_ms) {
  if (mode == GrantMode::shared && holding.kind != HoldingKind::lock) return false;
  if (permits == 0 || permits >= kRevisionLimit) return false;
  if (permits != 1 && holding.kind != HoldingKind::semaphore) return false;
  return delay_ms >= 0 && sane(ClusterTime{delay_ms});
}

// ---- waiters

void encode_waiter(Writer& writer, const Waiter& waiter, std::uint8_t format) {
  writer.bytes(waiter.owner);
  writer.bytes(waiter.value);
  writer.i64(waiter.ttl_ms);
  writer.i64(waiter.deadline.ms);
  encode_origin(writer, waiter.origin);
  writer.u8(waiter.resp3 ? 1 : 0);
  writer.varint(waiter.queued_at);
  writer.varint(waiter.created);
  writer.bytes(waiter.once_id);
  if (format < kFormatOfKinds) return;
  writer.u8(static_cast<std::uint8_t>(waiter.mode));
  writer.varint(waiter.permits);
  writer.varint(waiter.session);
  writer.i64(waiter.delay_ms);
  writer.bytes(waiter.hold);
}

bool decode_waiter(Reader& reader, Core& core, Holding& holding, std::uint8_t format) {
  Waiter read;
  read.owner = reader.bytes();
  read.value = reader.bytes();
  read.ttl_ms = reader.i64();
  read.deadline.ms = reader.i64();
  read.origin = decode_origin(reader);
  const std::uint8_t resp3 = reader.u8();
  read.queued_at = reader.varint();
  read.created = reader.varint();
  read.once_id = reader.bytes();
  if (format >= kFormatOfKinds) {
    if (!decode_enum(reader, GrantMode::shared, read.mode)) return false;
    read.permits = reader.varint();
    read.session = reader.varint();
    read.delay_ms = reader.i64();
    read.hold = reader.bytes();
  }
  if (!reader.ok() || resp3 > 1 || !counted(core, read.created)) return false;
  if (read.ttl_ms < 0 || (read.ttl_ms == 0) != (read.session != 0)) return false;
  if (!sane(ClusterTime{read.ttl_ms}) || !sane(read.deadline)) return false;
  if (!terms_sane(holding, read.mode, read.permits, read.delay_ms)) return false;
  if (find_waiter(holding, read.owner) != nullptr) return false;
  enqueue(core, holding, [&](Waiter& waiter) {
    waiter.owner = std::move(read.owner);
    waiter.value = std::move(read.value);
    waiter.ttl_ms = read.ttl_ms;
    waiter.deadline = read.deadline;
    waiter.origin = read.origin;
    waiter.resp3 = resp3 == 1;
    waiter.queued_at = read.queued_at;
    waiter.created = read.created;
    waiter.once_id = std::move(read.once_id);
    waiter.mode = read.mode;
    waiter.permits = read.permits;
    waiter.session = read.session;
    waiter.delay_ms = read.delay_ms;
    waiter.hold = std::move(read.hold);
  });
  return true;
}

// ---- holds

void encode_hold(Writer& writer, const Hold& hold, std::uint8_t format) {
  writer.bytes(hold.owner);
  writer.bytes(hold.value);
  encode_grant(writer, hold.grant);
  writer.i64(hold.since.ms);
  encode_origin(writer, hold.told);
  writer.bytes(hold.once_id);
  if (format < kFormatOfKinds) return;
  writer.u8(static_cast<std::uint8_t>(hold.grant.mode));
  writer.varint(hold.grant.permits);
  encode_origin(writer, hold.origin);
  writer.varint(hold.session);
  writer.i64(hold.delay_ms);
  writer.u8(hold.unnamed ? 1 : 0);
  writer.varint(hold.names.size());
  for (const std::string& name : hold.names) writer.bytes(name);
}

bool decode_names(Reader& reader, Hold& hold) {
  const std::uint8_t unnamed = reader.u8();
  const std::uint64_t count = reader.varint();
  if (!reader.ok() || unnamed > 1 || count > HoldingTable::kMaxHolds) return false;
  hold.unnamed = unnamed == 1;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string name(reader.bytes());
    const bool known = std::find(hold.names.begin(), hold.names.end(), name) != hold.names.end();
    if (!reader.ok() || name.empty() || known) return false;
    hold.names.push_back(std::move(name));
  }
  return hold.unnamed || !hold.names.empty();
}

bool decode_hold(Reader& reader, Core& core, Holding& holding, std::uint8_t format) {
  Hold read;
  read.owner = reader.bytes();
  read.value = reader.bytes();
  read.grant = decode_grant(reader);
  read.since.ms = reader.i64();
  read.told = decode_origin(reader);
  read.once_id = reader.bytes();
  if (format >= kFormatOfKinds) {
    if (!decode_enum(reader, GrantMode::shared, read.grant.mode)) return false;
    read.grant.permits = reader.varint();
    read.origin = decode_origin(reader);
    read.session = reader.varint();
    read.delay_ms = reader.i64();
    if (!decode_names(reader, read)) return false;
  }
  const Grant& grant = read.grant;
  if (!reader.ok() || !sane(core, grant) || grant.token > holding.last_token) return false;
  if ((grant.deadline == ClusterTime::never()) != (read.session != 0)) return false;
  if (!terms_sane(holding, grant.mode, grant.permits, read.delay_ms)) return false;
  if (!holding.holds.empty()) {
    const Grant& before = holding.holds.back().grant;
    const bool alone = holding.kind != HoldingKind::semaphore &&
                       (grant.mode != GrantMode::shared || before.mode != GrantMode::shared);
    if (alone || grant.token <= before.token) return false;
  }
  if (find_owner(holding, read.owner) != nullptr) return false;
  if (kRevisionLimit - holding.used <= grant.permits) return false;
  add_hold(core, holding, [&](Hold& hold) {
    hold.owner = std::move(read.owner);
    hold.value = std::move(read.value);
    hold.grant = read.grant;
    hold.since = read.since;
    hold.told = read.told;
    hold.once_id = std::move(read.once_id);
    hold.origin = read.origin;
    hold.session = read.session;
    hold.delay_ms = read.delay_ms;
    hold.unnamed = read.unnamed;
    hold.names = std::move(read.names);
  });
  return true;
}

// ---- what comes after the deadlines of an object, by format

// Tells how many holds there are: in format 2 by a flag.
bool decode_front(Reader& reader, Core& core, Holding& holding, std::uint8_t format,
                  std::uint64_t& holds) {
  const std::uint8_t flags = reader.u8();
  if (format < kFormatOfKinds) {
    holding.last_fence = holding.last_token;
    holding.limit = 1;
    holds = flags == kHeld ? 1 : 0;
    return reader.ok() && flags <= kHeld;
  }
  if (flags == kDelayed) holding.delay_until = ClusterTime{reader.i64()};
  holding.last_fence = reader.varint();
  holding.limit = reader.varint();
  const std::uint64_t losses = reader.varint();
  if (!reader.ok() || flags > kDelayed || losses > kMostLosses) return false;
  if (holding.delay_until && !sane(*holding.delay_until)) return false;
  if (holding.last_fence > holding.last_token || holding.limit == 0) return false;
  if (holding.limit >= kRevisionLimit) return false;
  for (std::uint64_t i = 0; i < losses; ++i) {
    LossInfo loss;
    loss.owner = reader.bytes();
    loss.token = reader.varint();
    if (!decode_enum(reader, Loss::withdrawn, loss.how)) return false;
    loss.when.ms = reader.i64();
    if (!counted(core, loss.token) || !sane(loss.when)) return false;
    holding.losses.push_back(std::move(loss));
  }
  holds = reader.varint();
  return reader.ok() && holds <= HoldingTable::kMaxHolders;
}

bool decode_holders(Reader& reader, Core& core, Holding& holding, std::uint64_t holds,
                    std::uint8_t format) {
  for (std::uint64_t i = 0; i < holds; ++i) {
    if (!decode_hold(reader, core, holding, format)) return false;
  }
  const bool old = format < kFormatOfKinds;
  if (old && holds == 0) return true;
  if (old && holding.holds.front().grant.token != holding.last_token) return false;
  const std::uint64_t waiters = reader.varint();
  if (!reader.ok() || waiters > HoldingTable::kMaxWaiters) return false;
  // The others would have been let in.
  const bool may_wait =
      holds != 0 || holding.delay_until || holding.kind == HoldingKind::semaphore;
  if (waiters != 0 && !may_wait) return false;
  for (std::uint64_t i = 0; i < waiters; ++i) {
    if (!decode_waiter(reader, core, holding, format)) return false;
  }
  return reader.ok();
}

}  // namespace

void encode_holding(Writer& writer, const Holding& holding, std::uint8_t format) {
  writer.bytes(holding.name);
  writer.varint(holding.last_token);
  writer.varint(holding.released_token);
  writer.i64(holding.released_until.ms);
  writer.varint(holding.grants_since_release);
  writer.i64(holding.forget_at.ms);
  if (format < kFormatOfKinds) {
    writer.u8(holding.holds.empty() ? 0 : kHeld);
    if (holding.holds.empty()) return;
  } else {
    writer.u8(holding.delay_until ? kDelayed : 0);
    if (holding.delay_until) writer.i64(holding.delay_until->ms);
    writer.varint(holding.last_fence);
    writer.varint(holding.limit);
    writer.varint(holding.losses.size());
    for (const LossInfo& loss : holding.losses) {
      writer.bytes(loss.owner);
      writer.varint(loss.token);
      writer.u8(static_cast<std::uint8_t>(loss.how));
      writer.i64(loss.when.ms);
    }
    writer.varint(holding.holds.size());
  }
  for (const Hold& hold : holding.holds) encode_hold(writer, hold, format);
  if (mutated(Mutation::snapshot_without_queues)) return writer.varint(0);
  writer.varint(holding.queue == nullptr ? 0 : holding.queue->order.size());
  if (holding.queue == nullptr) return;
  for (const Waiter& waiter : holding.queue->order) encode_waiter(writer, waiter, format);
}

bool decode_holding(Reader& reader, Core& core, Slot slot, HoldingKind kind, std::uint8_t format) {
  Holding read;
  read.name = reader.bytes();
  read.last_token = reader.varint();
  read.released_token = reader.varint();
  read.released_until.ms = reader.i64();
  const std::uint64_t grants = reader.varint();
  read.grants_since_release = static_cast<std::uint32_t>(grants);
  read.forget_at.ms = reader.i64();
  std::uint64_t holds = 0;
  if (!reader.ok() || !counted(core, read.last_token) || grants > 2) return false;
  if (!decode_front(reader, core, read, format, holds)) return false;
  if (read.released_token > read.last_token) return false;
  if (!sane(read.released_until) || !sane(read.forget_at)) return false;

  Coordination& coordination = core.change_coordination(slot);
  if (table_of(coordination, kind).find(read.name) != nullptr) return false;
  Holding& holding = add_holding(core, coordination, {read.name, slot}, kind);
  holding.last_token = read.last_token;
  holding.released_token = read.released_token;
  holding.released_until = read.released_until;
  holding.grants_since_release = read.grants_since_release;
  holding.forget_at = read.forget_at;
  holding.delay_until = read.delay_until;
  holding.last_fence = read.last_fence;
  holding.limit = read.limit;
  holding.losses = std::move(read.losses);
  const bool sound = decode_holders(reader, core, holding, holds, format);
  schedule_holding(core, holding);
  return sound;
}

}  // namespace holdfast::keyspace

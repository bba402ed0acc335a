#include "keyspace/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/mutation.h"
#include "keyspace/holding_engine.h"
#include "keyspace/session_parts.h"
#include "keyspace/sizes.h"
#include "keyspace/snapshot_codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

struct SessionTable::State {
  Core& core;
};

namespace {

constexpr auto kSessionPart = static_cast<std::size_t>(PartKind::sessions);

// In a slot's table sessions go by their ids, too.
std::string session_name(std::uint64_t id) {
  std::string name;
  Writer(name).u64(id);
  return name;
}

Session* find_session(const Core& core, std::uint64_t id) {
  const Coordination* coordination = core.look_coordination(SessionTable::slot_of(id));
  return coordination == nullptr ? nullptr : coordination->sessions.find(session_name(id));
}

Session& add_session(Core& core, std::unique_ptr<Session> fresh) {
  const Slot slot = SessionTable::slot_of(fresh->id);
  fresh->name = session_name(fresh->id);
  Session& session = core.change_coordination(slot).sessions.add(std::move(fresh));
  core.memory += session_memory(session);
  ++core.totals.later[kSessionPart];
  if (session.ending) core.sessions_ending.insert(session.id);
  return session;
}

void forget_session(Core& core, Session& session) {
  CHECK(session.keys.empty());
  Coordination& coordination = core.change_coordination(SessionTable::slot_of(session.id));
  core.sessions_ending.erase(session.id);
  core.session_changes.push_back({session.id, session.ttl_ms, session.opened, true});
  core.memory -= session_memory(session);
  --core.totals.later[kSessionPart];
  coordination.sessions.remove(session);
}

void bind_key(Core& core, Session& session, Ending& ending, Slot slot) {
  session.keys.emplace(ending.binding->bound_at, BoundKey{&ending, slot});
  core.memory += kBindingBytes;
}

void tell_end(Core& core, const Session& session, std::optional<Loss> loss) {
  if (!core.notices.wants(Topic::holdings)) return;
  const std::string id = fmt::to_string(session.id);
  if (loss) {
    core.notices.lost(HoldingKind::session, id, session.label, session.id, *loss);
  } else {
    core.notices.released(HoldingKind::session, id, session.label, session.id);
  }
}

SessionInfo info_of(Core& core, const Session& session) {
  SessionInfo info{session.id,     session.label,       session.ttl_ms,
                   session.opened, session.keys.size(), session.ending};
  if (const SessionHoldings* depends = core.session_holdings.find(session.id)) {
    info.holds = depends->holds.size();
    info.waits = depends->waits.size();
  }
  return info;
}

void make_ending(Core& core, Session& session, std::optional<Loss> loss) {
  if (session.ending) return;
  core.change(SessionTable::slot_of(session.id));
  session.ending = true;
  core.sessions_ending.insert(session.id);
  core.next_revision();
  tell_end(core, session, loss);
}

// At most `bound` of its keys, by which `bound` is lowered.
void end_keys(Core& core, const Session& session, std::size_t& bound) {
  const bool survive = mutated(Mutation::bound_keys_survive);
  while (!session.keys.empty() && (bound > 0 || survive)) {
    const BoundKey key = session.keys.begin()->second;
    if (survive) {
      loosen(core, *key.ending->object);
      core.change(key.slot);
      key.ending->binding.reset();
      continue;
    }
    Object& object = *key.ending->object;
    core.notices.key(KeyEvents::generic, "del", object.name());
    remove_key(core, key.slot, object, true);
    --bound;
  }
}

}  // namespace

std::size_t session_memory(const Session& session) {
  return sizeof(Session) + 3 * sizeof(void*) + outside_bytes(session.label);
}

void loosen(Core& core, const Object& object) {
  const Binding* binding = object.binding();
  if (binding == nullptr) return;
  Session* session = find_session(core, binding->session);
  CHECK(session != nullptr && session->keys.erase(binding->bound_at) == 1);
  core.memory -= kBindingBytes;
}

// ---- snapshots

void encode_item(Writer& writer, const Session& session) {
  writer.varint(session.id);
  writer.i64(session.ttl_ms);
  writer.i64(session.opened.ms);
  writer.u8(session.ending ? 1 : 0);
  writer.bytes(session.label);
}

bool decode_session(Reader& reader, Core& core, Slot slot) {
  auto fresh = std::make_unique<Session>();
  fresh->id = reader.varint();
  fresh->ttl_ms = reader.i64();
  fresh->opened.ms = reader.i64();
  const std::uint8_t ending = reader.u8();
  fresh->ending = ending == 1;
  fresh->label = reader.bytes();
  constexpr std::int64_t kFar = std::int64_t{1} << 61;
  if (!reader.ok() || ending > 1 || fresh->id == 0 || fresh->id > core.revision) return false;
  if (fresh->ttl_ms <= 0 || fresh->ttl_ms >= kFar) return false;
  if (fresh->opened.ms <= -kFar || fresh->opened.ms >= kFar) return false;
  if (SessionTable::slot_of(fresh->id) != slot || find_session(core, fresh->id) != nullptr) {
    return false;
  }
  add_session(core, std::move(fresh));
  return true;
}

// Keys come before and after their sessions, by their slots.
bool bind_loaded_keys(Core& core) {
  for (const auto& [ending, slot] : std::exchange(core.unbound, {})) {
    Session* session = find_session(core, ending->binding->session);
    if (session == nullptr || session->keys.contains(ending->binding->bound_at)) return false;
    bind_key(core, *session, *ending, slot);
  }
  return true;
}

bool loaded_holdings_have_sessions(const Core& core) {
  return core.session_holdings.all_of(
      [&](std::uint64_t session) { return find_session(core, session) != nullptr; });
}

// ---- the table

SessionTable::SessionTable(Keyspace& owner) : state_(new State{owner.state_->core}) {}
SessionTable::~SessionTable() = default;

Slot SessionTable::slot_of(std::uint64_t id) {
  return Slot(static_cast<std::uint16_t>(id % kSlotCount));
}

std::optional<std::uint64_t> SessionTable::open(std::int64_t ttl_ms, std::string_view name,
                                                ClusterTime now, const Origin& origin) {
  Core& core = state_->core;
  CHECK(ttl_ms > 0);
  if (size() >= kMaxSessions) return std::nullopt;
  auto fresh = std::make_unique<Session>();
  fresh->id = core.next_revision();
  fresh->label = name;
  fresh->ttl_ms = ttl_ms;
  fresh->opened = now;
  const Session& session = add_session(core, std::move(fresh));
  core.session_changes.push_back({session.id, ttl_ms, now, false});
  if (core.notices.wants(Topic::holdings)) {
    core.notices.granted(HoldingKind::session, fmt::to_string(session.id), name, session.id, origin);
  }
  return session.id;
}

std::optional<SessionInfo> SessionTable::info(std::uint64_t id) const {
  const Session* session = find_session(state_->core, id);
  if (session == nullptr) return std::nullopt;
  return info_of(state_->core, *session);
}

bool SessionTable::lives(std::uint64_t id) const {
  const Session* session = find_session(state_->core, id);
  return session != nullptr && !session->ending;
}

BindResult SessionTable::bind(std::uint64_t id, std::span<const Key> keys) {
  Core& core = state_->core;
  Session* session = find_session(core, id);
  if (session == nullptr || session->ending) return {};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Object* object = core.find(keys[i]);
    if (object == nullptr) return {.outcome = BindOutcome::no_key, .at = i};
    const std::uint64_t other = object->binding() == nullptr ? id : object->binding()->session;
    if (other != id) return {.outcome = BindOutcome::others, .at = i, .other = other};
  }
  if (session->keys.size() + keys.size() > kMaxKeys) return {.outcome = BindOutcome::too_many};
  BindResult result{.outcome = BindOutcome::bound};
  for (const Key& key : keys) {
    KeyTable& table = core.change(key.slot).keys;
    const std::uint32_t position = core.position_of(key);
    if (table.at(position).binding() != nullptr) continue;
    const Binding binding{id, core.next_revision()};
    const Object& object =
        core.alter(table, position, [&](Object& changing) { return changing.bind(binding); });
    bind_key(core, *session, *object.ending(), key.slot);
    ++result.fresh;
  }
  return result;
}

std::uint64_t SessionTable::session_of(Key key) const {
  const Object* object = state_->core.find(key);
  return object == nullptr || object->binding() == nullptr ? 0 : object->binding()->session;
}

std::vector<std::string_view> SessionTable::keys_of(std::uint64_t id, std::size_t count) const {
  std::vector<std::string_view> names;
  const Session* session = find_session(state_->core, id);
  if (session == nullptr) return names;
  for (const auto& [bound_at, key] : session->keys) {
    if (names.size() == count) break;
    names.push_back(key.ending->object->name());
  }
  return names;
}

void SessionTable::begin_end(std::span<const std::uint64_t> ids, std::optional<Loss> loss) {
  for (const std::uint64_t id : ids) {
    if (Session* session = find_session(state_->core, id)) make_ending(state_->core, *session, loss);
  }
}

bool SessionTable::end(std::uint64_t id, std::size_t& bound, ClusterTime now,
                       std::optional<Loss> loss) {
  Core& core = state_->core;
  Session* session = find_session(core, id);
  if (session == nullptr) return false;
  make_ending(core, *session, loss);
  bound -= std::min<std::size_t>(bound, 1);
  end_keys(core, *session, bound);
  bound -= end_session_holdings(core, id, now, bound);
  const bool last = core.session_holdings.find(id) == nullptr;
  if (session->keys.empty() && last) forget_session(core, *session);
  return true;
}

std::vector<std::uint64_t> SessionTable::ending(std::size_t count) const {
  const auto& all = state_->core.sessions_ending;
  std::vector<std::uint64_t> first;
  for (auto at = all.begin(); at != all.end() && first.size() < count; ++at) first.push_back(*at);
  return first;
}

bool SessionTable::any_ending() const { return !state_->core.sessions_ending.empty(); }

std::size_t SessionTable::size() const { return state_->core.totals.later[kSessionPart]; }

std::uint64_t SessionTable::scan(std::uint64_t cursor, std::size_t count,
                                 const std::function<void(const SessionInfo&)>& visit) const {
  if (cursor >= kRevisionLimit) return 0;
  std::uint64_t position = cursor / kSlotCount;
  std::size_t seen = 0;
  for (std::uint64_t number = cursor % kSlotCount; number < kSlotCount; ++number, position = 0) {
    const Slot slot(static_cast<std::uint16_t>(number));
    const Coordination* coordination = state_->core.look_coordination(slot);
    const std::uint64_t size = coordination == nullptr ? 0 : coordination->sessions.size();
    if (size == 0) continue;
    if (position == 0 || position > size) position = size;
    for (; position > 0; ++seen) {
      if (seen == count && seen > 0) return position * kSlotCount + number;
      visit(info_of(state_->core, coordination->sessions.at(--position)));
    }
  }
  return 0;
}

std::vector<SessionChange> SessionTable::take_changes() {
  return std::exchange(state_->core.session_changes, {});
}

}  // namespace holdfast::keyspace

#include "keyspace/snapshot_codec.h"

#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/mutation.h"

namespace holdfast::keyspace {

void encode_origin(Writer& writer, const Origin& origin) {
  writer.varint(origin.node.value);
  writer.varint(origin.incarnation.value);
  writer.varint(origin.connection.value);
  writer.varint(origin.request);
}

Origin decode_origin(Reader& reader) {
  Origin origin;
  origin.node = NodeId(reader.varint());
  origin.incarnation = Incarnation(reader.varint());
  origin.connection = ConnectionId(reader.varint());
  origin.request = reader.varint();
  return origin;
}

bool counted(const Core& core, std::uint64_t revision) {
  return revision >= 1 && revision <= core.revision;
}

bool sane(ClusterTime time) {
  constexpr std::int64_t kFar = std::int64_t{1} << 61;
  return time.ms > -kFar && time.ms < kFar;
}

namespace {

enum class ValueKind : std::uint8_t { integer = 1, text = 2, raw = 3 };

// Flags of a key.
enum KeyFlag : std::uint8_t { kExpires = 1, kBound = 2 };

}  // namespace

std::string_view text_of(const ValueView& value) {
  return value.is_integer() ? std::string_view() : value.text();
}

void encode_before_text(Writer& writer, const ValueView& value) {
  if (value.is_integer()) {
    writer.u8(static_cast<std::uint8_t>(ValueKind::integer));
    writer.i64(value.as_integer());
    return;
  }
  writer.u8(static_cast<std::uint8_t>(value.is_raw() ? ValueKind::raw : ValueKind::text));
  writer.varint(value.text().size());
}

void encode_value(Writer& writer, const ValueView& value) {
  encode_before_text(writer, value);
  writer.raw(text_of(value));
}

std::optional<ValueView> decode_value(Reader& reader) {
  std::optional<ValueView> value;
  switch (static_cast<ValueKind>(reader.u8())) {
    case ValueKind::integer:
      value = ValueView::integer(reader.i64());
      break;
    case ValueKind::raw:
      value = ValueView::raw(reader.bytes());
      break;
    case ValueKind::text:
      value = ValueView::string(reader.bytes());
      // A canonical integer is never kept as text.
      if (value->is_integer()) return std::nullopt;
      break;
  }
  return reader.ok() ? value : std::nullopt;
}

void encode_grant(Writer& writer, const Grant& grant) {
  writer.varint(grant.token);
  writer.varint(grant.fence);
  writer.i64(grant.deadline.ms);
}

Grant decode_grant(Reader& reader) {
  Grant grant;
  grant.token = reader.varint();
  grant.fence = reader.varint();
  grant.deadline.ms = reader.i64();
  return grant;
}

bool sane(const Core& core, const Grant& grant) {
  if (!sane(grant.deadline) && grant.deadline != ClusterTime::never()) return false;
  return counted(core, grant.token) && grant.fence != 0 && grant.fence <= grant.token;
}

void encode_before_text(Writer& writer, const Object& object) {
  writer.bytes(object.name());
  encode_before_text(writer, object.value());
}

void encode_after_text(Writer& writer, const Object& object) {
  writer.varint(object.created());
  writer.varint(object.modified());
  const Expiry expiry = object.expiry();
  const Binding* binding = object.binding();
  const bool expires = expiry.set() && !mutated(Mutation::snapshot_without_deadlines);
  writer.u8(static_cast<std::uint8_t>((expires ? kExpires : 0) | (binding != nullptr ? kBound : 0)));
  if (expires) {
    writer.i64(expiry.deadline.ms);
    writer.i64(expiry.wall.ms);
  }
  if (binding == nullptr) return;
  writer.varint(binding->session);
  writer.varint(binding->bound_at);
}

const Object* with_long_text(const Section& section, const KeyTable* keys, std::size_t item,
                             std::size_t bytes) {
  if (section.kind != PartKind::keys) return nullptr;
  const Object& object = keys->at(item);
  return text_of(object.value()).size() < bytes ? nullptr : &object;
}

void encode_item(Writer& writer, const Object& object) {
  encode_before_text(writer, object);
  writer.raw(text_of(object.value()));
  encode_after_text(writer, object);
}

bool decode_key(Reader& reader, Core& core, Slot slot) {
  const std::string_view name = reader.bytes();
  const auto value = decode_value(reader);
  if (!value) return false;
  const std::uint64_t created = reader.varint();
  const std::uint64_t modified = reader.varint();
  const std::uint8_t flags = reader.u8();
  Expiry expiry;
  if ((flags & kExpires) != 0) {
    expiry.deadline.ms = reader.i64();
    expiry.wall.ms = reader.i64();
    if (!expiry.set()) return false;
  }
  Binding binding;
  if ((flags & kBound) != 0) {
    binding.session = reader.varint();
    binding.bound_at = reader.varint();
    if (!counted(core, binding.session) || !counted(core, binding.bound_at)) return false;
  }
  if (!reader.ok() || flags > (kExpires | kBound)) return false;
  if (!counted(core, modified) || !counted(core, created) || created > modified) return false;

  const std::uint64_t hash = core.hash_of(name);
  if (core.change(slot).keys.find(name, hash) != KeyTable::kNone) return false;
  Object::Pointer fresh = Object::make(name, *value, created);
  fresh->touch(modified);
  if (expiry.set()) fresh = fresh->set_expiry(expiry);
  if ((flags & kBound) != 0) {
    if (auto bound = fresh->bind(binding)) fresh = std::move(bound);
  }
  const Object& object = core.add(slot, std::move(fresh), hash);
  if (object.binding() != nullptr) core.unbound.emplace_back(object.ending(), slot);
  if (expiry.set()) core.schedule_key(object, slot);
  return true;
}

void encode_item(Writer& writer, const GuardFloor& guard) {
  writer.bytes(guard.name);
  writer.varint(guard.fence);
}

bool decode_guard(Reader& reader, Core& core, Slot slot) {
  auto fresh = std::make_unique<GuardFloor>();
  fresh->name = reader.bytes();
  fresh->fence = reader.varint();
  if (!reader.ok() || fresh->fence == 0 || fresh->fence >= kRevisionLimit) return false;
  Coordination& coordination = core.change_coordination(slot);
  if (coordination.guards.find(fresh->name) != nullptr) return false;
  core.memory += guard_memory(coordination.guards.add(std::move(fresh)));
  ++core.totals.guards;
  return true;
}

void encode_item(Writer& writer, const OnceEntry& entry, std::uint8_t format) {
  writer.bytes(entry.name);
  writer.u64(entry.record.command_hash);
  writer.u8(static_cast<std::uint8_t>(entry.record.state));
  writer.bytes(entry.record.answer);
  encode_grant(writer, entry.record.grant);
  if (format >= kFormatOfKinds) writer.u8(static_cast<std::uint8_t>(entry.record.grant.mode));
  writer.i64(entry.record.until.ms);
  writer.varint(entry.created);
}

bool decode_once(Reader& reader, Core& core, Slot slot, std::uint8_t format) {
  auto fresh = std::make_unique<OnceEntry>();
  fresh->name = reader.bytes();
  fresh->record.command_hash = reader.u64();
  const std::uint8_t state = reader.u8();
  fresh->record.state = static_cast<OnceState>(state);
  fresh->record.answer = reader.bytes();
  fresh->record.grant = decode_grant(reader);
  const std::uint8_t mode = format >= kFormatOfKinds ? reader.u8() : 0;
  fresh->record.grant.mode = static_cast<GrantMode>(mode);
  fresh->record.until.ms = reader.i64();
  fresh->created = reader.varint();
  if (!reader.ok() || state > static_cast<std::uint8_t>(OnceState::not_granted)) return false;
  if (mode > static_cast<std::uint8_t>(GrantMode::shared)) return false;
  if (!counted(core, fresh->created) || !sane(fresh->record.until)) return false;
  if (fresh->record.state == OnceState::granted && !sane(core, fresh->record.grant)) return false;

  Coordination& coordination = core.change_coordination(slot);
  if (coordination.once.find(fresh->name) != nullptr) return false;
  OnceEntry& entry = coordination.once.add(std::move(fresh));
  core.deadlines.schedule({entry.record.until, entry.created, slot, DeadlineKind::once, &entry});
  core.memory += once_memory(entry);
  ++core.totals.once;
  return true;
}

void encode_header(Writer& writer, const Core& core, std::uint8_t format) {
  writer.varint(core.totals.keys);
  writer.varint(core.totals.locks);
  writer.varint(core.totals.guards);
  writer.varint(mutated(Mutation::snapshot_without_once) ? 0 : core.totals.once);
  writer.varint(core.revision);
  writer.varint(core.settings.size());
  for (const auto& [name, value] : core.settings) {
    writer.bytes(name);
    writer.bytes(value);
  }
  if (format < kFormatOfKinds) return;
  for (std::size_t kind = 0; kind < core.totals.later.size(); ++kind) {
    if (core.totals.later[kind] == 0) continue;
    writer.u8(static_cast<std::uint8_t>(kind));
    writer.varint(core.totals.later[kind]);
  }
}

bool decode_header(Reader& reader, Core& core, Totals& totals, std::uint8_t format) {
  totals.keys = reader.varint();
  totals.locks = reader.varint();
  totals.guards = reader.varint();
  totals.once = reader.varint();
  core.revision = reader.varint();
  const std::uint64_t settings = reader.varint();
  if (core.revision >= kRevisionLimit) return false;
  for (std::uint64_t i = 0; i < settings && reader.ok(); ++i) {
    std::string name(reader.bytes());
    std::string value(reader.bytes());
    if (!core.settings.emplace(std::move(name), std::move(value)).second) return false;
  }
  if (format < kFormatOfKinds) return reader.finished();
  for (std::size_t next = 0; reader.ok() && reader.left() > 0;) {
    const std::size_t kind = reader.u8();
    const std::uint64_t count = reader.varint();
    if (kind < next || kind >= totals.later.size() || count == 0) return false;
    totals.later[kind] = count;
    next = kind + 1;
  }
  return reader.finished();
}

void encode_removal(Writer& writer, std::uint32_t bucket, std::uint64_t revision) {
  writer.u16(static_cast<std::uint16_t>(bucket));
  writer.varint(revision);
}

std::string encode_removals(const Removals& removals) {
  std::string bytes;
  Writer writer(bytes);
  const SlotMarks& used = removals.used();
  for (auto bucket = used.next(0); bucket < Removals::kBuckets; bucket = used.next(bucket + 1)) {
    if (removals.at(bucket) != 0) encode_removal(writer, bucket, removals.at(bucket));
  }
  return bytes;
}

bool decode_removals(Reader& reader, Core& core) {
  for (std::uint32_t next = 0; reader.left() > 0;) {
    const std::uint32_t bucket = reader.u16();
    const std::uint64_t revision = reader.varint();
    if (!reader.ok() || bucket < next || bucket >= Removals::kBuckets) return false;
    if (!counted(core, revision)) return false;
    core.removals.restore(bucket, revision);
    next = bucket + 1;
  }
  return reader.finished();
}

std::uint64_t chain_of(std::uint8_t format) { return format < kFormatOfKinds ? 0 : format; }

std::uint64_t chain(std::uint64_t before, PartKind kind, std::string_view body) {
  return checksum(body, mix(before, static_cast<std::uint64_t>(kind)));
}

}  // namespace holdfast::keyspace

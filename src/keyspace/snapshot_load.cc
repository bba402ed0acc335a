#include "keyspace/snapshot_load.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "keyspace/snapshot_walk.h"

namespace holdfast::keyspace {

namespace {

Error damaged(std::string_view what) {
  return {
      fmt::format("the snapshot cannot be loaded: {}; take another copy of it from a replica "
                  "that is well",
                  what)};
}

}  // namespace

Result<void> SnapshotLoader::load(Core& core, std::string_view chunk) {
  if (broken_) return damaged("an earlier part of it was damaged");
  Reader reader(chunk);
  const std::uint8_t version = reader.u8();
  if (reader.ok() && version > kSnapshotVersion) {
    return damaged(fmt::format("its format {} is newer than the newest known here, {}", version,
                               kSnapshotVersion));
  }
  broken_ = true;
  if (!reader.ok() || version == 0) return damaged("it has no format version");
  if (format_ == 0) {
    format_ = version;
    chain_ = chain_of(version);
    // It knows what that format has room for: it goes on in it until it is told otherwise.
    core.format = std::max<std::uint8_t>(version, kFormatOfKinds - 1);
  }
  if (version != format_) return damaged("its parts are of several formats");
  while (reader.left() > 0) {
    const auto kind = static_cast<PartKind>(reader.u8());
    const std::string_view body = reader.bytes();
    if (!reader.ok()) return damaged("a part of it is cut off");
    if (!load_part(core, kind, body, version)) return damaged("a part of it makes no sense");
  }
  broken_ = false;
  return {};
}

Result<void> SnapshotLoader::finish(const Core& core) const {
  if (broken_) return damaged("a part of it was damaged");
  if (!ended_) return damaged("its end is missing");
  if (core.totals != expected_) return damaged("it has not as many items as it announced");
  return {};
}

bool SnapshotLoader::load_part(Core& core, PartKind kind, std::string_view body,
                               std::uint8_t format) {
  if (ended_) return false;
  const std::uint64_t before = chain_;
  chain_ = chain(chain_, kind, body);
  Reader reader(body);
  switch (kind) {
    case PartKind::header:
      if (started_) return false;
      started_ = true;
      return decode_header(reader, core, expected_, format);
    case PartKind::removals:
      if (!started_ || last_ != 0) return false;
      last_ = 1;  // before every section
      return decode_removals(reader, core);
    case PartKind::feeds:
      if (!started_ || last_ > 1 || format < kFormatOfKinds) return false;
      last_ = 1;  // likewise
      return decode_feed_part(reader, core);
    case PartKind::end:
      ended_ = true;
      return started_ && reader.u64() == before && reader.finished();
    default:
      break;
  }
  const Section* section = find_section(kind);
  return section != nullptr && started_ && load_items(core, *section, body, format);
}

bool SnapshotLoader::load_items(Core& core, const Section& section, std::string_view body,
                                std::uint8_t format) {
  Reader reader(body);
  const Slot slot(reader.u16());
  const std::uint64_t first = reader.varint();
  const std::uint64_t count = reader.varint();
  if (!reader.ok() || slot.value >= kSlotCount || count == 0) return false;
  const std::uint64_t here =
      std::uint64_t{slot.value} * core.totals.later.size() + static_cast<std::uint8_t>(section.kind);
  if (here < last_) return false;
  last_ = here;
  SlotState& state = core.change(slot);
  if (first != section.size(&state.keys, state.coordination.get())) return false;

  for (std::uint64_t i = 0; i < count; ++i) {
    if (!section.decode(reader, core, slot, format)) return false;
  }
  return reader.finished();
}

// ---- the keyspace's own part

void Keyspace::use_format(std::uint8_t format) {
  Core& core = state_->core;
  CHECK(format == kFormatOfKinds - 1 || format == kFormatOfKinds);
  CHECK(format == kFormatOfKinds || core.totals.later == Totals{}.later,
        "format {} has no room for what is there", format);
  core.format = format;
}

void Keyspace::begin_snapshot() {
  CHECK(state_->core.walk == nullptr, "a snapshot is being taken already");
  state_->core.walk = std::make_unique<SnapshotWalk>(state_->core);
}

bool Keyspace::snapshotting() const { return state_->core.walk != nullptr; }

std::string Keyspace::next_chunk(std::size_t target, std::string room) {
  Core& core = state_->core;
  CHECK(core.walk != nullptr, "no snapshot is being taken");
  std::string chunk = core.walk->next_chunk(core, target, std::move(room));
  if (chunk.empty()) core.walk.reset();
  return chunk;
}

std::uint32_t Keyspace::snapshot_slots() const {
  return state_->core.walk == nullptr ? 0 : state_->core.walk->slots_done();
}

void Keyspace::abandon_snapshot() { state_->core.walk.reset(); }

std::size_t Keyspace::snapshot_backlog() const {
  return state_->core.walk == nullptr ? 0 : state_->core.walk->backlog();
}

Result<void> Keyspace::load_chunk(std::string_view chunk) {
  Core& core = state_->core;
  if (core.loader == nullptr) {
    CHECK(core.revision == 0 && core.totals == Totals{}, "a snapshot needs an empty keyspace");
    core.loader = std::make_unique<SnapshotLoader>();
  }
  return core.loader->load(core, chunk);
}

Result<void> Keyspace::finish_load() {
  Core& core = state_->core;
  if (core.loader == nullptr) return damaged("it is empty");
  const auto loader = std::move(core.loader);
  if (!bind_loaded_keys(core)) return damaged("a key of it is bound to a session that is not there");
  if (!loaded_holdings_have_sessions(core)) {
    return damaged("something in it is held by a session that is not there");
  }
  return loader->finish(core);
}

}  // namespace holdfast::keyspace

#include "keyspace/feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/mutation.h"
#include "keyspace/feed_state.h"
#include "keyspace/snapshot_codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

struct FeedTable::State {
  Core& core;
};

namespace {

constexpr auto kPart = static_cast<std::size_t>(PartKind::feeds);
// A block is full beyond this many bytes, or an eighth of what is retained.
constexpr std::uint64_t kBlockBytes = 64 * 1024;
constexpr std::uint64_t kBlockShare = 8;
constexpr std::size_t kBlockMemory = sizeof(FeedBlock) + 8 * sizeof(void*);

// ---- changes

void encode_change(Writer& writer, FeedOperation operation, std::uint64_t revision,
                   std::string_view key, const std::string_view* value) {
  writer.u8(static_cast<std::uint8_t>(operation));
  writer.varint(revision);
  writer.bytes(key);
  writer.u8(value == nullptr ? 0 : 1);
  if (value != nullptr) writer.bytes(*value);
}

bool decode_change(Reader& reader, FeedChange& change) {
  const std::uint8_t operation = reader.u8();
  change.operation = static_cast<FeedOperation>(operation);
  change.revision = reader.varint();
  change.key = reader.bytes();
  const std::uint8_t has_value = reader.u8();
  change.value.reset();
  if (has_value == 1) change.value = reader.bytes();
  return reader.ok() && has_value <= 1 && operation >= 1 &&
         operation <= static_cast<std::uint8_t>(FeedOperation::flush);
}

void note(Core& core, FeedOperation operation, std::uint64_t revision, std::string_view key,
          const std::string_view* value) {
  for (auto& [prefix, feed] : core.feeds.by_prefix) {
    if (operation != FeedOperation::flush && !key.starts_with(prefix)) continue;
    Writer writer(feed.open);
    encode_change(writer, operation, revision, key, value);
    ++feed.open_changes;
  }
}

// ---- blocks

bool full(const Feed& feed, const FeedBlock& block) {
  const FeedRetention& retention = feed.retention;
  if (retention.entries != 0 && block.changes * kBlockShare >= retention.entries) return true;
  if (retention.bytes != 0 && block.bytes.size() * kBlockShare >= retention.bytes) return true;
  return block.bytes.size() >= kBlockBytes;
}

void forget_first(Core& core, Feed& feed) {
  const FeedBlock& first = *feed.blocks.front();
  feed.entries -= first.changes;
  feed.bytes -= first.bytes.size();
  feed.lost_up_to = first.last;
  core.memory -= first.bytes.size() + kBlockMemory;
  feed.blocks.pop_front();
}

void forget_old(Core& core, Feed& feed) {
  while (feed.blocks.size() > 1) {
    const FeedRetention& retention = feed.retention;
    const bool enough = retention.entries != 0 &&
                        feed.entries - feed.blocks.front()->changes >= retention.entries;
    const bool large = (retention.bytes != 0 && feed.bytes > retention.bytes) ||
                       feed.bytes > FeedTable::kMaxBytes;
    if (!enough && !large) return;
    forget_first(core, feed);
  }
}

void add_block(Core& core, Feed& feed, std::shared_ptr<FeedBlock> block) {
  core.memory += block->bytes.size() + kBlockMemory;
  feed.entries += block->changes;
  feed.bytes += block->bytes.size();
  core.feeds.newest = std::max(core.feeds.newest, block->last);
  feed.blocks.push_back(std::move(block));
}

void close_group(Core& core, Feed& feed) {
  const std::uint64_t revision = core.revision;
  if (feed.blocks.empty() || full(feed, *feed.blocks.back())) {
    add_block(core, feed, std::make_shared<FeedBlock>());
  }
  FeedBlock& block = *feed.blocks.back();
  const std::size_t before = block.bytes.size();
  Writer writer(block.bytes);
  writer.varint(feed.open_changes);
  writer.varint(revision);
  writer.raw(feed.open);
  const std::size_t added = block.bytes.size() - before;
  feed.hash = checksum(std::string_view(block.bytes).substr(before), feed.hash);
  block.changes += feed.open_changes;
  block.last = revision;
  feed.entries += feed.open_changes;
  feed.bytes += added;
  core.memory += added;
  core.feeds.newest = revision;
  feed.open.clear();
  feed.open_changes = 0;
  forget_old(core, feed);
}

void encode_head(Writer& writer, std::string_view prefix, const Feed& feed) {
  writer.bytes(prefix);
  writer.varint(feed.retention.entries);
  writer.varint(feed.retention.bytes);
  writer.varint(feed.lost_up_to);
  writer.u64(feed.hash);
}

bool makes_sense(const FeedRetention& retention) {
  if ((retention.entries == 0) == (retention.bytes == 0)) return false;
  return retention.entries <= FeedTable::kMaxEntries && retention.bytes <= FeedTable::kMaxBytes;
}

// Walks over the groups of a block; false if a call says so, or if they make no sense.
bool for_each_group(
    const FeedBlock& block,
    const std::function<bool(std::uint64_t revision, std::vector<FeedChange>& changes)>& visit) {
  Reader reader(block.bytes);
  std::vector<FeedChange> changes;
  while (reader.left() > 0) {
    const std::uint64_t count = reader.varint();
    const std::uint64_t revision = reader.varint();
    if (!reader.ok() || count == 0 || count > reader.left()) return false;
    changes.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!decode_change(reader, changes.emplace_back())) return false;
    }
    if (!visit(revision, changes)) return false;
  }
  return true;
}

}  // namespace

std::string_view name_of(FeedOperation operation) {
  switch (operation) {
    case FeedOperation::set:
      return "set";
    case FeedOperation::expire:
      return "expire";
    case FeedOperation::persist:
      return "persist";
    case FeedOperation::del:
      return "del";
    case FeedOperation::expired:
      return "expired";
    case FeedOperation::flush:
      return "flush";
  }
  return "";
}

// ---- the hook

void note_set(Core& core, const Object& object) {
  std::string scratch;
  const std::string_view text = object.value().text(scratch);
  note(core, FeedOperation::set, object.modified(), object.name(),
       text.size() > kFeedValueBytes ? nullptr : &text);
}

void note_expiry(Core& core, const Object& object) {
  if (!object.expiry().set()) {
    return note(core, FeedOperation::persist, object.modified(), object.name(), nullptr);
  }
  const std::string at = fmt::to_string(object.expiry().wall.ms);
  const std::string_view text = at;
  note(core, FeedOperation::expire, object.modified(), object.name(), &text);
}

void note_removal(Core& core, std::string_view key, FeedOperation why) {
  if (why == FeedOperation::expired && mutated(Mutation::feed_without_expiry)) return;
  note(core, why, core.revision, key, nullptr);
}

void note_flush(Core& core) { note(core, FeedOperation::flush, core.revision, {}, nullptr); }

void end_feed_step(Core& core) {
  core.feeds.step_end = core.revision;
  for (auto& [prefix, feed] : core.feeds.by_prefix) {
    if (feed.open_changes != 0) close_group(core, feed);
  }
}

// ---- snapshots

FeedParts feed_parts(const Core& core) {
  FeedParts parts;
  for (const auto& [prefix, feed] : core.feeds.by_prefix) {
    CHECK(feed.open_changes == 0, "a snapshot begins in the middle of a step");
    std::string head;
    Writer writer(head);
    encode_head(writer, prefix, feed);
    parts.emplace_back(std::move(head), nullptr);
    for (const auto& block : feed.blocks) {
      const bool grows = block == feed.blocks.back();
      parts.emplace_back("", grows ? std::make_shared<FeedBlock>(*block) : block);
    }
  }
  return parts;
}

std::string encode_feed_part(const FeedParts::value_type& part) {
  std::string body;
  Writer writer(body);
  writer.u8(part.second == nullptr ? 0 : 1);
  writer.raw(part.second == nullptr ? part.first : part.second->bytes);
  return body;
}

namespace {

bool decode_head(Reader& reader, std::string& prefix, Feed& feed) {
  prefix = reader.bytes();
  feed.retention.entries = reader.varint();
  feed.retention.bytes = reader.varint();
  feed.lost_up_to = reader.varint();
  feed.hash = reader.u64();
  return reader.finished() && makes_sense(feed.retention);
}

bool decode_block(Reader& reader, Core& core) {
  if (core.feeds.by_prefix.empty()) return false;
  Feed& feed = core.feeds.by_prefix.rbegin()->second;
  auto block = std::make_shared<FeedBlock>();
  block->bytes = reader.raw(reader.left());
  block->last = feed.blocks.empty() ? feed.lost_up_to : feed.blocks.back()->last;
  const bool whole = for_each_group(*block, [&](std::uint64_t revision, auto& changes) {
    if (revision <= block->last || revision > core.revision) return false;
    block->last = revision;
    block->changes += changes.size();
    return true;
  });
  if (!whole || block->changes == 0) return false;
  add_block(core, feed, std::move(block));
  return true;
}

}  // namespace

bool decode_feed_part(Reader& reader, Core& core) {
  const std::uint8_t is_block = reader.u8();
  if (!reader.ok() || is_block > 1) return false;
  if (is_block == 1) return decode_block(reader, core);
  Feeds& feeds = core.feeds;
  std::string prefix;
  Feed feed;
  if (!decode_head(reader, prefix, feed) || feed.lost_up_to > core.revision) return false;
  // In the order of their prefixes.
  if (!feeds.empty() && prefix <= feeds.by_prefix.rbegin()->first) return false;
  if (feeds.by_prefix.size() >= FeedTable::kMaxFeeds) return false;
  feeds.by_prefix.emplace(std::move(prefix), std::move(feed));
  feeds.step_end = core.revision;
  ++core.totals.later[kPart];
  return true;
}

bool restore_feed_part(Reader& reader, FeedTable& feeds) {
  const std::uint8_t is_block = reader.u8();
  if (!reader.ok() || is_block > 1) return false;
  if (is_block == 1) return true;
  std::string prefix;
  Feed feed;
  if (!decode_head(reader, prefix, feed)) return false;
  if (!feeds.info(prefix)) feeds.declare(prefix, feed.retention);
  return true;
}

void encode_feeds(Writer& writer, const Core& core) {
  for (const auto& [prefix, feed] : core.feeds.by_prefix) {
    encode_head(writer, prefix, feed);
    writer.varint(feed.entries);
    writer.varint(feed.bytes);
  }
}

// ---- the table

FeedTable::FeedTable(Keyspace& owner) : state_(new State{owner.state_->core}) {}
FeedTable::~FeedTable() = default;

bool FeedTable::declare(std::string_view prefix, const FeedRetention& retention) {
  CHECK(makes_sense(retention));
  Core& core = state_->core;
  auto found = core.feeds.by_prefix.find(prefix);
  if (found == core.feeds.by_prefix.end()) {
    if (core.feeds.by_prefix.size() >= kMaxFeeds) return false;
    found = core.feeds.by_prefix.emplace(prefix, Feed{}).first;
    ++core.totals.later[kPart];
    found->second.lost_up_to = core.next_revision();
  } else {
    core.next_revision();
  }
  found->second.retention = retention;
  forget_old(core, found->second);
  return true;
}

bool FeedTable::drop(std::string_view prefix) {
  Core& core = state_->core;
  const auto found = core.feeds.by_prefix.find(prefix);
  if (found == core.feeds.by_prefix.end()) return false;
  while (!found->second.blocks.empty()) forget_first(core, found->second);
  core.feeds.by_prefix.erase(found);
  --core.totals.later[kPart];
  core.next_revision();
  return true;
}

std::optional<std::string_view> FeedTable::covering(std::string_view prefix) const {
  std::optional<std::string_view> longest;
  for (const auto& [declared, feed] : state_->core.feeds.by_prefix) {
    if (!prefix.starts_with(declared)) continue;
    if (!longest || declared.size() > longest->size()) longest = declared;
  }
  return longest;
}

std::vector<std::string_view> FeedTable::prefixes() const {
  std::vector<std::string_view> all;
  for (const auto& [prefix, feed] : state_->core.feeds.by_prefix) all.emplace_back(prefix);
  return all;
}

std::optional<FeedInfo> FeedTable::info(std::string_view prefix) const {
  const auto found = state_->core.feeds.by_prefix.find(prefix);
  if (found == state_->core.feeds.by_prefix.end()) return std::nullopt;
  const Feed& feed = found->second;
  return FeedInfo{feed.retention, feed.entries, feed.bytes, feed.lost_up_to};
}

std::uint64_t FeedTable::now() const { return state_->core.feeds.step_end; }
std::uint64_t FeedTable::newest() const { return state_->core.feeds.newest; }

FeedPage FeedTable::read(std::string_view prefix, std::string_view match, std::uint64_t position,
                         std::size_t count) const {
  CHECK(count > 0);
  const Core& core = state_->core;
  const auto found = core.feeds.by_prefix.find(prefix);
  CHECK(found != core.feeds.by_prefix.end(), "there is no feed '{}'", prefix);
  const Feed& feed = found->second;
  FeedPage page;
  page.position = feed.lost_up_to;
  page.compacted = position < feed.lost_up_to;
  // A feed that was declared in the present step begins after the last one.
  page.later = position > std::max(core.feeds.step_end, feed.lost_up_to);
  if (page.compacted || page.later) return page;
  page.position = position;
  const auto first = std::lower_bound(
      feed.blocks.begin(), feed.blocks.end(), position + 1,
      [](const auto& block, std::uint64_t after) { return block->last < after; });
  std::size_t bytes = 0;
  const auto visit = [&](std::uint64_t revision, std::vector<FeedChange>& changes) {
    if (revision <= position) return true;
    if (page.changes.size() >= count || bytes >= kPageBytes) return false;
    for (FeedChange& change : changes) {
      bytes += change.key.size() + (change.value ? change.value->size() : 0) + 16;
      const bool matches = change.operation == FeedOperation::flush || change.key.starts_with(match);
      if (!matches) continue;
      page.changes.push_back(std::move(change));
      if (mutated(Mutation::feed_splits_transaction) && page.changes.size() == count) {
        page.position = page.changes.back().revision;
        return false;
      }
    }
    page.position = revision;
    return true;
  };
  bool to_end = true;
  for (auto block = first; to_end && block != feed.blocks.end(); ++block) {
    to_end = for_each_group(**block, visit);
  }
  // All is read that there is: what comes next comes after this moment.
  if (to_end) page.position = std::max(position, core.feeds.step_end);
  return page;
}

}  // namespace holdfast::keyspace

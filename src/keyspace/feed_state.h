// What a keyspace remembers of feeds. For the files of keyspace/ only.
//
// Changes are kept encoded, groups in blocks: a snapshot takes hold of the blocks that are full and
// copies only the one that grows.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "base/ids.h"
#include "keyspace/feed.h"

namespace holdfast::keyspace {

struct Core;
class Object;

// Groups: each the number of its changes, the revision of the last, and the changes.
struct FeedBlock {
  std::string bytes;
  std::uint64_t changes = 0;
  std::uint64_t last = 0;  // revision
};

// Invariants: no block is empty; blocks in order of their revisions.
struct Feed {
  FeedRetention retention;
  std::deque<std::shared_ptr<FeedBlock>> blocks;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost_up_to = 0;  // what came up to this revision is not there
  std::uint64_t hash = 0;        // of all that was ever added
  // Of the present step.
  std::string open;
  std::uint64_t open_changes = 0;
};

struct Feeds {
  std::map<std::string, Feed, std::less<>> by_prefix;
  std::uint64_t step_end = 0;  // the revision with which the last step ended
  std::uint64_t newest = 0;

  bool empty() const { return by_prefix.empty(); }
};

// ---- the hook: called after each change of a key, if any feed is declared
void note_set(Core& core, const Object& object);
void note_expiry(Core& core, const Object& object);
void note_removal(Core& core, std::string_view key, FeedOperation why);
void note_flush(Core& core);
// What was noted since the last step is a group.
void end_feed_step(Core& core);

// ---- snapshots: a part for each feed, and one for each of its blocks
using FeedParts = std::deque<std::pair<std::string, std::shared_ptr<const FeedBlock>>>;
FeedParts feed_parts(const Core& core);
// The body of such a part.
std::string encode_feed_part(const FeedParts::value_type& part);
// In their order. False: it makes no sense.
bool decode_feed_part(Reader& reader, Core& core);
// Only what was declared, and only if it is not here: what a backup's cluster went through is
// nothing that this one did.
bool restore_feed_part(Reader& reader, FeedTable& feeds);
// For digests, whatever their size.
void encode_feeds(Writer& writer, const Core& core);

}  // namespace holdfast::keyspace

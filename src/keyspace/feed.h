// Feeds: what has changed in the keys of a prefix, in order, for whoever reads along.
//
// A feed is declared for a prefix and remembers, from then on, each effect on a key that begins with
// it: of commands, of transactions, of time. What one entry's command or transaction did is a group,
// and is given out whole or not at all. What is older than the feed is to retain is forgotten a
// block of groups at a time.
//
// A position is the revision up to which somebody has read: it stays true wherever it is used next.
//
// Deterministic: a function of the changes and of step ends. Costs nothing while none is declared.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace holdfast::keyspace {

class Keyspace;

enum class FeedOperation : std::uint8_t {
  set = 1,      // the key has this value now, and is there
  expire = 2,   // it ends by itself at this calendar time
  persist = 3,  // it does not end by itself any more
  del = 4,
  expired = 5,  // it has ended by itself
  flush = 6,    // all keys are gone; has no key
};
// As clients see it.
std::string_view name_of(FeedOperation operation);

struct FeedChange {
  FeedOperation operation = FeedOperation::set;
  std::uint64_t revision = 0;
  std::string key;
  // Of a set the new value, of an expire the time in milliseconds; nothing if there is none, or if it
  // is longer than kFeedValueBytes.
  std::optional<std::string> value;
};

inline constexpr std::size_t kFeedValueBytes = 64 * 1024;

// One of both is 0 and does not count.
struct FeedRetention {
  std::uint64_t entries = 0;  // at least so many changes are kept …
  std::uint64_t bytes = 0;    // … or about so many bytes, at most

  bool operator==(const FeedRetention&) const = default;
};

struct FeedInfo {
  FeedRetention retention;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t oldest = 0;  // the position from which it can be read
};

struct FeedPage {
  bool compacted = false;  // what comes after the position is not all there any more
  bool later = false;      // the position lies in the future: it is of something else
  std::uint64_t position = 0;  // up to which has been read; if compacted the oldest there is
  std::vector<FeedChange> changes;
};

class FeedTable {
 public:
  static constexpr std::size_t kMaxFeeds = 16;
  static constexpr std::uint64_t kMaxEntries = 1'000'000;      // of a feed
  static constexpr std::uint64_t kMaxBytes = 256 * 1024 * 1024;  // of a feed, however it retains
  // A page ends with the group that passes this many bytes, changes that do not match included.
  static constexpr std::size_t kPageBytes = 1024 * 1024;

  explicit FeedTable(Keyspace& owner);
  ~FeedTable();
  FeedTable(const FeedTable&) = delete;
  FeedTable& operator=(const FeedTable&) = delete;

  // A feed that is there keeps what it has, as far as the new retention goes. False: there are
  // kMaxFeeds already.
  bool declare(std::string_view prefix, const FeedRetention& retention);
  bool drop(std::string_view prefix);

  // The declared prefix that all keys with this prefix are told of in; the longest, if there are
  // several; nothing if none is.
  std::optional<std::string_view> covering(std::string_view prefix) const;
  std::vector<std::string_view> prefixes() const;
  std::optional<FeedInfo> info(std::string_view prefix) const;
  // From the position on, whole groups until `count` changes matched, or the end. REQUIRES: the feed
  // is there; count > 0.
  FeedPage read(std::string_view prefix, std::string_view match, std::uint64_t position,
                std::size_t count) const;
  // The position of now: what has come before the present step.
  std::uint64_t now() const;
  // The last change that any feed remembers.
  std::uint64_t newest() const;

 private:
  friend class Keyspace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace

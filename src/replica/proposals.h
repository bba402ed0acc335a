// What the leader has accepted and not yet answered, in the one order in which it takes effect.
//
// A Turn is what one turn of the loop gathered: writes, which become one log entry, and reads,
// which ride along at their place or, in a turn without a write, wait for one confirmation of
// leadership. Turns are run strictly first come first served, so the commands of a connection, and
// of all connections, take effect in the order in which they were submitted.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "consensus/protocol.h"
#include "replica/batch.h"

namespace holdfast::replica {

// One command of a turn: where its record lies.
struct TurnItem {
  bool write = false;
  std::size_t offset = 0;  // in the entry's payload, or in Turn::reads
  std::size_t length = 0;
};

struct Turn {
  BatchWriter writes;
  std::string reads;  // records of the reads, one after the other
  std::vector<TurnItem> items;
  bool from_elsewhere = false;  // has commands of other nodes' clients
  bool entry = false;  // became (or is to become) a log entry, perhaps an empty one: a pulse

  // The record of an item, wherever it lies by now.
  std::string_view record(const TurnItem& item) const {
    const std::string_view written = payload.empty() ? writes.payload() : payload.view();
    return (item.write ? written : std::string_view(reads)).substr(item.offset, item.length);
  }

  // Once proposed:
  SharedBytes payload;
  Instant proposed;
  Index index;
  Epoch epoch;
  // If it has reads: they came in between these two; the first is known as soon as there is one.
  ClusterTime since = {};
  ClusterTime asked = {};
  // A turn without entry, once its reads were requested:
  consensus::ReadTicket ticket = 0;
  bool readable = false;
  Index readable_at;
  consensus::ReadMode confirmed_by = consensus::ReadMode::quorum;
};

class Proposals {
 public:
  // A turn, and so an entry, has no more commands than this: it is applied in one go, and some
  // thousands take milliseconds.
  static constexpr std::size_t kMostItems = 4096;

  // `batch_bytes`: of writes, or of reads, that a turn has at most, unless one command is larger.
  explicit Proposals(std::uint64_t batch_bytes) : batch_bytes_(batch_bytes) {}

  // `from_elsewhere`: of another node's client.
  void add_write(std::string_view record, bool from_elsewhere = false);
  // `since`: the time at the end of the turn before.
  void add_read(std::string_view record, ClusterTime since = {});

  // The turns gathered and not yet proposed, in order; at least one if anything was added.
  std::deque<Turn>& gathered() { return gathered_; }
  const std::deque<Turn>& gathered() const { return gathered_; }
  // Bytes of writes among what is gathered, 0 if there is none; and how many writes.
  std::uint64_t bytes_to_write() const;
  std::size_t writes_gathered() const;
  // Makes sure that what is gathered (or nothing) will be proposed as an entry.
  void want_entry();
  // A gathered turn has been proposed, or its reads requested.
  void under_way(Turn turn);

  // Proposed turns, oldest first.
  std::deque<Turn>& running() { return running_; }
  const std::deque<Turn>& running() const { return running_; }
  // True if an entry is proposed and not yet applied.
  bool entry_running() const { return entries_running_ != 0; }
  // Takes the oldest turn under way out of the queue.
  Turn pop();
  // Bytes of entries gathered and under way.
  std::uint64_t bytes() const;
  // Everything, in order, is taken out: leadership is lost.
  std::deque<Turn> take_all();

 private:
  // The turn that one more command goes into, a new one if the last is full.
  Turn& open();

  std::uint64_t batch_bytes_;
  std::deque<Turn> gathered_;
  std::deque<Turn> running_;
  std::uint64_t running_bytes_ = 0;
  std::size_t entries_running_ = 0;
};

}  // namespace holdfast::replica

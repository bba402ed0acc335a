// The write-ahead log: every promise, entry, cut and snapshot mark of all groups of one loop, in
// one set of segment files, so that one sync serves them all. Format: docs/formats/log.md.
//
// Writes are asynchronous. At most one chain (write, then sync) is under way; what arrives
// meanwhile is gathered and leaves as the next chain: group commit. Completions come back in order.
// A failed write or sync calls `fatal`, which ends the process: what the disk holds is then
// unknown. (If `fatal` returns, as in tests, nothing is written or acknowledged any more.)
//
// Threads: the loop's. Owns: the segment files of its prefix in the folder. Lifetime: dies before
// the disk; then no `done` is called any more.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/trace.h"
#include "consensus/entry.h"
#include "consensus/membership.h"
#include "consensus/protocol.h"
#include "env/disk.h"
#include "storage/log_format.h"

namespace holdfast::storage {

struct LogOptions {
  std::uint64_t segment_bytes = 64 << 20;
  // Names the folder's owner in every header; a file of another folder is refused.
  std::uint64_t folder_id = 0;
  // Segments are named <prefix><number>.hfl.
  std::string prefix = "log-";
  // This folder has had a log before: finding none is an error, not a fresh start.
  bool must_exist = false;
  // Set to file, offset and what is wrong if the log cannot be opened because what is there fails its
  // checksums or contradicts itself; stays as it is on every other error. Null: nobody asks.
  std::string* damage = nullptr;
};

// What one group had on disk: feeds consensus::make_protocol together with the snapshot's mark.
struct GroupRecovery {
  Epoch promise;
  Index before;  // entries up to here are not in the log (compacted, or under a snapshot)
  Epoch before_epoch;
  std::vector<consensus::Entry> entries;  // contiguous from before.next()
};

struct LogRecovery {
  std::vector<std::pair<GroupId, GroupRecovery>> groups;  // sorted by group
  std::uint64_t torn_bytes = 0;  // of an unfinished last write, which was never acknowledged
  std::uint64_t bytes_read = 0;
};

// One durable step of a group: promise first, then the cut, then the entries.
struct LogWrite {
  GroupId group;
  std::optional<Epoch> promise;
  std::optional<Index> cut_from;  // everything from here on is void
  std::span<const consensus::Entry> entries;
};

class Log {
 public:
  using Done = std::function<void()>;
  using Fatal = std::function<void(const std::string& what)>;

  // Reads what is there (blocking), copies the tail of the last segment into a fresh, synced file,
  // and is then ready. A torn last record is cut off; anything else that fails its checksums is
  // corruption: an error that names file and offset, and nothing is changed on disk.
  static Result<std::unique_ptr<Log>> open(env::Disk& disk, Trace& trace, LogOptions options,
                                           Fatal fatal, LogRecovery& recovered);
  ~Log();

  // REQUIRES: the step is not empty; the promise is not lower than the last one; the entries follow
  // the group's last one, or the cut; an entry has less than 1 GiB.
  // Queues the step; `done` is called when it and everything queued before it is durable. Never
  // before returning. The entries' payloads are shared, not copied.
  void write(const LogWrite& step, Done done);
  // Entries of the group up to and including `index` are no longer needed (a durable snapshot
  // holds them). Segments that hold nothing needed are removed in the background.
  void forget(GroupId group, Index index, Epoch epoch);
  // The group's log is replaced by a snapshot: entries up to `index` and all after it are void.
  void reset(GroupId group, Index index, Epoch epoch, Done done);
  // Ends the turn: starts a chain if none is under way.
  void flush();

  // The segments, and how far nothing is written to them any more.
  std::vector<SegmentExtent> extents() const;
  std::string name_of(const SegmentExtent& segment) const;
  // What must be forgotten before this segment and those before it can go: the highest entry of each
  // group.
  std::map<GroupId, Index> entries_up_to(const SegmentExtent& segment) const;
  Index forgotten(GroupId group) const;
  // The segment that is written shall be no longer than it is: what is written next goes into another
  // one, as soon as there is one.
  void roll();

  // False: the disk is full, and what room is left in the log is kept for promises and cuts. The
  // node proposes nothing then; what is queued all the same waits for room and is not lost. Space
  // is asked for again with each forget() and now and then with flush().
  bool may_accept() const;

  // Bytes in live segments, allocated or written; number of completed syncs; for INFO.
  std::uint64_t bytes() const;
  std::uint64_t syncs() const;
  bool idle() const;  // nothing queued or under way

 private:
  struct State;
  explicit Log(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with completions, which look whether it still lives
};

}  // namespace holdfast::storage

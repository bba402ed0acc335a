// Snapshots of a replica's own state: made chunk by chunk between turns, without fork and without
// stopping the world; stored; told to the log so that old segments can go.
//
// The log shares the disk, and its syncs wait for what is being written. So one chunk at a time is, and
// if the log has synced meanwhile, a rest follows that is as many times longer as kRest says: for most of
// the time the log has the disk alone, however slow that is, and a snapshot takes so much longer at most.
// Whom it holds up too long says so: then there is no rest.
//
// Threads: the loop's. Owns: the walk over the keyspace and the writer of the file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/trace.h"
#include "env/disk.h"
#include "keyspace/keyspace.h"
#include "storage/snapshot_file.h"

namespace holdfast::replica {

class Snapshots {
 public:
  // Called when a snapshot of our own has become durable.
  using Stored = std::function<void(const storage::SnapshotHeader& header)>;

  Snapshots(env::Disk& disk, Trace& trace, Stored stored);
  ~Snapshots();

  // Begins one of the present state. REQUIRES: !making().
  void begin(const storage::SnapshotHeader& header, keyspace::Keyspace& keyspace);
  bool making() const { return writer_ != nullptr; }
  // Whether one could not be written since the last call.
  bool take_failure() { return std::exchange(failed_, false); }
  // The index of one that only the disk has to finish, which it may do even if it is abandoned; 0.
  Index finishing() const { return encoded_ && making() ? header_.mark.index : Index(); }
  struct Pace {
    std::uint64_t log_syncs = 0;  // so far
    bool hurry = false;           // more than the log's syncs depends on the end of it
  };
  // Encodes a bounded part if it is time. Call once per turn while making().
  void advance(keyspace::Keyspace& keyspace, const Pace& pace, Instant now);
  // When advance() has work next; never() while it waits for the disk.
  Instant wake_at() const;
  // The state is about to be replaced by a peer's snapshot.
  void abandon(keyspace::Keyspace& keyspace);
  // A finished file is the newest now; older ones are removed.
  void adopt(storage::SnapshotFile file);
  // The same, but every other goes at once, newer ones too: what they hold is not to be trusted.
  void adopt_only(storage::SnapshotFile file);

  const std::optional<storage::SnapshotFile>& newest() const { return newest_; }
  // Those that are on the disk: the newest first, those on their way out last.
  std::vector<storage::SnapshotFile> files() const;
  // Removes it, unless it is the newest, whoever holds it.
  void drop(const storage::SnapshotFile& file);
  // Keeps the newest on the disk, also behind newer ones, as long as somebody has what is returned;
  // unless it turns out that it is not to be trusted. REQUIRES: there is one.
  std::shared_ptr<void> hold();
  // Removes those that nobody holds any more. Call now and then.
  void tidy();

 private:
  void finished(Result<void> result);
  void remove(const storage::SnapshotFile& file);
  void leave(const storage::SnapshotFile& file);

  env::Disk& disk_;
  Trace& trace_;
  Stored stored_;
  std::optional<storage::SnapshotFile> newest_;
  std::uint64_t adopted_ = 0;  // so far
  // The one before the newest stays until the next, since it may be on its way to a peer.
  std::optional<storage::SnapshotFile> previous_;
  // Files that are held, and who holds them; those that would be gone otherwise.
  struct Held {
    storage::SnapshotFile file;
    std::weak_ptr<void> holders;
    bool leaving = false;
  };
  std::vector<Held> held_;
  std::vector<storage::SnapshotFile> going_;  // being removed
  storage::SnapshotHeader header_;
  std::unique_ptr<storage::SnapshotWriter> writer_;
  bool failed_ = false;
  // The chunk that was given last. Its memory is the next one's: where a system is slow to give fresh
  // memory, that of a large chunk takes milliseconds.
  std::shared_ptr<std::string> chunk_;
  bool chunk_given_ = false;  // and its rest has not begun
  Instant chunk_began_;
  std::uint64_t chunk_syncs_ = 0;  // of the log, when it began
  Instant rest_until_;
  bool encoded_ = false;  // all chunks are with the writer; the disk has to finish
  // Completions of a writer that was abandoned find this changed and do nothing.
  std::shared_ptr<int> generation_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace holdfast::replica

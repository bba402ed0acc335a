// A snapshot of one group in a file: a header (what it stands for), chunks (the keyspace's
// encoding, opaque here), a trailer that makes it whole. Format: docs/formats/snapshot.md.
//
// A file is written under a temporary name, synced, renamed, and the folder synced; so a file of
// the final name is complete or the disk has failed. snapshot-<group>-<index>.hfs
//
// Threads: the loop's; the disk work runs on the background lane.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "consensus/protocol.h"
#include "env/disk.h"

namespace holdfast::storage {

// The longest chunk. A maker aims at far less, but the largest single thing (a value of 512 MiB, a
// lock with all the waiters it may have) must fit into one.
inline constexpr std::size_t kSnapshotChunkMax = std::size_t{1} << 30;

struct SnapshotHeader {
  GroupId group;
  consensus::SnapshotMark mark;
  ClusterTime stamp;  // cluster time of the state
  WallTime wall;
  std::uint32_t semantics = 1;  // version of the commands' meaning
};

// Writes one snapshot; chunks in order, then finish. Abandoned if destroyed before.
class SnapshotWriter {
 public:
  using Done = std::function<void(Result<void>)>;
  SnapshotWriter(env::Disk& disk, const SnapshotHeader& header);
  ~SnapshotWriter();

  void add_chunk(SharedBytes chunk);
  void add_chunk(std::string chunk) { add_chunk(SharedBytes(std::move(chunk))); }
  // Bytes given and not yet on their way to the disk; the maker waits when this grows.
  std::uint64_t pending() const;
  // Trailer, sync, rename, folder sync; then done.
  void finish(Done done);
  // Name of the finished file, bytes written.
  const std::string& name() const;
  std::uint64_t bytes() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Reads a finished file (blocking: start-up or install). `on_chunk` gets each chunk in order; a
// false return stops with an error. Verifies all checksums; an error names file and offset.
Result<SnapshotHeader> read_snapshot(std::string_view name, std::string_view bytes,
                                     const std::function<bool(std::string_view chunk)>& on_chunk);
// Whether its header is whole and of a version that this program does not know.
bool is_newer_snapshot(std::string_view bytes);
// Only the header.
Result<SnapshotHeader> read_snapshot_header(std::string_view name, std::string_view bytes);

struct SnapshotFile {
  std::string name;
  Index index;
  std::uint64_t size = 0;
  // Of a live node's: told apart from others that had the same name.
  std::uint64_t version = 0;
};

// What tells one snapshot from every other, read from its beginning and its end: two files of the
// same identity have the same bytes (as far as 64 bits of checksum can tell).
struct SnapshotIdentity {
  GroupId group;
  Index index;
  Epoch epoch;                // of that entry
  std::uint64_t size = 0;     // of the file
  std::uint64_t content = 0;  // checksum of its header and chunks, as the trailer has it

  bool operator==(const SnapshotIdentity&) const = default;
};
// The header lies within the first so many bytes, and the trailer is the last so many.
inline constexpr std::size_t kSnapshotHeaderMax = 64 << 10;
inline constexpr std::size_t kSnapshotTrailerBytes = 40;
// `beginning`: the first kSnapshotHeaderMax bytes, or all if there are fewer.
Result<SnapshotIdentity> identify_snapshot(const SnapshotFile& file, std::string_view beginning,
                                           std::string_view trailer);
// How many of these bytes, which arrived before something ended, are whole parts of that snapshot:
// its header, chunks that match their checksums, its trailer.
std::size_t whole_snapshot_bytes(const SnapshotIdentity& snapshot, std::string_view bytes);
// The newest finished snapshot of the group, if any; removes left-over temporary files.
Result<std::optional<SnapshotFile>> find_snapshot(env::Disk& disk, GroupId group);
// A finished snapshot of this group.
bool is_snapshot(std::string_view name, GroupId group);
std::string snapshot_name(GroupId group, Index index);
std::string snapshot_temporary_name(GroupId group, Index index);
// Of one that comes from a peer (this node may be making one of the same index meanwhile). The name
// says which snapshot it is, so that what is there after a restart can be gone on with.
std::string snapshot_arriving_name(const SnapshotIdentity& snapshot);
bool is_arriving_snapshot(std::string_view name);

}  // namespace holdfast::storage

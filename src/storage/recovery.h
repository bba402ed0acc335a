// Reading a log back: what each group had, where the log ends, and whether its end is one that a
// crash may leave or one that only damage can.
//
// Nothing is written here, and arbitrary bytes give a Result, never a crash.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "env/disk.h"
#include "storage/group_track.h"
#include "storage/log.h"

namespace holdfast::storage {

struct GroupReplay {
  GroupTrack track;
  // Entries up to here were in segments that are gone: someone must have forgotten them later.
  Index missing;
  std::deque<consensus::Entry> entries;  // from max(track.before, missing).next() to track.last
};

// A segment that is kept.
struct RecoveredSegment {
  std::uint64_t number = 0;
  std::uint64_t size = 0;
  std::map<GroupId, Index> highest;  // the highest entry index in it, of each group
  std::uint64_t end = 0;             // of its records; of the tail, when it was read
};

struct RecoveredLog {
  std::map<GroupId, GroupReplay> groups;
  std::vector<RecoveredSegment> segments;  // the last one is the tail; none: an empty folder
  std::string tail;                        // its good bytes, header included
  std::vector<std::string> unused;  // files of ours to remove: unused segments, temporary ones
  std::uint64_t torn_bytes = 0;
  std::uint64_t bytes_read = 0;
};

// Reads all segments. Blocking.
Result<RecoveredLog> recover_log(env::Disk& disk, const LogOptions& options);

// Where a segment's records end.
struct SegmentEnd {
  std::uint64_t offset = 0;      // behind the last good record
  std::uint64_t torn_bytes = 0;  // that follow; of a write which a crash cut short
  std::uint64_t records = 0;
  std::uint64_t starts = 0;  // of the records: start records
};

// Reads one segment into `groups`. `first`: older segments have been removed, so its start records
// introduce the groups; in later ones they must agree with what is known.
Result<SegmentEnd> read_segment(std::string_view name, std::uint64_t number, std::string_view bytes,
                                const LogOptions& options, bool first,
                                std::map<GroupId, GroupReplay>& groups,
                                std::map<GroupId, Index>& highest);

}  // namespace holdfast::storage

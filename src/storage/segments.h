// The files of a live log: which exist, which one is written, the next one made in advance, and the
// removal of those that hold nothing needed.
//
// A segment comes into being under a temporary name, is filled with zeros, gets its header, is
// synced and then renamed: a file of a segment's name always has a good header. It is never used
// twice.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/trace.h"
#include "env/disk.h"
#include "storage/log.h"
#include "storage/log_format.h"
#include "storage/recovery.h"

namespace holdfast::storage {

class Segments : public std::enable_shared_from_this<Segments> {
 public:
  Segments(env::Disk& disk, Trace& trace, const LogOptions& options, Log::Fatal fatal);

  // Start-up, blocking: gives the tail a fresh, synced copy (what the page cache shows may not be
  // on the disk), removes what is not used; makes the first segment of an empty folder.
  Result<void> begin(const RecoveredLog& recovered);

  // The one that is written.
  std::uint64_t number() const { return live_.back().number; }
  std::string name() const;
  std::uint64_t size() const { return live_.back().size; }
  // An entry of this index now lies in it.
  void note_entry(GroupId group, Index index);

  // Asks for the next one, of at least `bytes`, unless it is there or on its way.
  void prepare_next(std::uint64_t bytes);
  // True: the next one is there and has at least `bytes`.
  bool next_ready(std::uint64_t bytes) const;
  // REQUIRES: next_ready(0). The next one is now the one that is written; the records of the one before
  // it end at `end`.
  void advance(std::uint64_t end);

  // Those that are on the disk, oldest first. `durable`: up to where the one that is written is.
  std::vector<SegmentExtent> extents(std::uint64_t durable) const;
  // The highest entry of each group in those up to and including this one.
  std::map<GroupId, Index> highest_up_to(std::uint64_t number) const;

  // The last attempt to make the next one found no room.
  bool starved() const { return starved_; }
  void try_again();

  // Removes, oldest first, what holds no entry above what its group has forgotten (durably).
  // Never the one that is written. REQUIRES: that one's first write is durable.
  void remove_unneeded(const std::function<Index(GroupId)>& forgotten);

  std::uint64_t bytes() const;

 private:
  enum class Next { none, preparing, ready };

  void create();
  void on_created(const Result<void>& result);
  void on_prepared(const Result<void>& result);
  void on_removed(const Result<void>& result);
  Result<void> make_first();
  Result<void> copy_tail(const RecoveredLog& recovered);
  std::vector<env::DiskOperation> creation(std::uint64_t number, std::uint64_t size) const;
  // The job's done, called only while this still lives.
  template <class Method>
  std::function<void(Result<void>)> then(Method method);

  env::Disk& disk_;
  Trace& trace_;
  LogOptions options_;
  Log::Fatal fatal_;
  std::deque<RecoveredSegment> live_;  // oldest first
  Next next_ = Next::none;
  std::uint64_t next_size_ = 0;
  bool starved_ = false;
  std::size_t removing_ = 0;  // of the oldest, on their way out
};

}  // namespace holdfast::storage

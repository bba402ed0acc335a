// The files of a live node read once more, all of them within a period, slowly and past what memory
// holds of them, so that a disk that forgets is found out while what it forgot is still known.
//
// It finds, and tells its owner, who knows how to make a file unneeded; then it waits until that
// file is gone. A file is read only as far as its owner says that nothing is written any more.
//
// Threads: the loop's; files are read on the background lane. Time is told.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/throttle.h"
#include "base/time.h"
#include "env/disk.h"
#include "storage/file_scan.h"

namespace holdfast::storage {

struct ScrubFile {
  std::string name;
  // Another one is another file, though it may have the same name.
  std::uint64_t version = 0;
  std::uint64_t bytes = 0;               // to be read, from the beginning
  std::optional<SegmentExtent> segment;  // nothing: a snapshot
};

class Scrub {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // What there is at this moment.
    virtual std::vector<ScrubFile> files_to_scrub() const = 0;
    // Told once for each file. `what`: where and what is wrong, for people.
    virtual void on_damage(const ScrubFile& file, const std::string& what) = 0;
    // It is not there any more.
    virtual void on_repaired(const ScrubFile& file) = 0;
  };
  struct Pace {
    Duration period;                // 0: nothing is read
    std::uint64_t bytes_per_s = 0;  // 0: no limit
  };
  struct Figures {
    std::uint64_t passes = 0;  // that came to their end
    std::uint64_t bytes = 0;   // read
    std::uint64_t found = 0;   // damaged files
    std::uint64_t repaired = 0;
  };

  // The first pass begins after a part of the period that follows from `chance`, so that the nodes
  // of a cluster do not all read at the same time.
  Scrub(env::Disk& disk, Owner& owner, std::uint64_t chance)
      : disk_(disk), owner_(owner), chance_(chance) {}
  ~Scrub() { *alive_ = false; }
  Scrub(const Scrub&) = delete;
  Scrub& operator=(const Scrub&) = delete;

  void on_turn_end(const Pace& pace, Instant now);
  Instant wake_at() const;
  // Somebody could not use one of the files: the next pass begins at once, but no more than one a
  // minute.
  void hurry(Instant now);

  const Figures& figures() const { return figures_; }
  // What there is to be read.
  std::vector<ScrubFile> files() const { return owner_.files_to_scrub(); }
  // Found, and still there.
  const std::vector<ScrubFile>& damaged() const { return damaged_; }

 private:
  struct Reading {
    ScrubFile file;
    std::unique_ptr<FileScan> scan;
    std::uint64_t offset = 0;  // of what is read next
    bool again = false;        // something seemed to be wrong with it
  };

  void set_pace(const Pace& pace, Instant now);
  void look_for_repairs();
  std::optional<ScrubFile> find(const ScrubFile& file) const;
  void begin(const ScrubFile& file, bool again);
  void read_piece(Instant now);
  void on_piece(const Result<void>& result, const std::string& bytes, std::uint64_t wanted);
  void suspect(const std::string& what, bool certain);
  void end_file();

  env::Disk& disk_;
  Owner& owner_;
  const std::uint64_t chance_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Pace pace_;
  Throttle throttle_;
  Instant pass_at_ = Instant::never();
  Instant pass_began_;
  std::deque<ScrubFile> waiting_;  // of this pass
  std::optional<Reading> current_;
  bool under_way_ = false;  // a piece is being read
  std::vector<ScrubFile> damaged_;
  Figures figures_;
};

}  // namespace holdfast::storage

// A disk that forgets what was not synced, and does worse when told to.
//
// Writes go to what a page cache would show; a power loss keeps, sector by sector and at random,
// some of what was written since the last sync of the file, and of the names changed since the last
// sync of the folder a random number of the oldest. What was synced is not lost. Jobs take time.
//
// Faults are put in by hand. Two sorts must be told apart:
//
//   told      the caller gets an error: failed writes, reads and syncs, no space
//   silent    what was confirmed is not on the platters: lost and misdirected writes, syncs that
//   are
//             not done (hidden by the page cache until the power goes), flipped bits (seen at the
//             next read)
//
// The disk remembers the truth about sectors that hold something else, so that heal() can tell
// whether somebody who refused to use them left them alone. Errors are worded as os/folder.cc does.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "env/disk.h"
#include "sim/schedule.h"

namespace holdfast::sim {

// How long a sync takes on a disk that nothing is wrong with; one in fifty takes longer. What is only
// written is in the page cache in no time.
struct DiskSpeed {
  Duration sync_min = microseconds(20);
  Duration sync_max = microseconds(400);
};

class Disk final : public env::Disk {
 public:
  static constexpr std::uint64_t kSector = 512;

  // Runs a completion on the loop of the process that owns the folder, whenever that has time.
  using Deliver = std::function<void(std::function<void()>)>;

  Disk(Schedule& schedule, Prng prng, Deliver deliver)
      : schedule_(schedule), prng_(prng), deliver_(std::move(deliver)) {}

  // From now on, and heal() leaves it so.
  void set_speed(DiskSpeed speed) { speed_ = speed; }

  void submit(env::Lane lane, env::DiskJob job) override;
  Result<void> run(std::span<const env::DiskOperation> operations) override;
  Result<std::vector<env::FileInfo>> list() override;
  Result<std::string> read(std::string_view name, std::uint64_t limit) override;
  Result<std::uint64_t> free_space() override;

  // The process dies: jobs under way stop somewhere, nobody is told. `power`: the machine dies, and
  // what was not synced may be gone; otherwise the page cache survives and all that was written is
  // kept.
  void crash(bool power);

  // ---- faults (disk_faults.cc). Where a prefix is named, only files whose names begin so are hit.
  // Each of these replaces what it was told before.

  static constexpr std::uint32_t kForGood = UINT32_MAX;
  // The next so many fail.
  void fail_writes(std::uint32_t times, std::string prefix = "");
  void fail_reads(std::uint32_t times, std::string prefix = "");
  // A failed sync has dropped what it should have made durable: it reads back as written until the
  // power goes, and no later sync brings it to the disk.
  void fail_syncs(std::uint32_t times, std::string prefix = "");
  // Each of the next so many syncs of a file that has something to sync leaves a run of its sectors
  // out, and is confirmed.
  void lose_writes(std::uint32_t times, std::string prefix = "");
  // … puts the run elsewhere in the file, at a sector's beginning, over what is there.
  void misdirect_writes(std::uint32_t times, std::string prefix = "");
  // All syncs are confirmed and none is done.
  void lie_about_syncs(bool lie);
  // Everything takes `factor` times as long; and so many operations in a million take `stall` more.
  void slow_down(std::int64_t factor, Duration stall = {}, std::uint32_t stall_ppm = 0);
  // So many bytes can still be allocated; what is removed is room again.
  void limit_space(std::uint64_t bytes);
  // Flips one bit of a synced sector, mostly of one that holds something. False: there is none. Never
  // the last bit set at the beginning or end of a sector: what then reads as zeros looks like what
  // was never written, and that is lose_writes().
  bool flip_bit(Prng& prng, std::string_view prefix = "");
  // A new disk: empty, in order.
  void wipe();
  bool wiped() const { return wiped_; }
  std::uint32_t wipes() const { return wipes_; }  // so far
  // Keeps what a power loss would leave at least; one image, the newest.
  void save_image();
  // REQUIRES: no process. Back to the image. False: none was saved.
  bool restore_image();
  // The moment before a crash: once so many more operations have been carried out the disk does
  // nothing any more until crash(): jobs stand still, blocking calls fail, nobody is told of the
  // last one. `call` is called then, once; from inside an operation, so it only plans the crash.
  void stand_still_after(std::uint64_t operations, std::function<void()> call);
  bool stands_still() const { return stands_still_; }

  // Whether what is confirmed from now on may not reach the platters.
  bool may_lose() const {
    return lying_ || ignored_sync_ || lost_writes_.left > 0 || misdirected_writes_.left > 0;
  }
  // Whether any sector on the platters is not what was confirmed.
  bool has_wrong_sectors() const;
  // Whether one of the first so many bytes of this file is not what was confirmed.
  bool wrong_within(std::string_view name, std::uint64_t bytes) const;
  // Whether the power's going would show that something confirmed is not there.
  bool hides_loss() const;
  // What is confirmed reaches the platters after all, while the page cache still has it.
  void keep_promises();
  // No faults any more. Sectors that hold something else than they should hold the truth again,
  // unless that was lost with the page cache or they have been overwritten or removed since.
  void heal();
  // The bytes of a file as a process finds them now, after a power loss that keeps nothing but what
  // it must, or after restore_image(); nothing if there is no such file.
  std::optional<std::string> content(std::string_view name) const;
  std::optional<std::string> after_power_loss(std::string_view name) const;
  std::optional<std::string> in_image(std::string_view name) const;

  struct Counts {
    std::uint64_t operations = 0, failed_writes = 0, failed_reads = 0, failed_syncs = 0,
                  lost_writes = 0, misdirected_writes = 0, ignored_syncs = 0, stalls = 0,
                  refused_for_space = 0, flipped_bits = 0, unsynced_losses = 0, lost_names = 0,
                  restored_sectors = 0, promises_kept = 0, losses_shown = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  using Sector = std::uint64_t;  // its number in the file
  struct File {
    std::string content;        // as the page cache shows it
    std::string durable;        // as it is on the platters
    std::vector<Sector> dirty;  // written since the last sync; in any order, with repetitions
    // What sectors should hold, where the platters hold something else that was confirmed.
    std::map<Sector, std::string> truth;
  };
  using Names = std::map<std::string, std::shared_ptr<File>, std::less<>>;
  struct LaneState {
    std::deque<env::DiskJob> jobs;
    std::size_t done = 0;  // operations of the first job
    bool planned = false;  // the next one is in the schedule
  };
  // A fault that waits for its next occasions.
  struct Ambush {
    std::uint32_t left = 0;
    std::string prefix;
    bool strikes(std::string_view name);
  };
  // Consecutive sectors.
  struct Run {
    Sector first = 0;
    std::uint64_t count = 0;
  };

  void plan(env::Lane lane);
  // What is under way takes as long from now on as things take now.
  void plan_again();
  void work(env::Lane lane);
  Duration cost(const env::DiskOperation& operation);

  // ---- one operation
  Result<void> carry_out(const env::DiskOperation& operation);
  Result<void> act(const env::CreateFile& operation);
  Result<void> act(const env::WriteFile& operation);
  Result<void> act(const env::ResizeFile& operation);
  Result<void> act(const env::SyncFile& operation);
  Result<void> act(const env::SyncFolder& operation);
  Result<void> act(const env::RenameFile& operation);
  Result<void> act(const env::RemoveFile& operation);
  Result<void> act(const env::ReadFile& operation);
  void change_names(std::function<void(Names&)> change);

  // ---- files (disk_faults.cc)
  static std::uint64_t sectors_of(const std::string& bytes) {
    return (bytes.size() + kSector - 1) / kSector;
  }
  static std::string_view sector_of(const std::string& bytes, Sector sector);
  static void put_sector(std::string& bytes, Sector sector, std::string_view content);
  static void write_at(File& file, std::uint64_t offset, std::string_view bytes);
  static void resize(File& file, std::uint64_t size);
  static void mark_dirty(File& file, std::uint64_t begin, std::uint64_t end);
  static void sort_dirty(File& file);
  void sync(File& file, std::string_view name);
  void write_back(File& file, Sector sector);
  Run draw_run(const File& file);
  void leave_out(File& file, const Run& run);
  void misdirect(File& file, const Run& run);
  void lose_unsynced(File& file, bool everything);
  static void drop_cached(File& file, std::uint64_t offset, std::uint64_t length);
  std::uint64_t used() const;
  std::uint64_t room() const;
  template <class Each>
  void for_each_file(Each each) const;

  Schedule& schedule_;
  Prng prng_;
  Deliver deliver_;
  Names names_;
  Names durable_names_;
  std::vector<std::function<void(Names&)>> name_changes_;  // since the last SyncFolder
  std::array<LaneState, env::kLanes> lanes_;
  std::uint64_t generation_ = 0;  // events of an older one do nothing

  Ambush failing_writes_, failing_reads_, failing_syncs_, lost_writes_, misdirected_writes_;
  bool lying_ = false;
  DiskSpeed speed_;
  bool ignored_sync_ = false;  // since the lie began, or promises were kept
  std::int64_t factor_ = 1;
  Duration stall_;
  std::uint32_t stall_ppm_ = 0;
  std::optional<std::uint64_t> capacity_;
  std::map<std::string, std::string, std::less<>> image_;
  bool has_image_ = false;
  bool wiped_ = false;
  std::uint32_t wipes_ = 0;
  std::uint64_t still_at_ = 0;  // of Counts::operations
  std::function<void()> at_still_;
  bool stands_still_ = false;
  Counts counts_;
};

}  // namespace holdfast::sim

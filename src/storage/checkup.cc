#include "storage/checkup.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "storage/log_format.h"
#include "storage/met_starts.h"
#include "storage/recovery.h"
#include "storage/set_aside.h"
#include "storage/snapshot_file.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kFileLimit = std::uint64_t{1} << 40;

// Errors are for whoever starts a node: here only what was found is wanted, not what it means.
std::string found_in(std::string_view name, const Error& error) {
  std::string_view text = error.message;
  text = text.substr(0, text.find(". Nothing has been changed"));
  if (text.starts_with(name)) text.remove_prefix(name.size());
  while (text.starts_with(",") || text.starts_with(":") || text.starts_with(" ")) {
    text.remove_prefix(1);
  }
  return std::string(text);
}

class Checker {
 public:
  explicit Checker(env::Disk& disk) : disk_(disk) {}

  Result<Checkup> run() {
    auto files = disk_.list();
    if (!files) return files.error();
    check_identity();
    for (const env::FileInfo& file : *files) {
      FileFinding finding{file.name, file.size, FileState::unknown, {}};
      if (auto checked = check(finding); !checked) return checked.error();
      known_ = known_ || finding.state != FileState::unknown;
      found_.files.push_back(std::move(finding));
    }
    if (!known_) return Error{"this is no data folder: none of its files is Holdfast's"};
    check_log();
    return std::move(found_);
  }

 private:
  void check_identity() {
    auto identity = load_identity(disk_);
    if (!identity) {
      found_.obstacle = identity.error().message;
    } else if (identity->folder_uid != 0) {
      options_.folder_id = identity->folder_uid;
      options_.must_exist = identity->cluster_id != 0;
      found_.identity = *std::move(identity);
    }
  }

  Result<void> check(FileFinding& file) {
    const std::string_view name = file.name;
    if (name == "identity") return check_identity_file(file);
    if (name == kMetStarts) return check_met_starts(file);
    if (name.starts_with(kDamaged)) {
      file.state = FileState::aside;
      file.what = "set aside at a start: no node reads it";
    } else if (name == kRecovering || name == kSettingAside) {
      found_.recovering = true;
      file.state = FileState::whole;
      file.what = "the node recovers: it does not vote until it has everything again";
    } else if (name == "lock") {
      file.state = FileState::whole;
    } else if (segment_number(options_.prefix, name)) {
      return check_segment(file);
    } else if (name.starts_with("snapshot-") && name.ends_with(".hfs")) {
      return check_snapshot(file);
    } else if (is_arriving_snapshot(name)) {
      file.state = FileState::left_over;
      file.what = "a part of a snapshot of another node: gone on with if that one is sent again";
    } else if (name.ends_with(".tmp") && is_ours(name)) {
      file.state = FileState::left_over;
      file.what = "not finished: removed at the next start";
    }
    return {};
  }

  static bool is_ours(std::string_view name) {
    return name.starts_with("log-") || name.starts_with("snapshot-") ||
           name.starts_with("identity") || name.starts_with(kMetStarts);
  }

  Result<void> check_identity_file(FileFinding& file) {
    file.state = found_.identity ? FileState::whole : FileState::damaged;
    if (!found_.identity) file.what = found_in(file.name, Error{found_.obstacle});
    return {};
  }

  Result<void> check_met_starts(FileFinding& file) {
    bool damaged = false;
    const auto met = load_met_starts(disk_, damaged);
    if (!met && !damaged) return met.error();
    file.state = met ? FileState::whole : FileState::damaged;
    if (!met) file.what = "which starts of the other nodes were met: the node starts without it";
    return {};
  }

  // By itself: what the files before it say is looked at in check_log().
  Result<void> check_segment(FileFinding& file) {
    auto bytes = disk_.read(file.name, kSegmentBytesMax);
    if (!bytes) return bytes.error();
    LogOptions options = options_;
    if (!found_.identity) {
      // Whose it is cannot be known; that the log is whole can.
      SegmentHeader header;
      if (decode(*bytes, header).empty()) options.folder_id = header.folder;
    }
    std::map<GroupId, GroupReplay> groups;
    std::map<GroupId, Index> highest;
    const auto number = *segment_number(options.prefix, file.name);
    const auto end = read_segment(file.name, number, *bytes, options, true, groups, highest);
    if (!end) {
      file.state = FileState::damaged;
      file.what = found_in(file.name, end.error());
    } else if (end->records == 0) {
      file.state = FileState::left_over;
      file.what = "made in advance: nothing is in it";
    } else {
      file.state = FileState::whole;
      file.what = fmt::format("{} records", end->records);
      if (end->torn_bytes > 0) {
        file.what += fmt::format(", and {} bytes of a write that a crash cut short (offset {})",
                                 end->torn_bytes, end->offset);
      }
    }
    return {};
  }

  Result<void> check_snapshot(FileFinding& file) {
    auto bytes = disk_.read(file.name, kFileLimit);
    if (!bytes) return bytes.error();
    std::uint64_t chunks = 0;
    const auto header = read_snapshot(file.name, *bytes, [&](std::string_view) {
      ++chunks;
      return true;
    });
    if (!header) {
      file.state = FileState::damaged;
      file.what = found_in(file.name, header.error());
      snapshot_damaged_ = true;
      return {};
    }
    file.state = FileState::whole;
    file.what = fmt::format("group {} up to entry {}, {} parts", header->group, header->mark.index,
                            chunks);
    auto& newest = snapshots_[header->group];
    newest = std::max(newest, header->mark.index);
    return {};
  }

  // As a whole: is a file missing, do the files agree, does the log begin where a snapshot ends?
  void check_log() {
    if (!found_.identity) return;
    const bool others = found_.identity->members.size() >= kNodesToRecoverFrom;
    if (snapshot_damaged_ && !others) found_.obstacle = "a snapshot is damaged";
    std::string damage;
    options_.damage = &damage;
    auto log = recover_log(disk_, options_);
    if (!log) {
      if (damage.empty() || !others) found_.obstacle = log.error().message;
      if (!damage.empty()) mark_damaged(damage);
      return;
    }
    for (const auto& [group, replay] : log->groups) {
      GroupFinding finding{group, replay.track.promise, replay.track.before.next(),
                           replay.track.last, std::nullopt};
      const auto snapshot = snapshots_.find(group);
      if (snapshot != snapshots_.end()) finding.snapshot = snapshot->second;
      const Index reached = finding.snapshot.value_or(Index());
      if (replay.track.before > reached && !snapshot_damaged_) {
        found_.obstacle = fmt::format(
            "the log of group {} begins after entry {}, and no snapshot here reaches that far: a "
            "file is missing",
            group, replay.track.before);
      }
      found_.groups.push_back(finding);
    }
  }

  // What shows only when files are compared.
  void mark_damaged(const std::string& damage) {
    for (FileFinding& file : found_.files) {
      if (!damage.starts_with(file.name) || file.state == FileState::damaged) continue;
      file.state = FileState::damaged;
      file.what = found_in(file.name, Error{damage});
    }
  }

  env::Disk& disk_;
  LogOptions options_;
  Checkup found_;
  std::map<GroupId, Index> snapshots_;
  bool snapshot_damaged_ = false;
  bool known_ = false;
};

}  // namespace

std::size_t Checkup::damaged() const {
  return static_cast<std::size_t>(std::count_if(
      files.begin(), files.end(),
      [](const FileFinding& file) { return file.state == FileState::damaged; }));
}

Result<Checkup> check_data(env::Disk& disk) { return Checker(disk).run(); }

}  // namespace holdfast::storage

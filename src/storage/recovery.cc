#include "storage/recovery.h"

#include <algorithm>
#include <utility>

#include "storage/log_format.h"

namespace holdfast::storage {
namespace {

struct Found {
  std::vector<std::uint64_t> segments;  // sorted
  std::vector<std::string> temporary;
};

Result<Found> find_files(env::Disk& disk, const LogOptions& options) {
  auto files = disk.list();
  if (!files) return files.error();
  Found found;
  for (const env::FileInfo& file : *files) {
    if (const auto number = segment_number(options.prefix, file.name)) {
      found.segments.push_back(*number);
      continue;
    }
    const auto dot = file.name.rfind('.');
    const auto number = segment_number(options.prefix, file.name.substr(0, dot));
    if (number && file.name == segment_temporary_name(options.prefix, *number)) {
      found.temporary.push_back(file.name);
    }
  }
  std::sort(found.segments.begin(), found.segments.end());
  return found;
}

Error missing_segment(const LogOptions& options, std::uint64_t number) {
  return {
      fmt::format("{} is missing from the data folder, though the log files around it are "
                  "there. Nothing has been changed. Put the file back (or the whole folder, "
                  "from a backup): it holds entries that were acknowledged.",
                  segment_name(options.prefix, number))};
}

Result<void> check_numbers(const Found& found, const LogOptions& options) {
  if (found.segments.empty() && options.must_exist) {
    return Error{
        fmt::format("the data folder has an identity but no log files ({}*): what this "
                    "node promised and acknowledged is gone. Nothing has been changed. "
                    "Put the files back (or the whole folder, from a backup), or start "
                    "with an empty folder as a new node.",
                    options.prefix)};
  }
  for (std::size_t i = 1; i < found.segments.size(); ++i) {
    const std::uint64_t expected = found.segments[i - 1] + 1;
    if (found.segments[i] != expected) return missing_segment(options, expected);
  }
  return {};
}

// Reads segment after segment and keeps track of which one is the tail.
class Recovery {
 public:
  Recovery(env::Disk& disk, const LogOptions& options) : disk_(disk), options_(options) {}

  Result<RecoveredLog> run() {
    auto found = find_files(disk_, options_);
    if (!found) return found.error();
    if (auto good = check_numbers(*found, options_); !good) return good.error();
    for (const std::uint64_t number : found->segments) {
      if (auto good = add(number); !good) return good.error();
    }
    if (auto good = check_groups(); !good) return good.error();
    log_.unused.insert(log_.unused.end(), found->temporary.begin(), found->temporary.end());
    return std::move(log_);
  }

 private:
  Result<void> add(std::uint64_t number) {
    const std::string name = segment_name(options_.prefix, number);
    auto bytes = disk_.read(name, kSegmentBytesMax);
    if (!bytes) return bytes.error();
    log_.bytes_read += bytes->size();

    RecoveredSegment segment{number, bytes->size(), {}, 0};
    const bool first = log_.segments.empty();
    const std::size_t known_groups = log_.groups.size();
    auto end = read_segment(name, number, *bytes, options_, first, log_.groups, segment.highest);
    if (!end) return end.error();
    // Beginning a segment waits for the one before it to be durable, so only the last one that
    // has records may end in the middle of a write.
    if (end->records + end->torn_bytes > 0 && log_.torn_bytes > 0) return torn_before(name);
    log_.torn_bytes += end->torn_bytes;
    const bool begun = first || end->starts >= known_groups;
    if (!first && (end->records == 0 || (!begun && end->records == end->starts))) {
      // Made in advance, or its first write did not get through: at least not as far as anything
      // new, and a segment that does not say where all groups stand must not be built upon.
      log_.unused.push_back(name);
      return {};
    }
    if (!begun) return start_missing(name);
    if (!log_.unused.empty()) return records_behind(name);
    segment.end = end->offset;
    bytes->resize(static_cast<std::size_t>(end->offset));
    log_.tail = std::move(*bytes);
    log_.segments.push_back(std::move(segment));
    return {};
  }

  void note_damage(std::string what) const {
    if (options_.damage != nullptr) *options_.damage = std::move(what);
  }

  Error torn_before(const std::string& name) const {
    const auto& torn = log_.segments.back();
    note_damage(fmt::format("{}, offset {}: a record is unreadable that had reached the disk",
                            segment_name(options_.prefix, torn.number), log_.tail.size()));
    return {
        fmt::format("{}, offset {}: the log is damaged: the record is unreadable, and {} was "
                    "begun after it had reached the disk. Nothing has been changed. Entries "
                    "that were acknowledged may be unreadable here. If the cluster's other "
                    "nodes are well, keep this folder aside and replace the node; if not, "
                    "restore the folder from a backup.",
                    segment_name(options_.prefix, torn.number), log_.tail.size(), name)};
  }

  Error start_missing(const std::string& name) const {
    note_damage(fmt::format("{}, offset {}: it does not say where every group stands", name,
                            kSegmentHeaderBytes));
    return {
        fmt::format("{}, offset {}: the log is damaged: it does not say where every group "
                    "stands. Nothing has been changed. If the cluster's other nodes are well, "
                    "keep this folder aside and replace the node; if not, restore the folder "
                    "from a backup.",
                    name, kSegmentHeaderBytes)};
  }

  Error records_behind(const std::string& name) const {
    note_damage(fmt::format("{}: it is empty, but {} behind it holds records",
                            log_.unused.front(), name));
    return {
        fmt::format("{}: the log is damaged: it is empty, but {} behind it holds records. "
                    "Nothing has been changed. Entries that were acknowledged are missing "
                    "here. If the cluster's other nodes are well, keep this folder aside and "
                    "replace the node; if not, restore the folder from a backup.",
                    log_.unused.front(), name)};
  }

  Result<void> check_groups() const {
    for (const auto& [group, replay] : log_.groups) {
      if (replay.track.before >= replay.missing) continue;
      return Error{
          fmt::format("the log begins with {}, but entries {} to {} of group {} were in "
                      "an earlier file and are still needed. Nothing has been changed. "
                      "Put the missing file back (or the whole folder, from a backup).",
                      segment_name(options_.prefix, log_.segments.front().number),
                      replay.track.before.next(), replay.missing, group)};
    }
    return {};
  }

  env::Disk& disk_;
  const LogOptions& options_;
  RecoveredLog log_;
};

}  // namespace

Result<RecoveredLog> recover_log(env::Disk& disk, const LogOptions& options) {
  return Recovery(disk, options).run();
}

}  // namespace holdfast::storage

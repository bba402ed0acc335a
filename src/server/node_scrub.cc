// What the disk holds of a running node is read again now and then; what it has lost is written
// anew from memory, which has all of it: the log's entries back to the newest snapshot, and the
// state.
#include "base/mutation.h"
#include "server/node.h"

namespace holdfast::server {

void Node::continue_scrub(Instant now) {
  if (!scrub_) return;
  const Config& config = options_.config;
  scrub_->on_turn_end({.period = seconds(config.scrub_period_s),
                       .bytes_per_s = static_cast<std::uint64_t>(config.scrub_bytes_per_s)},
                      now);
  if (mutated(Mutation::scrub_repairs_nothing)) return;
  for (const storage::ScrubFile& file : scrub_->damaged()) mend(file);
}

std::vector<storage::ScrubFile> Node::files_to_scrub() const {
  std::vector<storage::ScrubFile> files;
  for (const storage::SegmentExtent& segment : log_->extents()) {
    files.push_back({log_->name_of(segment), segment.number, segment.bytes_to_read(), segment});
  }
  for (const storage::SnapshotFile& snapshot : replica_->snapshot_files()) {
    files.push_back({snapshot.name, snapshot.version, snapshot.size, std::nullopt});
  }
  return files;
}

// Called in every turn until the file is gone: what is written meanwhile may lie in it as well.
void Node::mend(const storage::ScrubFile& file) {
  if (!file.segment) {
    return replica_->replace_snapshot({file.name, {}, file.bytes, file.version});
  }
  // A log file is needed as long as no snapshot holds its entries. The one that is written is left,
  // too.
  if (log_->extents().back().number == file.segment->number) log_->roll();
  for (const auto& [group, highest] : log_->entries_up_to(*file.segment)) {
    if (group == GroupId{} && highest > log_->forgotten(group)) replica_->outgrow_log(highest);
  }
}

void Node::on_damage(const storage::ScrubFile& file, const std::string& what) {
  trace_.error(
      "damage on this disk: a file is not any more what was written. This node has all of it in "
      "memory "
      "and writes it anew, so nothing is lost. If it ends before it says that the damage is "
      "mended, its "
      "next start takes a copy from the other nodes, or, where there are none, refuses. Check this "
      "disk",
      {{"file", file.name}, {"damage", what}});
}

void Node::on_repaired(const storage::ScrubFile& file) {
  trace_.info("damage on this disk is mended", {{"file", file.name}});
}

}  // namespace holdfast::server

// A folder whose log or snapshots are damaged, made ready to begin again without them.
//
// What is damaged is not deleted: it gets other names, for people. A file stands in the folder from
// before the first of these until the node is known to have everything again; as long as it is
// there this node must not vote or acknowledge as if its log were whole (decision 0010).
//
// At most one log is kept so: the one of the recovery under way, or else of the last one.
//
// Blocking, for start-up. A crash at any line leaves the folder as it was, or in between, which the
// next start goes on with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "env/disk.h"

namespace holdfast::storage {

// With fewer nodes nobody could be elected without the damaged one: it does not start.
inline constexpr std::size_t kNodesToRecoverFrom = 3;

// Stands in the folder while log files are being set aside, and while the node recovers.
inline constexpr std::string_view kSettingAside = "recovering.begun";
inline constexpr std::string_view kRecovering = "recovering";
// How the names of what was set aside begin.
inline constexpr std::string_view kDamaged = "damaged-";

enum class FolderState : std::uint8_t {
  whole,          // as far as this can tell
  setting_aside,  // a start ended before everything had its other name: set_aside() again
  recovering,     // what is there was made since; more was there before
};
Result<FolderState> folder_state(env::Disk& disk);

// Names of this group's snapshot files that fail their checksums. An error if one cannot be read, or
// is of a newer version.
Result<std::vector<std::string>> damaged_snapshots(env::Disk& disk, GroupId group);

// Renames all log files of this prefix and these snapshots to damaged-<start>-<name>, and leaves
// kRecovering. What an earlier recovery had set aside is removed if that has ended; if it has not,
// the log is removed that was begun since, instead of the one that was set aside. `why`: what the
// file that stays says to people. Gives the new names.
Result<std::vector<std::string>> set_aside(env::Disk& disk, std::string_view log_prefix,
                                           const std::vector<std::string>& snapshots,
                                           Incarnation start, std::string_view why);

// What makes the node an ordinary one at its next start. REQUIRES: it has everything, durably.
std::vector<env::DiskOperation> end_of_recovery();

}  // namespace holdfast::storage

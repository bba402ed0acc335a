// When a majority of a cluster's folders is gone for good: what one survivor's folder still holds,
// and a new cluster of one node made out of it. For a tool, offline; docs/decisions/0015-*.md.
//
// What the others had acknowledged and this folder never got is lost. So that nothing of it can be
// mistaken for something of the new cluster, that has an id of its own, a far later epoch, and
// revisions, hence tokens, far above all that may have been given.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "consensus/membership.h"
#include "env/disk.h"
#include "keyspace/keyspace.h"
#include "storage/identity_file.h"

namespace holdfast::server {

// The state after every entry that the folder holds: one that was not known to be committed may
// have been, by those who are gone.
struct Survivor {
  storage::Identity identity;
  consensus::Membership membership;  // as of the last entry
  Index index;                       // of the last entry
  Epoch epoch;                       // of the last entry
  Epoch promise;                     // the latest that it knew of
  ClusterTime stamp;
  std::unique_ptr<keyspace::Keyspace> keyspace;
};

// Writes nothing but what the disk is told to remove of temporary files. An error if the folder is
// no member's, or is not whole.
Result<Survivor> examine_survivor(env::Disk& folder);

// What tells the new cluster from the old one.
struct NewCluster {
  std::uint64_t cluster_id = 0;
  std::uint64_t folder_uid = 0;
  WallTime wall;
  std::string record;  // for people: when and out of what it was made; kept for good
};

// The setting that holds the records of all recoveries, the newest last.
inline constexpr std::string_view kRecoveredSetting = "recovered";
// Above the clock and above the survivor's revision by so much: days of more changes than a cluster
// can make.
inline constexpr std::uint64_t kRevisionJump = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kEpochJump = 1 << 20;

// Makes the data folder of the new cluster's only node in an empty folder, synced. Takes the
// survivor's state. `work` carries out what was submitted to the disk.
Result<void> found_anew(Survivor& survivor, const NewCluster& anew, env::Disk& empty,
                        const std::function<void()>& work);

}  // namespace holdfast::server

// Who this folder is: written before anything else, read before anything else.
// Format: docs/formats/identity.md. Replaced atomically (temporary file, sync, rename, sync).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "env/disk.h"

namespace holdfast::storage {

struct Member {
  NodeId node;
  std::string address;       // client address, HOST:PORT, as listed at --join
  std::string peer_address;  // HOST:PORT
  std::uint64_t uid = 0;     // the folder that claimed this place; 0: nobody yet
  bool operator==(const Member&) const = default;
};

struct Identity {
  std::uint64_t folder_uid = 0;  // minted at the folder's first start; a wiped folder has another
  std::uint64_t cluster_id = 0;  // 0: not yet part of a cluster
  NodeId node;                   // 0 until then
  Incarnation incarnation;       // boot counter
  std::vector<Member> members;   // all nodes of the cluster as last known, by node
  // How many nodes founded the cluster, as this folder saw it: they are 1 … founders, and the log
  // begins with them. 0: this folder joined later.
  std::uint32_t founders = 0;
  std::uint64_t roster_version = 0;  // of the list that `members` is from; 0: the founding one
  // The election time-out of the process that wrote this, or of one before it whose promises may
  // still hold; 0: none has made any (decision 0018).
  std::uint32_t election_ms = 0;
  // A random number of each of the newest starts, the last one that of `incarnation`: what tells this
  // folder from an older copy of it that was started as often. At most kStartsKept.
  std::vector<std::uint64_t> starts;
  // Not 0: a peer has met this start of the folder, of which the folder knows nothing. It is an older
  // copy, and has forgotten what it promised since.
  Incarnation older_than;

  const Member* find(NodeId member) const;
};

inline constexpr std::size_t kStartsKept = 1024;
// A further start. That of an older copy goes on from the start that it was told of, and from then on
// its past is not asked for: it begins again (decision 0022).
void count_start(Identity& identity, std::uint64_t id);
// Whether the folder can have been what somebody met under this number: it says so itself, or that
// was before what it keeps in mind.
bool knows_start(const Identity& identity, Incarnation incarnation, std::uint64_t id);

// An identity with folder_uid 0 if the folder has no identity file. An error if the file is
// damaged, is of a newer version, or is missing while log or snapshot files are there.
Result<Identity> load_identity(env::Disk& disk);
// What the file holds.
Result<Identity> read_identity(std::string_view bytes);
// Blocking: write, sync, rename, sync folder.
Result<void> store_identity(env::Disk& disk, const Identity& identity);

}  // namespace holdfast::storage

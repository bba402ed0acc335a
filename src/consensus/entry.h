// One item of a replicated log.
//
// The payload is opaque here. Its content checksum is computed once, by the leader that proposes
// it, and verified wherever the bytes have travelled: by each follower, by recovery, before apply.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/ids.h"

namespace holdfast::consensus {

enum class EntryKind : std::uint8_t {
  noop = 1,    // a new leader's first entry (Raft thesis 6.4); no payload
  batch = 2,   // commands, or none: a pulse
  config = 3,  // a membership; in force from when it is appended
};

struct Entry {
  Index index;
  Epoch epoch;
  EntryKind kind = EntryKind::noop;
  std::uint64_t content = 0;  // content_checksum of the below
  SharedBytes payload;
};

// Ties the payload to its group and index, so that an entry that strays is found out.
inline std::uint64_t content_seed(GroupId group, Index index, EntryKind kind) {
  return mix(mix(group.value, index.value), static_cast<std::uint64_t>(kind));
}
inline std::uint64_t content_checksum(GroupId group, Index index, EntryKind kind,
                                      std::string_view payload) {
  return checksum(payload, content_seed(group, index, kind));
}

}  // namespace holdfast::consensus

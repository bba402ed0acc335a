// A snapshot being taken while the keyspace goes on changing. For the files of keyspace/ only.
//
// The walk goes slot after slot. Whoever is about to change a slot that the walk has not finished
// announces it (before_change), and the rest of that slot is encoded at once and kept until its
// turn: its pre-image. A FLUSH hands the tables over instead (detach_keys).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "keyspace/snapshot_codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

class SnapshotWalk {
 public:
  explicit SnapshotWalk(const Core& core);

  void before_change(const Core& core, Slot slot);
  // The slot's keys are gone from the keyspace; takes the table if the walk still needs it.
  void detach_keys(Slot slot, KeyTable& keys);
  // Empty: everything has been given out.
  std::string next_chunk(const Core& core, std::size_t target);
  std::size_t backlog() const { return backlog_bytes_; }
  // How many of the kSlotCount slots have been given out.
  std::uint32_t slots_done() const { return slot_; }

 private:
  // A whole part, encoded.
  struct Part {
    PartKind kind;
    std::string body;
  };
  // Where in a slot the encoding is: the section, and the next item of it.
  struct Place {
    std::size_t section = 0;
    std::size_t item = 0;
  };

  bool needs(std::uint32_t slot) const;
  // Encodes one part of the slot from `place` on and moves it; false if nothing is left.
  bool encode_part(const Core& core, std::uint32_t slot, Place& place, Part& part) const;
  const KeyTable* keys_of(const Core& core, std::uint32_t slot) const;
  bool next_part(const Core& core, Part& part);
  void give(std::string& chunk, const Part& part);

  const std::uint8_t format_;  // as it was in the beginning
  Part header_;
  Part removals_;
  FeedParts feeds_;  // still to be given out
  bool header_given_ = false;
  bool end_given_ = false;
  std::uint64_t chain_ = 0;
  std::uint32_t slot_ = 0;   // whose turn it is; kSlotCount: all done
  Place place_;              // in that slot
  std::vector<bool> saved_;  // per slot: its pre-image is in the backlog
  std::map<std::uint32_t, std::deque<Part>> backlog_;
  std::size_t backlog_bytes_ = 0;
  std::map<std::uint32_t, KeyTable> detached_;
};

}  // namespace holdfast::keyspace

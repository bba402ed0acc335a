// A snapshot being taken while the keyspace goes on changing. For the files of keyspace/ only.
//
// The walk goes slot after slot. Whoever is about to change a slot that the walk has not finished
// announces it (before_change), and the rest of that slot is encoded at once and kept until its
// turn: its pre-image. A FLUSH hands the tables over instead (detach_keys).
//
// What a change costs must not depend on what else is in its slot, so a pre-image has no long texts: they
// are read where they lie when their turn comes. Whoever is about to change or to free one announces that
// too (before_text_goes), and it is copied.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "keyspace/snapshot_codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

class SnapshotWalk {
 public:
  explicit SnapshotWalk(const Core& core);

  void before_change(const Core& core, Slot slot);
  // After before_change() of its slot.
  void before_text_goes(const Object& object);
  // The slot's keys are gone from the keyspace; takes the table if the walk still needs it.
  void detach_keys(Slot slot, KeyTable& keys);
  // Empty: everything has been given out. Made in `room`.
  std::string next_chunk(const Core& core, std::size_t target, std::string room);
  // Bytes held for slots whose turn has not come.
  std::size_t backlog() const { return backlog_bytes_; }
  // How many of the kSlotCount slots have been given out.
  std::uint32_t slots_done() const { return slot_; }

 private:
  // A whole part, encoded. A long text is not in the body: it belongs there at `text_at`.
  struct Part {
    PartKind kind;
    std::string body = {};
    std::size_t text_at = 0;
    std::string_view lent = {};  // where the key has it
    std::string kept = {};       // once the key has parted with it

    std::string_view text() const { return kept.empty() ? lent : std::string_view(kept); }
  };
  // Where in a slot the encoding is: the section, and the next item of it.
  struct Place {
    std::size_t section = 0;
    std::size_t item = 0;

    bool operator==(const Place&) const = default;
  };

  bool needs(std::uint32_t slot) const;
  // Encodes one part of the slot from `place` on and moves it; false if nothing is left.
  bool encode_part(const Core& core, std::uint32_t slot, Place& place, Part& part) const;
  void keep_parts(std::uint32_t slot, std::deque<Part> parts);
  Part take_kept(std::uint32_t slot);
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
  boost::unordered_flat_map<const char*, Part*> lent_;  // to parts of the backlog
  std::map<std::uint32_t, KeyTable> detached_;          // until the slot's turn is over
};

}  // namespace holdfast::keyspace

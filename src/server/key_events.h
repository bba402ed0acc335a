// notify-keyspace-events: which events of keys a node publishes, by Redis' letters.
//
// K: on __keyspace@0__:<key>, the event; E: on __keyevent@0__:<event>, the key; at least one of them, and
// at least one class: g generic, $ strings, x expired, n new keys; A stands for g$lshzxetd, of which only
// those matter whose keys there are. `m` (misses) is refused: reads are answered by the leader and leave
// no trace on the other nodes, so nobody could publish them on every node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "keyspace/notice.h"

namespace holdfast::server {

struct KeyEventFlags {
  bool by_key = false;    // K
  bool by_event = false;  // E
  bool generic = false;
  bool string = false;
  bool expired = false;
  bool fresh = false;
  std::string others;  // of l s h z e t d: accepted, and never seen

  bool any() const { return (by_key || by_event) && (generic || string || expired || fresh); }
  bool includes(keyspace::KeyEvents events) const;
  // As CONFIG GET tells it: classes first, A for all of them.
  std::string text() const;
  // Nothing if it is no set of such letters.
  static std::optional<KeyEventFlags> parse(std::string_view text);
};

}  // namespace holdfast::server

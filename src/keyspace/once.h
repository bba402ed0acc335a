// ONCE's memory: per request id the answer that was given, in the slot of the command's first key.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"

namespace holdfast::keyspace {

class Keyspace;

struct OnceRecord {
  std::uint64_t command_hash = 0;  // another command under the same id is a mismatch
  std::string answer;              // neutral to RESP2 and RESP3 (resp/neutral.h)
  bool waiting = false;            // the command was queued (LOCK.ACQUIRE … WAIT); no answer yet
  Origin origin;                   // of the first asker, while waiting
};

class OnceTable {
 public:
  explicit OnceTable(Keyspace& owner);
  ~OnceTable();
  OnceTable(const OnceTable&) = delete;
  OnceTable& operator=(const OnceTable&) = delete;

  const OnceRecord* find(Slot slot, std::string_view id) const;
  // Ten minutes by default; ends at `until`.
  void store(Slot slot, std::string_view id, OnceRecord record, ClusterTime until);
  std::size_t size() const;

 private:
  friend class Keyspace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace

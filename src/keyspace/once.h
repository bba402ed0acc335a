// ONCE's memory: per request id the answer that was given, in the slot of the command's first key.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "keyspace/holding.h"

namespace holdfast::keyspace {

class Keyspace;

// How far the command under an id is. A lock that was granted is kept as a grant rather than as
// text: what is left of its time is told anew at each repeat.
enum class OnceState : std::uint8_t { answered, waiting, granted, not_granted };

struct OnceRecord {
  std::uint64_t command_hash = 0;  // another command under the same id is a mismatch
  OnceState state = OnceState::answered;
  std::string answer;  // if answered: neutral to RESP2 and RESP3 (resp/neutral.h)
  Grant grant;         // if granted
  ClusterTime until;   // when it is forgotten; store() sets it
};

class OnceTable {
 public:
  explicit OnceTable(Keyspace& owner);
  ~OnceTable();
  OnceTable(const OnceTable&) = delete;
  OnceTable& operator=(const OnceTable&) = delete;

  // New ids are refused beyond this many records: none is forgotten early.
  static constexpr std::size_t kLimit = 1'000'000;
  static constexpr std::int64_t kKeptMs = 10 * 60 * 1000;

  // Also returns a record that is past its time and not yet ended.
  const OnceRecord* find(Slot slot, std::string_view id) const;
  // Forgotten at `until`. A waiting record is completed by the end of the wait of that name
  // (AcquireRequest::once_id), and then kept for kKeptMs from there.
  void store(Slot slot, std::string_view id, OnceRecord record, ClusterTime until);
  std::size_t size() const;

 private:
  friend class Keyspace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace

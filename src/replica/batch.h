// The payload of a batch entry: a header with everything that apply may know of the world (time,
// randomness, bounds), then the records of one turn. Format: docs/formats/batch.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace holdfast::replica {

// The newest version that this build knows (semantics.cc). Raised whenever an existing command
// changes what it does, and when there is a new one that writes. Entries of earlier versions do what
// they did then; new ones are written in the version that all nodes agree to (commands/levels.h). An
// entry of a version that this build does not know ends the process: applying it otherwise would make
// replicas differ.
//   2: removals of keys are remembered, and WATCH of an absent key compares them
extern const std::uint16_t kSemantics;
inline constexpr std::uint16_t kRemovalsRemembered = 2;

struct BatchHeader {
  std::uint16_t semantics = kSemantics;
  ClusterTime stamp{};
  WallTime wall{};
  std::uint32_t expire_bound = 0;  // deadlines that this entry ends at most
  std::uint64_t random = 0;
};

// Gathers a turn's records behind room for the header.
class BatchWriter {
 public:
  BatchWriter();
  // Returns where in the payload the record's bytes begin.
  std::size_t add(std::string_view record);
  bool empty() const { return records_ == 0; }
  std::size_t records() const { return records_; }
  std::size_t bytes() const { return payload_.size(); }
  // What was added so far.
  std::string_view payload() const { return payload_; }
  // Fills in the header and gives the payload away. REQUIRES: not called before.
  std::string finish(const BatchHeader& header);

 private:
  std::string payload_;
  std::size_t records_ = 0;
};

// Walks a payload. ok() tells at the end whether all of it made sense.
class BatchReader {
 public:
  explicit BatchReader(std::string_view payload);
  const BatchHeader& header() const { return header_; }
  // The next record; false at the end or if the payload is damaged.
  bool next(std::string_view& record);
  bool ok() const { return ok_; }

 private:
  std::string_view payload_;
  std::size_t position_;
  BatchHeader header_;
  bool ok_;
};

}  // namespace holdfast::replica

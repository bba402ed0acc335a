// Builds a keyspace from the chunks of a snapshot. For the files of keyspace/ only.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "keyspace/snapshot_codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

class SnapshotLoader {
 public:
  Result<void> load(Core& core, std::string_view chunk);
  // All that the header announced is there, and unchanged.
  Result<void> finish(const Core& core) const;

 private:
  bool load_part(Core& core, PartKind kind, std::string_view body, std::uint8_t format);
  bool load_items(Core& core, const Section& section, std::string_view body, std::uint8_t format);

  std::uint8_t format_ = 0;  // of every chunk; 0: none has come
  bool started_ = false;
  bool ended_ = false;
  bool broken_ = false;
  std::uint64_t chain_ = 0;
  std::uint64_t last_ = 0;  // slot and section of the last part: they only go up
  Totals expected_;
};

}  // namespace holdfast::keyspace

// A client's command on its way: what the connected node encodes once, the leader puts into a batch
// unchanged, and every replica decodes to apply. Format: docs/formats/batch.md.
//
//   flags, origin, watched revisions, then one RESP-like array of words per command (one, or the
//   queue of an EXEC).
//
// Secrets are hashed before a record is made: a record may be logged and stored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace holdfast::replica {

enum RecordFlag : std::uint8_t {
  kResp3 = 1u << 0,        // the connection speaks RESP3
  kTransaction = 1u << 1,  // an EXEC: all commands atomically, the reply is their array
};

struct WatchedKey {
  std::string_view name;
  std::uint64_t revision = 0;  // Keyspace::watched
};

// Views into the encoded bytes.
struct CommandRecord {
  std::uint8_t flags = 0;
  Origin origin;
  std::vector<WatchedKey> watched;
  std::vector<std::vector<std::string_view>> commands;

  bool resp3() const { return (flags & kResp3) != 0; }
  bool transaction() const { return (flags & kTransaction) != 0; }
  void clear();
};

// Appends the record's bytes.
void encode_record(const CommandRecord& record, std::string& out);
// The common case without building a record: one command.
void encode_command(std::uint8_t flags, const Origin& origin,
                    const std::vector<std::string_view>& words, std::string& out);
// Reads one record; the views point into `bytes`. Reuses the record's capacity.
Result<void> decode_record(std::string_view bytes, CommandRecord& record);
// Only flags and origin.
Result<Origin> decode_origin(std::string_view bytes);

}  // namespace holdfast::replica

// What lies in a log segment, byte for byte; docs/formats/log.md tells it in prose.
//
//   segment:  SegmentHeader (64 bytes), records, zeros to the end of the file
//   record:   RecordHeader (96 bytes), payload, zeros up to a multiple of 8
//
// Each record says where it lies (folder, segment, offset), so that bytes that stray are found out,
// and where its chain began: all before that was durable when the record was written. That is what
// tells a write that a crash cut short from damage to something acknowledged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "consensus/entry.h"

namespace holdfast::storage {

inline constexpr std::uint32_t kLogVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kRecordHeaderBytes = 96;
inline constexpr std::size_t kRecordAlignment = 8;
// What a disk writes whole or not at all.
inline constexpr std::size_t kSectorBytes = 512;
inline constexpr std::uint32_t kRecordPayloadMax = 1u << 30;
inline constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{kRecordPayloadMax} * 2;

static_assert(kSegmentHeaderBytes % kRecordAlignment == 0);
static_assert(kRecordHeaderBytes % kRecordAlignment == 0);
static_assert(kRecordHeaderBytes < kSectorBytes);

struct SegmentHeader {
  std::uint32_t version = kLogVersion;
  std::uint64_t folder = 0;
  std::uint64_t segment = 0;
  std::uint64_t size = 0;  // of the file; a shorter one has lost its end
};

// Where a record lies, or says that it lies.
struct Place {
  std::uint64_t folder = 0;
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  bool operator==(const Place&) const = default;
};

// A log file whose records end at `end`, up to which all is durable.
struct SegmentExtent {
  std::uint64_t folder = 0;
  std::uint64_t number = 0;
  std::uint64_t size = 0;  // of the file
  std::uint64_t end = 0;
  bool closed = false;  // nothing will be written behind the end: the rest is zeros, and read as well

  std::uint64_t bytes_to_read() const { return closed ? size : end; }
};

enum class RecordKind : std::uint8_t {
  start = 1,    // a group as it stood when the segment began: index, epoch: before; StartBody
  promise = 2,  // epoch
  entry = 3,    // index, epoch, entry_kind, content, payload
  cut = 4,      // from index on everything is void
  forget = 5,   // up to index (of epoch) a snapshot holds it
  reset = 6,    // a snapshot at index (of epoch) replaces everything
};

struct RecordHeader {
  RecordKind kind = RecordKind::entry;
  consensus::EntryKind entry_kind = consensus::EntryKind::noop;  // of an entry
  GroupId group;
  Index index;
  Epoch epoch;
  std::uint64_t content = 0;  // of the payload: content_of()
  std::uint32_t length = 0;   // of the payload
  // How many sectors' shares of this record are all zero, in truth: more of them: sectors are lost.
  std::uint32_t zero_sectors = 0;
  Place place;
  std::uint64_t chain = 0;  // offset at which the write began that brought this record
};

// The payload of a start record.
struct StartBody {
  Epoch promise;
  Index last;
};

std::string encode(const SegmentHeader& header);
// What is wrong with the file's beginning, for people; empty: *header is good.
std::string decode(std::string_view bytes, SegmentHeader& header);

void encode(const RecordHeader& header, std::string& out);
// Nothing if the bytes are not exactly what encode() makes.
std::optional<RecordHeader> decode_record_header(std::string_view bytes);

std::string encode(const StartBody& body);
std::optional<StartBody> decode_start_body(std::string_view bytes);

// The content checksum that a record of this header must carry: an entry's own, or one like it.
std::uint64_t content_of(const RecordHeader& header, std::string_view payload);

// Bytes of a whole record.
std::uint64_t record_bytes(std::uint64_t payload_length);
// The payload begins at `offset` of the file. Counts the sectors that begin inside it and of which
// its share is all zero. (The sector in which it begins has a part of the header, never all zero.)
std::uint32_t count_zero_sectors(std::string_view payload, std::uint64_t offset);
bool all_zero(std::string_view bytes);

// "log-000000000000002a.hfl"
std::string segment_name(std::string_view prefix, std::uint64_t number);
// Nothing if the name is another file's.
std::optional<std::uint64_t> segment_number(std::string_view prefix, std::string_view name);
std::string segment_temporary_name(std::string_view prefix, std::uint64_t number);

}  // namespace holdfast::storage

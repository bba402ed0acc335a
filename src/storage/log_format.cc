#include "storage/log_format.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/checksum.h"
#include "base/codec.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kSegmentMagic = 0x474553474f4c4648;  // "HFLOGSEG" in the file
constexpr std::uint32_t kRecordMagic = 0x43455248;           // "HREC"
constexpr std::string_view kSuffix = ".hfl";
constexpr std::string_view kTemporary = ".tmp";
constexpr std::size_t kNumberDigits = 16;

// Never zero, so that a header's last sector share is never all zero.
std::uint64_t header_checksum(std::string_view bytes) {
  return std::max<std::uint64_t>(checksum(bytes), 1);
}

}  // namespace

std::string encode(const SegmentHeader& header) {
  std::string out;
  Writer writer(out);
  writer.u64(kSegmentMagic);
  writer.u32(header.version);
  writer.u32(0);
  writer.u64(header.folder);
  writer.u64(header.segment);
  writer.u64(header.size);
  writer.u64(0);
  writer.u64(0);
  writer.u64(header_checksum(out));
  CHECK(out.size() == kSegmentHeaderBytes);
  return out;
}

std::string decode(std::string_view bytes, SegmentHeader& header) {
  if (bytes.size() < kSegmentHeaderBytes) return "it is too short for a log file's header";
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  Reader reader(bytes);
  const std::uint64_t magic = reader.u64();
  header.version = reader.u32();
  const std::uint32_t zero = reader.u32();
  header.folder = reader.u64();
  header.segment = reader.u64();
  header.size = reader.u64();
  const std::uint64_t more_zeros = reader.u64() | reader.u64();
  const std::uint64_t sum = reader.u64();
  if (magic != kSegmentMagic) return "it does not begin as a log file does";
  // Every version has its checksum here: whether the version itself is believed comes first.
  const bool whole = sum == header_checksum(bytes.substr(0, bytes.size() - sizeof sum));
  if (whole && header.version > kLogVersion) return "";
  if (!whole || zero != 0 || more_zeros != 0) return "its header fails its checksum";
  return "";
}

void encode(const RecordHeader& header, std::string& out) {
  const std::size_t begin = out.size();
  Writer writer(out);
  writer.u32(kRecordMagic);
  writer.u8(static_cast<std::uint8_t>(header.kind));
  writer.u8(static_cast<std::uint8_t>(header.entry_kind));
  writer.u16(0);
  writer.u64(header.place.folder);
  writer.u64(header.place.segment);
  writer.u64(header.place.offset);
  writer.u64(header.chain);
  writer.u32(header.group.value);
  writer.u32(header.length);
  writer.u64(header.index.value);
  writer.epoch(header.epoch);
  writer.u64(header.content);
  writer.u32(header.zero_sectors);
  writer.u32(0);
  writer.u64(header_checksum(std::string_view(out).substr(begin)));
  CHECK(out.size() - begin == kRecordHeaderBytes);
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  bytes = bytes.substr(0, kRecordHeaderBytes);
  Reader reader(bytes);
  if (reader.u32() != kRecordMagic) return std::nullopt;
  RecordHeader header;
  header.kind = static_cast<RecordKind>(reader.u8());
  header.entry_kind = static_cast<consensus::EntryKind>(reader.u8());
  const std::uint16_t zero = reader.u16();
  header.place.folder = reader.u64();
  header.place.segment = reader.u64();
  header.place.offset = reader.u64();
  header.chain = reader.u64();
  header.group = GroupId(reader.u32());
  header.length = reader.u32();
  header.index = Index(reader.u64());
  header.epoch = reader.epoch();
  header.content = reader.u64();
  header.zero_sectors = reader.u32();
  const std::uint32_t another_zero = reader.u32();
  const std::uint64_t sum = reader.u64();
  if (zero != 0 || another_zero != 0) return std::nullopt;
  if (sum != header_checksum(bytes.substr(0, bytes.size() - sizeof sum))) return std::nullopt;
  return header;
}

std::string encode(const StartBody& body) {
  std::string out;
  Writer writer(out);
  writer.epoch(body.promise);
  writer.u64(body.last.value);
  return out;
}

std::optional<StartBody> decode_start_body(std::string_view bytes) {
  Reader reader(bytes);
  StartBody body;
  body.promise = reader.epoch();
  body.last = Index(reader.u64());
  if (!reader.finished()) return std::nullopt;
  return body;
}

std::uint64_t content_of(const RecordHeader& header, std::string_view payload) {
  return consensus::content_checksum(header.group, header.index, header.entry_kind, payload);
}

std::uint64_t record_bytes(std::uint64_t payload_length) {
  const std::uint64_t padded =
      (payload_length + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
  return kRecordHeaderBytes + padded;
}

std::uint32_t count_zero_sectors(std::string_view payload, std::uint64_t offset) {
  std::uint32_t count = 0;
  const std::uint64_t into_sector = offset % kSectorBytes;
  std::uint64_t at = into_sector == 0 ? 0 : kSectorBytes - into_sector;
  for (; at < payload.size(); at += kSectorBytes) {
    if (all_zero(payload.substr(static_cast<std::size_t>(at), kSectorBytes))) ++count;
  }
  return count;
}

bool all_zero(std::string_view bytes) {
  // Comparing with itself, shifted by one, runs at memcmp's speed.
  if (bytes.empty()) return true;
  return bytes.front() == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

std::string segment_name(std::string_view prefix, std::uint64_t number) {
  return fmt::format("{}{:0{}x}{}", prefix, number, kNumberDigits, kSuffix);
}

std::optional<std::uint64_t> segment_number(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix) || !name.ends_with(kSuffix) ||
      name.size() != prefix.size() + kNumberDigits + kSuffix.size()) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  for (const char c : name.substr(prefix.size(), kNumberDigits)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    number = number * 16 + static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return number;
}

std::string segment_temporary_name(std::string_view prefix, std::uint64_t number) {
  return segment_name(prefix, number).append(kTemporary);
}

}  // namespace holdfast::storage
